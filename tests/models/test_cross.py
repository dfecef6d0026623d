"""Cross layers and the tower on them against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.cross import CrossTower
from models.settings import CrossSettings
from models.towers import DenseLayers

INPUTS = np.random.default_rng(0).normal(size=(6, 4))


def _tower(settings: CrossSettings, dense: DenseLayers) -> CrossTower:
    """With random weights, biases too."""
    tower = CrossTower((5,), prior=0.2, name="ctr_tower", dense=dense, settings=settings)
    tower(tf.constant(INPUTS, tf.float32))
    generator = np.random.default_rng(2)
    tower.set_weights([generator.normal(0, 0.7, size=weight.shape) for weight in tower.get_weights()])
    return tower


def _exact(tower: CrossTower) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights of the MLP and of the cross layers."""
    weights = [weight.astype(np.float64) for weight in tower.get_weights()]
    return weights[:4], weights[4:]


def _mlp(weights: list[np.ndarray], inputs: np.ndarray) -> np.ndarray:
    kernel, bias, last, last_bias = weights
    return np.maximum(inputs @ kernel + bias, 0) @ last + last_bias


@pytest.mark.parametrize("layers", [1, 3])
def test_square_kernels(layers):
    tower = _tower(CrossSettings(layers=layers), DenseLayers())
    mlp, crosses = _exact(tower)
    assert [weight.shape for weight in crosses] == [(4, 4), (4,)] * layers
    crossed = INPUTS
    for kernel, bias in zip(crosses[::2], crosses[1::2], strict=True):
        crossed = INPUTS * (crossed @ kernel + bias) + crossed
    np.testing.assert_allclose(tower(tf.constant(INPUTS, tf.float32)), _mlp(mlp, crossed), rtol=1e-4, atol=1e-4)


def test_kernels_of_low_rank():
    tower = _tower(CrossSettings(layers=2, projection_dim=3), DenseLayers())
    mlp, crosses = _exact(tower)
    assert [weight.shape for weight in crosses] == [(4, 3), (3, 4), (4,)] * 2
    crossed = INPUTS
    for down, up, bias in zip(crosses[::3], crosses[1::3], crosses[2::3], strict=True):
        crossed = INPUTS * (crossed @ down @ up + bias) + crossed
    np.testing.assert_allclose(tower(tf.constant(INPUTS, tf.float32)), _mlp(mlp, crossed), rtol=1e-4, atol=1e-4)


def test_untrained_tower_answers_with_its_prior():
    tower = CrossTower((5,), 0.07, "ctr_tower", DenseLayers(), CrossSettings())
    logits = tower(tf.zeros([2, 4])).numpy().astype(np.float64)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), [[0.07]] * 2, rtol=1e-5)


@pytest.mark.parametrize("rank", [None, 3])
def test_l2_is_of_the_cross_layers_kernels_too(rank):
    tower = _tower(CrossSettings(layers=2, projection_dim=rank), DenseLayers(l2=0.1))
    squares = sum((weight**2).sum() for weights in _exact(tower) for weight in weights if weight.ndim == 2)
    assert float(tf.add_n(tower.losses)) == pytest.approx(0.1 * squares, rel=1e-5)


def test_kernels_are_initialised_like_the_dense_layers():
    tf.keras.utils.set_random_seed(0)
    dense = DenseLayers(kernel_initializer="he_normal")
    tower = CrossTower((5,), 0.2, "ctr_tower", dense, CrossSettings(layers=2))
    tower(tf.zeros([1, 200]))
    first, second = (weight for weight in _exact(tower)[1] if weight.ndim == 2)
    assert first.var() == pytest.approx(2 / 200, rel=0.03)
    assert np.abs(first - second).max() > 0.01


def test_dropout_is_for_training_alone():
    tf.keras.utils.set_random_seed(0)
    tower, plain = _tower(CrossSettings(), DenseLayers(dropout=0.5)), _tower(CrossSettings(), DenseLayers())
    inputs = tf.constant(INPUTS, tf.float32)
    np.testing.assert_array_equal(tower(inputs), plain(inputs))
    assert np.abs(tower(inputs, training=True) - plain(inputs)).max() > 0.1
