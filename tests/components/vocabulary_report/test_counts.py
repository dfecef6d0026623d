"""Counts of ids over many batches, against a loop in plain Python."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.vocabulary_report.counts import CountIds
from schema.fields import Field

FIELDS = (
    Field(name="a", entity="user"),
    Field(name="b", entity="user", values=3),
    Field(name="c", entity="item", values=2),
)
IDS = {"a": 4, "b": 6, "c": 2}


def batch(rows: list[tuple]) -> pa.RecordBatch:
    """A block of two rows, as far as there are, and one of the others."""
    parts = [rows[:2], rows[2:]]
    columns = {
        "click": [[1] * len(part) for part in parts],
        "ids": [[id_ for row in part for ids in row for id_ in ids] for part in parts],
    }
    return pa.RecordBatch.from_pydict(
        {name: pa.array(column, pa.large_list(pa.int64())) for name, column in columns.items()}
    )


def values(field: Field):
    ids = st.lists(st.integers(1, IDS[field.name] - 1), max_size=field.values)
    return ids.map(lambda kept: [*kept, *[0] * (field.values - len(kept))])


ROWS = st.lists(st.tuples(*map(values, FIELDS)), max_size=5)


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.lists(ROWS, max_size=3), max_size=3))
def test_any_partition_into_batches_and_bundles(parts):
    count = CountIds(FIELDS, IDS)
    accumulators = []
    for part in parts:
        accumulator = count.create_accumulator()
        for rows in part:
            accumulator = count.add_input(accumulator, batch(rows))
        accumulators.append(accumulator)
    found = count.extract_output(count.merge_accumulators(accumulators))

    expected = {name: [0] * number for name, number in IDS.items()}
    rows = [row for part in parts for rows in part for row in rows]
    for row in rows:
        for field, ids in zip(FIELDS, row, strict=True):
            kept = [value for value in ids if value]
            expected[field.name][0] += not kept
            for value in kept:
                expected[field.name][value] += 1
    assert found.examples == len(rows)
    for name, by_id in expected.items():
        assert found.by_field[name].dtype == np.int64
        np.testing.assert_array_equal(found.by_field[name], by_id)
