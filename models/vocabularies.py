"""The vocabularies of all fields, counted in one pass over the data.

tf.Transform's own analyzer makes a Beam graph of some forty steps for each field and counts each field on its own. This
one counts every field of a batch at once and writes files that `tft.apply_vocabulary` reads.
"""

import os
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.io.filesystems import FileSystems

from schema.fields import Field

# Rows of partial counts that may pile up, over all fields, before they are summed.
_PENDING_ROWS = 1 << 18


def file_name(field_name: str) -> str:
    """Name of a field's vocabulary file among the assets of the transform graph."""
    return f"vocabulary_{field_name}"


def write_vocabularies(values: Sequence[tf.Tensor], fields: Sequence[Field]) -> list[tf.Tensor]:
    """Counts the tokens of each field over the analysed data and writes one vocabulary file per field.

    The tokens of several fields may come as those of one: a vocabulary that they share.

    A file has one token per line, most frequent first, ties in descending order of the tokens' bytes: the order of
    `tft.vocabulary(frequency_threshold=field.min_count, top_k=field.top_k)`. Like there, empty tokens and tokens with a
    line break are left out. A vocabulary without tokens gets the one line `-1`.

    Args:
        values: For each field its values in a batch, int64 or string, of shape [number of values].
        fields: The fields, for their names and minimum counts.

    Returns:
        For each field the path of its file, string [], to be used as an asset of the graph.
    """
    return tft.experimental.ptransform_analyzer(
        inputs=values,
        ptransform=_WriteVocabularies(tuple(fields)),
        output_dtypes=[tf.string] * len(fields),
        output_shapes=[[]] * len(fields),
        # A table that is initialised while the graph is traced needs a line to read; int64 tokens parse it too.
        output_asset_default_values=[b"0"] * len(fields),
        name="vocabularies",
    )


class _WriteVocabularies(tft_beam.experimental.PTransformAnalyzer):
    """From batches (a tuple with an array per field) to the path of each field's file."""

    def __init__(self, fields: tuple[Field, ...]):
        super().__init__()
        self._fields = fields

    def expand(self, batches):
        tags = [field.name for field in self._fields]
        paths = (
            batches
            | "CountTokens" >> beam.CombineGlobally(CountTokens(len(self._fields)))
            | "Write" >> beam.ParDo(_WriteFiles(self._fields, self.base_temp_dir)).with_outputs(*tags)
        )
        return tuple(paths[tag] for tag in tags)


class CountTokens(beam.CombineFn):
    """Counts of each field's tokens.

    Input: a tuple with an array [number of values] per field.
    Accumulator: for each field a list of tables (token, count); a token may stand in several of them.
    Output: for each field one table (token binary, count int64), each token once.
    """

    def __init__(self, num_fields: int):
        self._num_fields = num_fields

    def create_accumulator(self) -> list[list[pa.Table]]:
        return [[] for _ in range(self._num_fields)]

    def add_input(self, accumulator: list[list[pa.Table]], batch: Sequence[np.ndarray]) -> list[list[pa.Table]]:
        for tables, values in zip(accumulator, batch, strict=True):
            tables.append(_count(values))
        return self._compact_if_large(accumulator)

    def merge_accumulators(self, accumulators: Iterable[list[list[pa.Table]]]) -> list[list[pa.Table]]:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            for tables, more in zip(merged, accumulator, strict=True):
                tables.extend(more)
            merged = self._compact_if_large(merged)
        return merged

    def compact(self, accumulator: list[list[pa.Table]]) -> list[list[pa.Table]]:
        return [[_sum(tables)] if tables else [] for tables in accumulator]

    def extract_output(self, accumulator: list[list[pa.Table]]) -> list[pa.Table]:
        return [_sum(tables or [_count(np.array([], np.int64))]) for tables in accumulator]

    def _compact_if_large(self, accumulator: list[list[pa.Table]]) -> list[list[pa.Table]]:
        pending = sum(table.num_rows for tables in accumulator for table in tables[1:])
        return self.compact(accumulator) if pending > _PENDING_ROWS else accumulator


def _count(values: np.ndarray) -> pa.Table:
    tokens = pa.array(values, pa.binary()) if values.dtype.kind in "OS" else pa.array(values)
    counted = pc.value_counts(tokens)
    return pa.table({"token": counted.field("values"), "count": counted.field("counts")})


def _sum(tables: list[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    summed = pa.concat_tables(tables).group_by("token").aggregate([("count", "sum")])
    return summed.rename_columns({"token": "token", "count_sum": "count"})


def ordered_tokens(counts: pa.Table, min_count: int, top_k: int | None = None) -> list[bytes]:
    """Tokens in the order of their vocabulary.

    Args:
        counts: `token` int64 or binary, `count` int64.
        min_count: Least count of a token that is kept.
        top_k: Most tokens to keep, None for all.

    Returns:
        Tokens as the bytes of their line.
    """
    kept = counts.filter(pc.greater_equal(counts["count"], min_count))
    tokens = kept["token"]
    if not pa.types.is_binary(tokens.type):
        tokens = tokens.cast(pa.string()).cast(pa.binary())
    kept = pa.table({"token": tokens, "count": kept["count"]})
    kept = kept.sort_by([("count", "descending"), ("token", "descending")])
    tokens = [token for token in kept["token"].to_pylist() if token and b"\n" not in token and b"\r" not in token]
    return tokens[:top_k]


class _WriteFiles(beam.DoFn):
    """Writes each field's vocabulary; the outputs are the paths, tagged with the fields' names."""

    def __init__(self, fields: tuple[Field, ...], directory: str):
        self._fields = fields
        self._directory = directory

    def process(self, counts: list[pa.Table]) -> Iterator[beam.pvalue.TaggedOutput]:
        for field, table in zip(self._fields, counts, strict=True):
            path = os.path.join(self._directory, file_name(field.name))
            # A table can't be made of an empty file.
            tokens = ordered_tokens(table, field.min_count, field.top_k) or [b"-1"]
            with FileSystems.create(path) as file:
                for token in tokens:
                    file.write(token + b"\n")
            yield beam.pvalue.TaggedOutput(field.name, np.array(path.encode(), object))
