"""The tower against the same layers in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.towers import DenseLayers, MlpTower


def _tower(inputs: np.ndarray, dense: DenseLayers, hidden_units=(5, 3)) -> MlpTower:
    """With random weights, biases and moving averages too."""
    tower = MlpTower(hidden_units, prior=0.2, name="ctr_tower", dense=dense)
    tower(tf.constant(inputs, tf.float32))
    generator = np.random.default_rng(1)
    tower.set_weights([generator.uniform(0.2, 1, size=weight.shape) for weight in tower.get_weights()])
    return tower


def _inputs(batch: int = 7, width: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(batch, width))


def _exact(weights) -> list[np.ndarray]:
    return [np.asarray(weight, np.float64) for weight in weights]


def _forward(tower: MlpTower, inputs: np.ndarray) -> np.ndarray:
    weights = _exact(tower.get_weights())
    hidden = inputs
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        hidden = np.maximum(hidden @ kernel + bias, 0)
    return hidden @ weights[-2] + weights[-1]


@pytest.mark.parametrize("batch", [1, 7])
def test_logits_are_those_of_the_layers(batch):
    tower = _tower(_inputs(batch), DenseLayers())
    logits = tower(tf.constant(_inputs(batch), tf.float32))
    assert [tuple(weight.shape) for weight in tower.weights] == [(4, 5), (5,), (5, 3), (3,), (3, 1), (1,)]
    np.testing.assert_allclose(logits, _forward(tower, _inputs(batch)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("prior", [0.5, 0.001, 0.97])
def test_untrained_tower_answers_with_its_prior(prior):
    tower = MlpTower([4], prior=prior, name="cvr_tower", dense=DenseLayers())
    # All hidden units are 0 where the input is.
    logits = tower(tf.zeros([2, 3])).numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-logits.astype(np.float64))), [[prior]] * 2, rtol=1e-5)


def test_dropout_leaves_its_share_of_the_hidden_units_out_and_scales_the_rest():
    tf.keras.utils.set_random_seed(0)
    hidden = DenseLayers(dropout=0.25).hidden([1000])
    inputs = tf.ones([4, 1])
    expected = np.maximum(hidden(inputs).numpy(), 0)
    present = expected > 0
    dropped = hidden(inputs, training=True).numpy()
    kept = dropped[present] != 0
    assert kept.mean() == pytest.approx(0.75, abs=0.05)
    np.testing.assert_allclose(dropped[present][kept], expected[present][kept] / 0.75, rtol=1e-6)
    # Every example, and every step, has its own.
    assert (dropped[0] != dropped[1]).any()
    assert (hidden(inputs, training=True).numpy() != dropped).any()


def test_dropout_is_for_training_alone():
    tf.keras.utils.set_random_seed(0)
    tower = _tower(_inputs(), DenseLayers(dropout=0.5))
    inputs = tf.constant(_inputs(), tf.float32)
    for served in (tower(inputs), tower(inputs, training=False)):
        np.testing.assert_allclose(served, _forward(tower, _inputs()), rtol=1e-5, atol=1e-5)
    assert np.abs(tower(inputs, training=True) - _forward(tower, _inputs())).max() > 0.1


def test_batch_norm_takes_the_batch_in_training_and_its_moving_average_in_serving():
    tower = _tower(_inputs(), DenseLayers(batch_norm=True), hidden_units=(5,))
    # No bias: batch normalisation shifts.
    assert [tuple(weight.shape) for weight in tower.weights] == [(4, 5), (5,), (5,), (5, 1), (1,), (5,), (5,)]
    kernel, gamma, beta, last, bias, mean, variance = _exact(tower.get_weights())
    projected = _inputs() @ kernel

    def forward(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        return np.maximum(gamma * (projected - mean) / np.sqrt(variance + 1e-3) + beta, 0) @ last + bias

    inputs = tf.constant(_inputs(), tf.float32)
    served = tower(inputs)
    np.testing.assert_allclose(served, forward(mean, variance), rtol=1e-4)
    np.testing.assert_allclose(tower(inputs[:1]), served[:1], rtol=1e-5)
    of_batch = projected.mean(axis=0), projected.var(axis=0)
    np.testing.assert_allclose(tower(inputs, training=True), forward(*of_batch), rtol=1e-4)
    moved = [0.99 * old + 0.01 * new for old, new in zip((mean, variance), of_batch, strict=True)]
    np.testing.assert_allclose(tower.get_weights()[-2:], moved, rtol=1e-5)
    np.testing.assert_allclose(tower(inputs), forward(*moved), rtol=1e-4)
    assert np.abs(forward(*of_batch) - forward(*moved)).max() > 0.1


def test_l2_is_of_all_kernels_and_of_them_alone():
    tower = _tower(_inputs(), DenseLayers(l2=0.3))
    kernels = [weight for weight in _exact(tower.get_weights()) if weight.ndim == 2]
    assert [kernel.shape for kernel in kernels] == [(4, 5), (5, 3), (3, 1)]
    assert float(tf.add_n(tower.losses)) == pytest.approx(0.3 * sum((kernel**2).sum() for kernel in kernels), rel=1e-5)


def test_without_l2_there_is_no_loss():
    assert _tower(_inputs(), DenseLayers()).losses == []


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / (300 + 200)),
        ("glorot_normal", 2 / (300 + 200)),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
    ],
)
def test_kernel_initializers(name, variance):
    tf.keras.utils.set_random_seed(0)
    tower = MlpTower([200], prior=0.2, name="ctr_tower", dense=DenseLayers(kernel_initializer=name))
    tower(tf.zeros([1, 300]))
    kernel = tower.get_weights()[0]
    assert kernel.var() == pytest.approx(variance, rel=0.02)
    assert (np.abs(kernel).max() <= (3 * variance) ** 0.5 * (1 + 1e-6)) == name.endswith("uniform")
