"""Packed examples: what TensorFlow parses from them, and what `models.inputs` makes of it."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from components.packed_transform.pack import encode_packed
from models import inputs

LEAST, MOST = -(2**63), 2**63 - 1
COLUMNS = {
    "click": ([[1], [1], [0]], pa.int64()),
    "conversion": ([[1], [0], [0]], pa.int64()),
    "ids": ([[7, 0], [MOST, LEAST], [2**53 + 1, -1]], pa.int64()),
}
OTHERS = {
    "weights": ([[0.5, 1.5, 0], [1, 0, -2], [3e38, 1e-45, 0]], pa.float32()),
    "dense": ([[0.25], [-1], [np.inf]], pa.float32()),
}
PACKED = [[1, 1, 7, 0], [1, 0, MOST, LEAST], [0, 0, 2**53 + 1, -1]]
SPEC = {
    "click": tf.io.FixedLenFeature([], tf.int64),
    "conversion": tf.io.FixedLenFeature([], tf.int64),
    "ids": tf.io.FixedLenFeature([2], tf.int64),
    "weights": tf.io.FixedLenFeature([3], tf.float32),
    "dense": tf.io.FixedLenFeature([1], tf.float32),
}


def batch(columns: dict) -> pa.RecordBatch:
    """As tf.Transform gives it: sorted by name, and lists of 64-bit lengths."""
    return pa.RecordBatch.from_pydict(
        {name: pa.array(values, pa.large_list(dtype)) for name, (values, dtype) in sorted(columns.items())}
    )


def features(example: bytes) -> set[str]:
    return set(tf.train.Example.FromString(example).features.feature)


def parsed(examples: list[bytes]) -> list[list[int]]:
    return tf.io.parse_example(examples, {"packed": tf.io.FixedLenFeature([4], tf.int64)})["packed"].numpy().tolist()


def test_labels_and_ids_are_one_feature():
    examples = encode_packed(batch(COLUMNS))
    assert [features(example) for example in examples] == [{"packed"}] * 3
    assert parsed(examples) == PACKED


def test_weights_and_dense_stay_features_of_their_own():
    examples = encode_packed(batch(COLUMNS | OTHERS))
    assert [features(example) for example in examples] == [{"packed", "weights", "dense"}] * 3
    assert parsed(examples) == PACKED
    others = tf.io.parse_example(examples, {name: SPEC[name] for name in OTHERS})
    for name, (values, _) in OTHERS.items():
        np.testing.assert_array_equal(others[name], np.array(values, np.float32))


@pytest.mark.parametrize("others", [{}, OTHERS])
def test_inputs_read_what_was_packed(others):
    columns = COLUMNS | others
    read = inputs.parse_packed(tf.constant(encode_packed(batch(columns))), {name: SPEC[name] for name in columns})
    assert read.keys() == columns.keys()
    for name, (values, dtype) in columns.items():
        expected = np.array(values, dtype.to_pandas_dtype()).reshape(-1, *SPEC[name].shape)
        assert read[name].dtype == SPEC[name].dtype
        np.testing.assert_array_equal(read[name], expected)


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (1, 2), (1, 3), (3, 3)])
def test_a_part_of_a_batch(begin, end):
    examples = encode_packed(batch(COLUMNS | OTHERS).slice(begin, end - begin))
    assert len(examples) == end - begin
    if examples:
        assert parsed(examples) == PACKED[begin:end]
