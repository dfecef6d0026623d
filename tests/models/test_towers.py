"""The tower against the same layers in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.towers import MlpTower


def _forward(tower: MlpTower, inputs: np.ndarray) -> np.ndarray:
    weights = [weight.astype(np.float64) for weight in tower.get_weights()]
    hidden = inputs
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        hidden = np.maximum(hidden @ kernel + bias, 0)
    return hidden @ weights[-2] + weights[-1]


@pytest.mark.parametrize("batch", [1, 7])
def test_logits_are_those_of_the_layers(batch):
    generator = np.random.default_rng(0)
    tower = MlpTower([5, 3], prior=0.2, name="ctr_tower")
    inputs = generator.normal(size=(batch, 4))
    tower(tf.constant(inputs, tf.float32))
    tower.set_weights([generator.normal(size=weight.shape) for weight in tower.get_weights()])
    logits = tower(tf.constant(inputs, tf.float32))
    assert [tuple(weight.shape) for weight in tower.weights] == [(4, 5), (5,), (5, 3), (3,), (3, 1), (1,)]
    np.testing.assert_allclose(logits, _forward(tower, inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("prior", [0.5, 0.001, 0.97])
def test_untrained_tower_answers_with_its_prior(prior):
    tower = MlpTower([4], prior=prior, name="cvr_tower")
    # All hidden units are 0 where the input is.
    logits = tower(tf.zeros([2, 3])).numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-logits.astype(np.float64))), [[prior]] * 2, rtol=1e-5)
