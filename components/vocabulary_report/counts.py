"""How often each id comes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from schema import contract, layout
from schema.fields import Field


@dataclass
class IdCounts:
    """Of a split, or of a part of it.

    Attributes:
        examples: How many there are.
        by_field: For each embedded field, by name, how often each of its ids comes, int64 [number of its ids]. At 0
            stands the number of examples without a value; in a slot behind the first, 0 is padding.
    """

    examples: int
    by_field: dict[str, np.ndarray]


class CountIds(beam.CombineFn):
    """Sums over batches; its memory is that of a number for each id.

    Input: record batches of blocks, lists of int64 each: `click`, of n examples, and `ids`, n · S.
    Output: `IdCounts`.
    """

    def __init__(self, fields: Sequence[Field], ids: Mapping[str, int]):
        """Args:
        fields: The embedded ones, in the order of their slots.
        ids: Number of each field's ids, the one for a missing value included; by name.
        """
        self._slots = layout.slots(fields)
        self._width = sum(field.slots for field in fields)
        self._ids = dict(ids)

    def create_accumulator(self) -> IdCounts:
        return IdCounts(0, {name: np.zeros(self._ids[name], np.int64) for name in self._slots})

    def add_input(self, counts: IdCounts, batch: pa.RecordBatch) -> IdCounts:
        examples = len(batch[contract.CLICK].flatten())
        all_ids = batch[contract.IDS].flatten().to_numpy().reshape(examples, self._width)
        counts.examples += examples
        for name, slots in self._slots.items():
            ids = all_ids[:, slots]
            counts.by_field[name] += np.bincount(ids.reshape(-1), minlength=self._ids[name])
            counts.by_field[name][0] -= np.count_nonzero(ids[:, 1:] == 0)
        return counts

    def merge_accumulators(self, accumulators: Iterable[IdCounts]) -> IdCounts:
        merged = self.create_accumulator()
        for counts in accumulators:
            merged.examples += counts.examples
            for name, by_id in counts.by_field.items():
                merged.by_field[name] += by_id
        return merged

    def extract_output(self, counts: IdCounts) -> IdCounts:
        return counts
