"""Counting the tokens of all fields at once, exactly and in bounded memory."""

import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schema.fields import Field

# Partial counts of a field that may pile up before they are summed.
_PENDING_ROWS = 1 << 18
# Counts, of all fields together, that an accumulator holds; beyond it goes to files.
_ROWS_IN_MEMORY = 1 << 22
# Parts of a file of counts; what a vocabulary is made of is summed a part at a time.
_PARTS = 64


@dataclass
class _Counts:
    """Counts of one field. A token may stand in several of the tables and files; its count is the sum.

    Attributes:
        tables: Each of columns token (int64 or binary) and count (int64).
        files: Paths of Arrow IPC files of such tables; batch p of each holds the tokens of part p.
    """

    tables: list[pa.Table] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(table.num_rows for table in self.tables)

    def sum_up(self) -> None:
        self.tables = [_sum(self.tables)] if self.tables else []


class CountTokens(beam.CombineFn):
    """Counts of each field's tokens, and in the end the tokens that are frequent enough.

    Exact at any size: what does not fit into memory is spilled to files, parted by the tokens' hash, and nothing is
    pruned before all of a token's counts are summed. Memory holds some millions of counts, a part of the spilled ones,
    and the vocabularies themselves.

    Input: a tuple with an array [number of values] per field.
    Accumulator: `_Counts` of each field.
    Output: for each field the table (token int64 or binary, count int64) of its vocabulary's tokens, in their order.
    """

    def __init__(self, fields: Sequence[Field], directory: str):
        """Args:
        fields: For their least counts and `top_k`.
        directory: For the files; every worker can reach it.
        """
        self._fields = tuple(fields)
        self._directory = directory

    def create_accumulator(self) -> list[_Counts]:
        return [_Counts() for _ in self._fields]

    def add_input(self, accumulator: list[_Counts], batch: Sequence[np.ndarray]) -> list[_Counts]:
        for counts, values in zip(accumulator, batch, strict=True):
            counts.tables.append(_count(values))
        return self._bounded(accumulator)

    def merge_accumulators(self, accumulators: Iterable[list[_Counts]]) -> list[_Counts]:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            for counts, more in zip(merged, accumulator, strict=True):
                counts.tables.extend(more.tables)
                counts.files.extend(more.files)
            merged = self._bounded(merged)
        return merged

    def compact(self, accumulator: list[_Counts]) -> list[_Counts]:
        for counts in accumulator:
            counts.sum_up()
        return accumulator

    def extract_output(self, accumulator: list[_Counts]) -> list[pa.Table]:
        return [self._frequent(one, counts) for one, counts in zip(self._fields, accumulator, strict=True)]

    def _bounded(self, accumulator: list[_Counts]) -> list[_Counts]:
        for counts in accumulator:
            # The first table is the sum of earlier ones. Waiting for as much again keeps the work linear.
            if counts.tables and counts.rows > 2 * max(counts.tables[0].num_rows, _PENDING_ROWS):
                counts.sum_up()
        if sum(counts.rows for counts in accumulator) > _ROWS_IN_MEMORY:
            self.compact(accumulator)
            largest = sorted(accumulator, key=lambda counts: counts.rows)
            while sum(counts.rows for counts in accumulator) > _ROWS_IN_MEMORY // 2:
                self._spill(largest.pop())
        return accumulator

    def _spill(self, counts: _Counts) -> None:
        path = os.path.join(self._directory, f"counts-{uuid.uuid4().hex}.arrow")
        parts = _parted(_sum(counts.tables))
        with (
            FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as file,
            pa.ipc.new_file(file, parts[0].schema) as writer,
        ):
            for part in parts:
                batch = pa.RecordBatch.from_arrays(
                    [column.combine_chunks() for column in part.columns], part.schema.names
                )
                writer.write_batch(batch)
        counts.tables = []
        counts.files.append(path)

    def _frequent(self, one: Field, counts: _Counts) -> pa.Table:
        if not counts.files:
            return _most_frequent(_sum(counts.tables or [_count(np.array([], np.int64))]), one)
        if counts.tables:
            self._spill(counts)
        kept: list[pa.Table] = []
        for part in range(_PARTS):
            summed = _sum([_read_part(path, part) for path in counts.files])
            kept.append(_most_frequent(summed, one))
            if one.top_k is not None:  # so that no more than it is held
                kept = [_most_frequent(pa.concat_tables(kept), one)]
        return _most_frequent(pa.concat_tables(kept), one)


def _count(values: np.ndarray) -> pa.Table:
    tokens = pa.array(values, pa.binary()) if values.dtype.kind in "OS" else pa.array(values)
    counted = pc.value_counts(tokens)
    return pa.table({"token": counted.field("values"), "count": counted.field("counts")})


def _sum(tables: list[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    summed = pa.concat_tables(tables).group_by("token").aggregate([("count", "sum")])
    # In one piece: of a table in slices each slice would be pickled with what all of them are cut from.
    return summed.rename_columns({"token": "token", "count_sum": "count"}).combine_chunks()


def _parted(table: pa.Table) -> list[pa.Table]:
    """By the tokens' hash, which is the same in every process."""
    tokens = table["token"].to_numpy()
    parts = (pd.util.hash_array(tokens, categorize=False) % np.uint64(_PARTS)).astype(np.int64)
    order = np.argsort(parts, kind="stable")
    begins = np.searchsorted(parts[order], np.arange(_PARTS + 1))
    ordered = table.take(pa.array(order))
    return [ordered.slice(begin, end - begin) for begin, end in pairwise(begins.tolist())]


def _read_part(path: str, part: int) -> pa.Table:
    with (
        FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file,
        pa.ipc.open_file(file) as reader,
    ):
        return pa.Table.from_batches([reader.get_batch(part)])


def _most_frequent(counts: pa.Table, one: Field) -> pa.Table:
    """The tokens of a vocabulary, in its order: largest count first, ties in descending order of the bytes."""
    kept = counts.filter(pc.greater_equal(counts["count"], one.min_count))
    tokens = as_text(kept["token"])
    if pa.types.is_binary(kept["token"].type):
        lines = pc.or_(pc.match_substring(tokens, b"\n"), pc.match_substring(tokens, b"\r"))
        whole = pc.and_not(pc.greater(pc.binary_length(tokens), 0), lines)
        kept, tokens = kept.filter(whole), tokens.filter(whole)
    order = pc.sort_indices(
        pa.table({"count": kept["count"], "text": tokens}),
        sort_keys=[("count", "descending"), ("text", "descending")],
    )
    return kept.take(order[: one.top_k])


def as_text(tokens: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tokens, int64 or binary, as the bytes of their line."""
    return tokens if pa.types.is_binary(tokens.type) else tokens.cast(pa.string()).cast(pa.binary())
