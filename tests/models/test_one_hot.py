"""Products of factored vectors, and their gradients, against those of the whole vectors."""

import numpy as np
import pytest
import tensorflow as tf

from models.one_hot import OneHot

# Where the own columns stand among all seven.
COLUMNS = {"own first": [0, 1, 2], "rows first": [4, 5, 6], "in turn": [1, 2, 6]}
# Two fields with two and three ids: each example has one id of each.
CHOSEN = np.float32([[1, 0, 0, 0, 1], [0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 1, 0, 0]])


def _random(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(shape).normal(size=shape), tf.float32)


def _vectors(own: tf.Tensor, rows: tf.Tensor, columns) -> OneHot:
    return OneHot(own, np.array(columns), tf.constant(CHOSEN), rows)


def _expected_whole(columns) -> np.ndarray:
    whole = np.empty((4, 7), np.float32)
    whole[:, columns] = _random(4, 3)
    whole[:, [column for column in range(7) if column not in columns]] = CHOSEN @ _random(5, 4).numpy()
    return whole


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_whole_vectors_have_their_columns_in_order(columns):
    vectors = _vectors(_random(4, 3), _random(5, 4), columns)
    np.testing.assert_allclose(vectors.whole(), _expected_whole(columns), rtol=1e-6)


@pytest.mark.parametrize("bias", [None, _random(6)], ids=["no bias", "bias"])
@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_a_product_is_that_of_the_whole_vectors(columns, bias):
    product = _vectors(_random(4, 3), _random(5, 4), columns).product(_random(7, 6), bias)
    expected = _expected_whole(columns) @ _random(7, 6).numpy() + (0 if bias is None else bias.numpy())
    np.testing.assert_allclose(product, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_gradients_are_those_of_the_whole_vectors(columns):
    variables = [tf.Variable(_random(*shape)) for shape in [(4, 3), (5, 4), (7, 6), (6,)]]
    own, rows, kernel, bias = variables
    with tf.GradientTape(persistent=True) as tape:
        vectors = _vectors(tf.convert_to_tensor(own), tf.convert_to_tensor(rows), columns)
        factored = tf.reduce_sum(vectors.product(tf.convert_to_tensor(kernel), bias) ** 2)
        whole = tf.reduce_sum((vectors.whole() @ kernel + bias) ** 2)
    for ours, expected in zip(tape.gradient(factored, variables), tape.gradient(whole, variables), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_a_layer_computes_in_its_own_precision():
    vectors = _vectors(_random(4, 3), _random(5, 4), COLUMNS["in turn"])
    layer = tf.keras.layers.Dense(6, activation="tanh", dtype="mixed_bfloat16")
    expected = layer(vectors.whole())
    outputs = vectors.dense(layer)
    assert outputs.dtype == expected.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), tf.cast(expected, tf.float32), atol=0.05)
