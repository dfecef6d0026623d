"""Packing against loops in plain Python."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models import packing

NUMBERS = st.integers(1, 2**62)
# Few distinct ones, so that they tie. No subnormal ones: TensorFlow takes them for 0.
WEIGHTS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0]),
    st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False),
)
ANY_WEIGHTS = st.one_of(WEIGHTS, st.sampled_from([math.nan, math.inf, -math.inf]))


FEW = st.integers(0, 5)


def ragged(values, rows=FEW):
    return rows.flatmap(lambda count: st.lists(st.lists(values, max_size=5), min_size=count, max_size=count))


def sparse(rows: Sequence[Sequence], dtype=tf.int64) -> tf.SparseTensor:
    flat = tf.constant([value for row in rows for value in row], dtype, shape=[sum(map(len, rows))])
    return tf.RaggedTensor.from_row_lengths(flat, tf.constant([len(row) for row in rows], tf.int64)).to_sparse()


def count(rows: Sequence) -> tf.Tensor:
    return tf.constant(len(rows), tf.int64)


def padded(rows: Sequence[Sequence], slots: int) -> np.ndarray:
    return np.array([[*row, *[0] * (slots - len(row))] for row in rows]).reshape(len(rows), slots)


# As in tf.Transform's graph, where no size is known.
INDICES, UNKNOWN_ROWS = tf.TensorSpec([None, 2], tf.int64), tf.TensorSpec([], tf.int64)


@tf.function(input_signature=[tf.TensorSpec([None], tf.int64), (INDICES, INDICES, INDICES), UNKNOWN_ROWS])
def pack_three(values, indices, rows):
    """Fields of 2, 1 and 3 slots; they stand in the order third, first, second."""
    return packing.pack(values, indices, [3, 5, 0], [2, 1, 3], rows)


@tf.function(input_signature=[INDICES, UNKNOWN_ROWS])
def last_two(indices, rows):
    return packing.last(indices, 2, rows)


@tf.function(input_signature=[INDICES, tf.TensorSpec([None], tf.float32), UNKNOWN_ROWS])
def heaviest_two(indices, weights, rows):
    return packing.heaviest(indices, weights, 2, rows)


@tf.function(
    input_signature=[tf.SparseTensorSpec([None, None], tf.int64), tf.SparseTensorSpec([None, None], tf.float32)]
)
def aligned(values, weights):
    return packing.aligned_weights(values, weights)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), moved=st.tuples(*[st.integers(-2, 2)] * 3))
def test_pack(data, moved):
    rows = data.draw(st.integers(0, 4))
    fields = [data.draw(ragged(NUMBERS, st.just(rows))) for _ in range(3)]
    tensors = [sparse(field) for field in fields]
    indices = tuple(tensor.indices + tf.constant([0, by], tf.int64) for tensor, by in zip(tensors, moved, strict=True))
    values = tf.concat([tensor.values for tensor in tensors], axis=0)
    packed = pack_three(values, indices, tf.constant(rows, tf.int64))
    expected = np.zeros((rows, 6), np.int64)
    for field, by, first_slot, slots in zip(fields, moved, (3, 5, 0), (2, 1, 3), strict=True):
        for row, its_values in enumerate(field):
            for place, value in enumerate(its_values):
                if 0 <= place + by < slots:
                    expected[row, first_slot + place + by] = value
    np.testing.assert_array_equal(packed, expected)
    np.testing.assert_array_equal(packing.pack(values, indices, [3, 5, 0], [2, 1, 3], count(expected)), expected)


def test_pack_by_hand():
    weights, indices = (
        tf.constant([0.5, 2, -1, 7], tf.float32),
        [tf.constant([[0, 0], [2, 1], [2, 0], [1, 2]], tf.int64)],
    )
    packed = packing.pack(weights, indices, [0], [2], tf.constant(3, tf.int64))
    assert (packed.dtype, packed.numpy().tolist()) == (tf.float32, [[0.5, 0], [0, 0], [-1, 2]])


def test_the_width_is_known_while_the_graph_is_made():
    assert pack_three.get_concrete_function().output_shapes == tf.TensorShape([None, 6])


def keep(rows, indices, slots: int) -> np.ndarray:
    return packing.pack(sparse(rows).values, [indices], [0], [slots], count(rows)).numpy()


@settings(max_examples=100, deadline=None)
@given(rows=ragged(NUMBERS), slots=st.integers(1, 6))
def test_first_and_last(rows, slots):
    indices = sparse(rows).indices
    np.testing.assert_array_equal(keep(rows, indices, slots), padded([row[:slots] for row in rows], slots))
    last = packing.last(indices, slots, count(rows))
    np.testing.assert_array_equal(keep(rows, last, slots), padded([row[-slots:] for row in rows], slots))
    np.testing.assert_array_equal(last_two(indices, count(rows)), packing.last(indices, 2, count(rows)))


@settings(max_examples=100, deadline=None)
@given(rows=ragged(st.tuples(NUMBERS, WEIGHTS)), slots=st.integers(1, 6))
def test_heaviest(rows, slots):
    kept = []
    for row in rows:
        places = sorted(range(len(row)), key=lambda place: -row[place][1])[:slots]  # sorted leaves ties as they are
        kept.append([row[place][0] for place in sorted(places)])
    values = [[value for value, _ in row] for row in rows]
    indices, weights = (
        sparse(values).indices,
        sparse([[weight for _, weight in row] for row in rows], tf.float32).values,
    )
    found = packing.heaviest(indices, weights, slots, count(rows))
    np.testing.assert_array_equal(keep(values, found, slots), padded(kept, slots))
    np.testing.assert_array_equal(
        heaviest_two(indices, weights, count(rows)), packing.heaviest(indices, weights, 2, count(rows))
    )


def test_heaviest_by_hand():
    rows = [[1, 2, 3, 4], [], [5], [6, 7, 8]]
    weights = tf.constant([0.5, 2, 2, 2, -3, 1, 1, 1], tf.float32)
    found = packing.heaviest(sparse(rows).indices, weights, 2, count(rows))
    np.testing.assert_array_equal(found, [[0, -1], [0, 0], [0, 1], [0, -1], [2, 0], [3, 0], [3, 1], [3, -1]])


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(st.lists(NUMBERS, max_size=4), st.lists(ANY_WEIGHTS, max_size=5)), max_size=5))
def test_aligned_weights(rows):
    expected = [
        np.float32(weights[place]) if place < len(weights) and math.isfinite(weights[place]) else 1
        for values, weights in rows
        for place in range(len(values))
    ]
    values, weights = sparse([values for values, _ in rows]), sparse([weights for _, weights in rows], tf.float32)
    found = aligned(values, weights)
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, expected)


def test_aligned_weights_by_hand():
    values = sparse([[1, 2, 3], [4], [], [5, 6], [7]])
    weights = sparse([[0.5], [], [9, 9], [math.nan, 0, 4], [math.inf]], tf.float32)
    np.testing.assert_array_equal(packing.aligned_weights(values, weights), [0.5, 1, 1, 1, 1, 0, 1])


@pytest.mark.parametrize("row_count", [0, 1, 4])
@pytest.mark.parametrize("row", [[0, 0, 2], [], [3]])
def test_lengths(row_count, row):
    row = [one for one in row if one < row_count]
    expected = [row.count(one) for one in range(row_count)]
    np.testing.assert_array_equal(
        packing.lengths(tf.constant(row, tf.int64), tf.constant(row_count, tf.int64)), expected
    )
