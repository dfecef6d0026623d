"""Rows of a flat log that repeat an earlier one.

Only the hashes of the keys travel, 64 bits each: two keys of some forty million fall together with a chance of 1 in
20,000.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.impression_example_gen import cast, partition
from components.impression_example_gen.columns import Column
from components.impression_example_gen.rows import Rows

# Highest bits of a hash, which are the number of its group.
_GROUP_BITS = 6

# By number of the task, sorted int64: ordinals in the task of the rows that repeat an earlier one.
Repeated = Mapping[int, np.ndarray]


def row_hashes(rows: Rows, key: Sequence[Column], separator: str) -> tuple[np.ndarray, np.ndarray]:
    """uint64 [B], of the key columns' values, a missing one as others; and bool [B], whether they could be read."""
    readable = np.ones(len(rows.positions), bool)
    hashes = np.zeros(len(rows.positions), np.uint64)
    for column in key:
        values = pa.nulls(len(hashes), column.value_type)  # where a file lacks the column
        if column.name in rows.batch.schema.names:
            values, broken = cast.cast(rows.batch[column.name], column, separator)
            readable[list(broken)] = False
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + partition.key_hashes(values)
    return hashes, readable


def by_group(
    task: int, hashes: np.ndarray, ordinals: np.ndarray
) -> Iterator[tuple[int, tuple[int, np.ndarray, np.ndarray]]]:
    """Shares rows out by their hash."""
    groups = hashes >> np.uint64(64 - _GROUP_BITS)
    for group in np.unique(groups):
        chosen = groups == group
        yield int(group), (task, hashes[chosen], ordinals[chosen])


class FindRepeated(beam.PTransform):
    """From (group, (number of the task, hashes uint64 [B], ordinals int64 [B])) to one `Repeated`."""

    def expand(self, shared_out):
        return (
            shared_out
            | "ByGroup" >> beam.GroupByKey()
            | "Repeated" >> beam.MapTuple(lambda _, rows: _repeated(rows))
            | "AllRepeated" >> beam.CombineGlobally(_merged)
        )


def _repeated(rows: Iterable[tuple[int, np.ndarray, np.ndarray]]) -> Repeated:
    parts = list(rows)
    tasks = np.concatenate([np.full(len(hashes), task, np.int64) for task, hashes, _ in parts])
    hashes = np.concatenate([hashes for _, hashes, _ in parts])
    ordinals = np.concatenate([ordinals for _, _, ordinals in parts])
    order = np.lexsort((ordinals, tasks, hashes))
    again = order[1:][hashes[order][1:] == hashes[order][:-1]]
    return {int(task): np.sort(ordinals[again[tasks[again] == task]]) for task in np.unique(tasks[again])}


def _merged(found: Iterable[Repeated]) -> Repeated:
    merged: dict[int, list[np.ndarray]] = {}
    for repeated in found:
        for task, ordinals in repeated.items():
            merged.setdefault(task, []).append(ordinals)
    return {task: np.sort(np.concatenate(ordinals)) for task, ordinals in merged.items()}
