"""Experts and gates against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.mmoe import MixtureOfExperts
from models.settings import MmoeSettings
from models.towers import DenseLayers

INPUTS = np.random.default_rng(0).normal(size=(6, 4))
SETTINGS = MmoeSettings(experts=3, hidden_units=(5, 2))


def _mixture(towers=("ctr", "cvr"), dense: DenseLayers | None = None) -> MixtureOfExperts:
    """With random weights, biases too."""
    mixture = MixtureOfExperts(towers, SETTINGS, dense or DenseLayers())
    mixture(tf.constant(INPUTS, tf.float32))
    generator = np.random.default_rng(3)
    mixture.set_weights([generator.normal(size=weight.shape) for weight in mixture.get_weights()])
    return mixture


def _forward(mixture: MixtureOfExperts) -> list[np.ndarray]:
    """Output of each tower."""
    weights = [weight.astype(np.float64) for weight in mixture.get_weights()]
    experts, gates = weights[:12], weights[12:]
    outputs = []
    for place in range(0, 12, 4):
        k1, b1, k2, b2 = experts[place : place + 4]
        outputs.append(np.maximum(np.maximum(INPUTS @ k1 + b1, 0) @ k2 + b2, 0))
    by_tower = []
    for kernel in gates:
        shares = np.exp(INPUTS @ kernel)
        shares /= shares.sum(axis=1, keepdims=True)
        by_tower.append(sum(shares[:, [expert]] * output for expert, output in enumerate(outputs)))
    return by_tower


@pytest.mark.parametrize("towers", [("ctr",), ("ctr", "cvr"), ("ctr", "cvr", "imputation")])
def test_each_tower_has_its_own_mean_of_the_shared_experts(towers):
    mixture = _mixture(towers)
    outputs = mixture(tf.constant(INPUTS, tf.float32))
    shapes = [(4, 5), (5,), (5, 2), (2,)] * 3 + [(4, 3)] * len(towers)
    assert [tuple(weight.shape) for weight in mixture.weights] == shapes
    assert list(outputs) == list(towers)
    np.testing.assert_allclose(list(outputs.values()), _forward(mixture), rtol=1e-4, atol=1e-5)


def test_a_gate_is_of_one_tower():
    mixture = _mixture()
    before = mixture(tf.constant(INPUTS, tf.float32))
    weights = mixture.get_weights()
    weights[-1] = -weights[-1]
    mixture.set_weights(weights)
    after = mixture(tf.constant(INPUTS, tf.float32))
    np.testing.assert_array_equal(before["ctr"], after["ctr"])
    assert np.abs(before["cvr"] - after["cvr"]).max() > 0.1


def test_l2_is_of_experts_and_gates():
    mixture = _mixture(dense=DenseLayers(l2=0.2))
    squares = sum((weight.astype(np.float64) ** 2).sum() for weight in mixture.get_weights() if weight.ndim == 2)
    assert float(tf.add_n(mixture.losses)) == pytest.approx(0.2 * squares, rel=1e-5)


def test_dropout_is_for_training_alone():
    tf.keras.utils.set_random_seed(0)
    mixture = _mixture(dense=DenseLayers(dropout=0.5))
    inputs = tf.constant(INPUTS, tf.float32)
    np.testing.assert_allclose(list(mixture(inputs).values()), _forward(mixture), rtol=1e-4, atol=1e-5)
    assert np.abs(mixture(inputs, training=True)["ctr"] - _forward(mixture)[0]).max() > 0.1


def test_experts_start_differently():
    tf.keras.utils.set_random_seed(0)
    mixture = MixtureOfExperts(["ctr"], SETTINGS, DenseLayers())
    mixture(tf.constant(INPUTS, tf.float32))
    first, second, third = (weight for weight in mixture.get_weights() if weight.shape == (4, 5))
    assert np.abs(first - second).max() > 0.1
    assert np.abs(second - third).max() > 0.1
