"""A chain of stages: of two it is ESMM, of three each product by hand."""

import numpy as np
import pytest
import tensorflow as tf

from models.chain import ChainModel
from models.conversion_model import Priors
from models.esmm import EsmmModel
from models.network import Shape
from models.settings import ModelSettings
from schema.fields import Field

FIELDS = (Field(name="user_id", entity="user"), Field(name="item_id", entity="item"))
BATCH = {
    "ids": tf.constant([[1, 2], [2, 1], [3, 3], [0, 1]], tf.int64),
    "click": tf.constant([1, 1, 1, 0], tf.int64),
    # The last one without a click.
    "long_view": tf.constant([1, 0, 1, 1], tf.int64),
    # The second without a long view.
    "conversion": tf.constant([1, 1, 0, 1], tf.int64),
}
STAGES = ("click", "long_view", "conversion")


def _shape(**settings) -> Shape:
    settings = ModelSettings(embedding_dim=3, embedding_stddev=0.5, hidden_units=(6, 4), **settings)
    return Shape(FIELDS, {"user_id": 4, "item_id": 4}, settings)


def test_of_two_stages_it_is_esmm():
    priors = Priors(0.3, 0.2)
    chain, esmm = ChainModel(_shape(name="chain"), priors), EsmmModel(_shape(), priors)
    losses, gradients = [], []
    for model in (chain, esmm):
        model(BATCH)
        random = np.random.default_rng(1)
        for weight in model.trainable_weights:
            weight.assign(random.normal(0, 0.7, weight.shape))
        with tf.GradientTape() as tape:
            losses.append(model.compute_loss(BATCH, training=True))
        gradients.append([tf.convert_to_tensor(g) for g in tape.gradient(losses[-1], model.trainable_weights)])
    np.testing.assert_array_equal(losses[0], losses[1])
    assert len(gradients[0]) == len(gradients[1]) == 1 + 2 * 6
    for of_chain, of_esmm in zip(*gradients, strict=True):
        np.testing.assert_array_equal(of_chain, of_esmm)
    for name, output in chain(BATCH).items():
        np.testing.assert_array_equal(output, esmm(BATCH)[name])


def test_three_stages_by_hand():
    model = ChainModel(_shape(name="chain", stages=STAGES), Priors(0.3, 0.2))
    p = {"click": [0.5, 0.9, 0.2, 0.4], "long_view": [0.6, 0.1, 0.7, 0.5], "conversion": [0.3, 0.8, 0.5, 0.25]}
    p = {stage: np.array(values) for stage, values in p.items()}
    logits = {stage: tf.constant(np.log(values / (1 - values)), tf.float32) for stage, values in p.items()}
    labels = model.labels(BATCH)
    np.testing.assert_array_equal(labels, [[1, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0]])
    reached = np.cumprod([p[stage] for stage in STAGES], axis=0)
    expected = [-np.where(y, np.log(q), np.log(1 - q)).mean() for y, q in zip(labels, reached, strict=True)]
    terms = model.terms(logits, *labels)
    assert list(terms) == ["click_loss", "long_view_loss", "conversion_loss"]
    np.testing.assert_allclose(list(terms.values()), expected, rtol=1e-5)
    outputs = model.probabilities(logits)
    np.testing.assert_allclose(outputs["pctr"], reached[0], rtol=1e-6)
    np.testing.assert_allclose(outputs["pctcvr"], reached[2], rtol=1e-6)
    np.testing.assert_allclose(outputs["pcvr"], reached[2] / reached[0], rtol=1e-6)


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, -1), (1, -1, 1), (-1, 1, -1)])
def test_losses_and_gradients_are_finite(signs):
    model = ChainModel(_shape(name="chain", stages=STAGES), Priors(0.3, 0.2))
    logits = {stage: tf.fill([4], 80.0 * sign) for stage, sign in zip(STAGES, signs, strict=True)}
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.add_n(list(model.terms(logits, *model.labels(BATCH)).values()))
    gradients = tape.gradient(loss, logits)
    assert np.isfinite([loss, *(gradient for by in gradients.values() for gradient in by.numpy())]).all()


def test_untrained_it_answers_about_the_rates_of_the_training_split():
    model = ChainModel(_shape(name="chain", stages=STAGES), Priors(0.3, 0.04))
    model.tables[0].assign(tf.zeros_like(model.tables[0]))
    outputs = model(BATCH)
    np.testing.assert_allclose(outputs["pctr"], [0.3] * 4, rtol=1e-5)
    np.testing.assert_allclose(outputs["pcvr"], [0.04] * 4, rtol=1e-5)
