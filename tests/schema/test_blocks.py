"""Blocks of transformed examples: what TensorFlow parses from them, and what `models.inputs` makes of it."""

import numpy as np
import pytest
import tensorflow as tf

from models import inputs
from schema import blocks

LEAST, MOST = -(2**63), 2**63 - 1
FEATURES = {
    "click": np.array([1, 1, 0]),
    "conversion": np.array([[1], [0], [0]]),
    "ids": np.array([[7, 0], [MOST, LEAST], [2**53 + 1, -1]]),
}
OTHERS = {
    "weights": np.array([[0.5, 1.5, 0], [1, 0, -2], [3e38, 1e-45, 0]], np.float32),
    "dense": np.array([[0.25], [-1], [np.inf]], np.float32),
}
SPEC = {
    "click": tf.io.FixedLenFeature([], tf.int64),
    "conversion": tf.io.FixedLenFeature([], tf.int64),
    "ids": tf.io.FixedLenFeature([2], tf.int64),
    "weights": tf.io.FixedLenFeature([3], tf.float32),
    "dense": tf.io.FixedLenFeature([1], tf.float32),
}


def test_a_feature_has_the_values_of_all_rows():
    (block,) = blocks.encode(FEATURES | OTHERS)
    features = tf.train.Example.FromString(block).features.feature
    assert {name: list(feature.int64_list.value or feature.float_list.value) for name, feature in features.items()} == {
        "click": [1, 1, 0],
        "conversion": [1, 0, 0],
        "ids": [7, 0, MOST, LEAST, 2**53 + 1, -1],
        "weights": OTHERS["weights"].reshape(-1).tolist(),
        "dense": [0.25, -1, np.inf],
    }


@pytest.mark.parametrize(
    ("rows", "sizes"), [(0, []), (1, [1]), (64, [64]), (65, [64, 1]), (200, [64, 64, 64, 8]), (256, [64] * 4)]
)
def test_a_block_for_every_64_rows_and_one_for_the_rest(rows, sizes):
    ids = np.arange(2 * rows).reshape(rows, 2)
    features = [
        tf.train.Example.FromString(block).features.feature for block in blocks.encode({"click": ids[:, 0], "ids": ids})
    ]
    assert [len(feature["click"].int64_list.value) for feature in features] == sizes
    assert [id_ for feature in features for id_ in feature["ids"].int64_list.value] == list(range(2 * rows))


@pytest.mark.parametrize("others", [{}, OTHERS])
@pytest.mark.parametrize("rows", [1, 3])
def test_inputs_read_what_was_encoded(others, rows):
    given = {name: values[:rows] for name, values in (FEATURES | others).items()}
    # Of two blocks, the second with all rows.
    some = tf.constant(blocks.encode(given) + blocks.encode(FEATURES | others))
    read = inputs.parse_packed(some, {name: SPEC[name] for name in given})
    assert read.keys() == given.keys()
    for name, values in given.items():
        expected = np.concatenate([values, (FEATURES | others)[name]]).reshape(-1, *SPEC[name].shape)
        assert read[name].dtype == SPEC[name].dtype
        np.testing.assert_array_equal(read[name], expected)
