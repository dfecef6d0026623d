"""Attention pooling and its gradients against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.attention import AttentionPooling
from models.towers import DenseLayers

B, L, D = 4, 3, 2
GENERATOR = np.random.default_rng(0)
VALUES, CANDIDATE = GENERATOR.normal(size=(B, L, D)), GENERATOR.normal(size=(B, 1, D))
# Three values, two, one of another weight, and none.
WEIGHTS = np.array([[1, 1, 1], [1, 1, 0], [2.5, 0, 0], [0, 0, 0]])


def _tensors(*arrays: np.ndarray) -> list[tf.Tensor]:
    return [tf.constant(array, tf.float32) for array in arrays]


def _attention(dense: DenseLayers | None = None) -> AttentionPooling:
    """With random weights, biases too."""
    attention = AttentionPooling((5, 4), dense or DenseLayers())
    attention(*_tensors(VALUES, WEIGHTS, CANDIDATE))
    generator = np.random.default_rng(2)
    attention.set_weights([generator.normal(size=weight.shape) for weight in attention.get_weights()])
    return attention


def _pool(parameters: list[np.ndarray], values: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Value by value."""
    k1, b1, k2, b2, k3, b3 = parameters
    pooled = np.zeros((B, D))
    for row, place in np.argwhere(WEIGHTS):
        v, c = values[row, place], candidate[row, 0]
        hidden = np.concatenate([v, c, v - c, v * c])
        activation = np.maximum(np.maximum(hidden @ k1 + b1, 0) @ k2 + b2, 0) @ k3 + b3
        pooled[row] += WEIGHTS[row, place] * activation * v
    return pooled


def _exact(attention: AttentionPooling) -> list[np.ndarray]:
    return [weight.astype(np.float64) for weight in attention.get_weights()]


def test_values_are_summed_by_their_activation():
    attention = _attention()
    assert [tuple(weight.shape) for weight in attention.weights] == [(8, 5), (5,), (5, 4), (4,), (4, 1), (1,)]
    pooled = attention(*_tensors(VALUES, WEIGHTS, CANDIDATE))
    np.testing.assert_allclose(pooled, _pool(_exact(attention), VALUES, CANDIDATE), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(pooled[3], np.zeros(D))
    assert (np.abs(pooled[:3]) > 1e-3).any(axis=1).all()


def test_the_candidate_tells_how_much_a_value_counts():
    attention = _attention()
    pooled = attention(*_tensors(VALUES, WEIGHTS, CANDIDATE)).numpy()
    of_another = attention(*_tensors(VALUES, WEIGHTS, -CANDIDATE)).numpy()
    assert (np.abs(pooled - of_another)[:3] > 1e-3).any(axis=1).all()


def test_weights_are_not_normalised():
    """The same value twice is twice the interest."""
    attention = _attention()
    once = attention(*_tensors(VALUES[:1, :1], np.ones((1, 1)), CANDIDATE[:1]))
    twice = attention(*_tensors(VALUES[:1, [0, 0]], np.ones((1, 2)), CANDIDATE[:1]))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-5)


def test_padding_counts_nothing():
    attention = _attention()
    other = np.where(WEIGHTS[:, :, np.newaxis] == 0, 100.0, VALUES)
    pooled = attention(*_tensors(VALUES, WEIGHTS, CANDIDATE))
    np.testing.assert_array_equal(attention(*_tensors(other, WEIGHTS, CANDIDATE)), pooled)


def test_gradients():
    """Of values, candidate and all parameters, against central differences of the pooling in NumPy."""
    attention = _attention()
    upstream = np.random.default_rng(1).normal(size=(B, D))
    values, weights, candidate = _tensors(VALUES, WEIGHTS, CANDIDATE)
    with tf.GradientTape() as tape:
        tape.watch([values, candidate])
        pooled = attention(values, weights, candidate)
    variables = [*attention.trainable_variables, values, candidate]
    gradients = tape.gradient(pooled, variables, tf.constant(upstream, tf.float32))
    arrays = [*_exact(attention), VALUES.copy(), CANDIDATE.copy()]
    step = 1e-6
    for array, gradient in zip(arrays, gradients, strict=True):
        expected = np.zeros_like(array)
        for place in np.ndindex(*array.shape):
            kept = array[place]
            sums = []
            for moved in (kept + step, kept - step):
                array[place] = moved
                sums.append((_pool(arrays[:6], *arrays[6:]) * upstream).sum())
            array[place] = kept
            expected[place] = (sums[0] - sums[1]) / (2 * step)
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)
        assert np.abs(expected).max() > 0.01
    np.testing.assert_array_equal(gradients[6].numpy()[WEIGHTS == 0], 0)


def test_l2_is_of_its_kernels():
    attention = _attention(DenseLayers(l2=0.5))
    squares = sum((weight**2).sum() for weight in _exact(attention) if weight.ndim == 2)
    assert float(tf.add_n(attention.losses)) == pytest.approx(0.5 * squares, rel=1e-5)


def test_has_neither_dropout_nor_batch_norm():
    """Padding would count in the means."""
    plain, other = _attention(), _attention(DenseLayers(dropout=0.9, batch_norm=True))
    tensors = _tensors(VALUES, WEIGHTS, CANDIDATE)
    inputs = [tf.keras.Input(tensor.shape[1:]) for tensor in tensors]
    model = tf.keras.Model(inputs, other(*inputs))
    np.testing.assert_array_equal(model(tensors, training=True), plain(*tensors))
