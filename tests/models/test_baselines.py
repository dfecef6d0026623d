"""BASE and the three methods that change which impressions count in its CVR loss, and how much."""

import numpy as np
import pytest
import tensorflow as tf

from models.aman import AmanModel
from models.base import BaseModel
from models.conversion_model import Priors
from models.network import Shape
from models.oversampling import OversamplingModel
from models.settings import AmanSettings, ModelSettings, OversamplingSettings, UnbiasSettings
from models.unbias import UnbiasModel
from schema.fields import Field

FIELDS = (Field(name="user_id", entity="user"),)
PRIORS = Priors(click=0.2, conversion=0.1)
CTR = [1.0, -1.0, 0.0, 2.0]
CVR = [0.5, -0.5, 1.0, -2.0]
CLICK = [1.0, 1.0, 0.0, 1.0]
CONVERSION = [1.0, 0.0, 0.0, 0.0]


def _model(model_class, **settings) -> BaseModel:
    shape = Shape(FIELDS, {"user_id": 4}, ModelSettings(embedding_dim=2, hidden_units=(3,), **settings))
    return model_class(shape, PRIORS)


def _terms(model: BaseModel, ctr=CTR, cvr=CVR, click=CLICK, conversion=CONVERSION) -> dict[str, float]:
    logits = {"ctr": tf.constant(ctr), "cvr": tf.constant(cvr)}
    terms = model.terms(logits, tf.constant(click), tf.constant(conversion))
    return {name: float(term) for name, term in terms.items()}


def _losses(logits, labels) -> np.ndarray:
    p = 1 / (1 + np.exp(-np.array(logits)))
    return -np.where(labels, np.log(p), np.log(1 - p))


def test_base_is_the_mean_over_the_clicked_impressions():
    expected = _losses(CVR, CONVERSION)[[0, 1, 3]].mean()
    assert _terms(_model(BaseModel)) == pytest.approx(
        {"ctr_loss": _losses(CTR, CLICK).mean(), "cvr_loss": expected}, rel=1e-6
    )


def test_base_has_no_cvr_loss_without_clicks():
    terms = _terms(_model(BaseModel), click=[0.0] * 4, conversion=[0.0] * 4)
    assert terms["cvr_loss"] == 0
    assert terms["ctr_loss"] == pytest.approx(_losses(CTR, [0] * 4).mean(), rel=1e-6)


def test_the_networks_of_base_share_nothing():
    model = _model(BaseModel)
    features = {
        "ids": tf.constant([[1], [2], [3], [1]], tf.int64),
        "click": tf.constant(CLICK),
        "conversion": tf.constant(CONVERSION),
    }
    with tf.GradientTape(persistent=True) as tape:
        logits = model.logits(features)
    ctr, cvr = (network.trainable_variables for network in model.networks)
    assert all(gradient is not None for gradient in tape.gradient(logits["ctr"], ctr))
    assert all(gradient is not None for gradient in tape.gradient(logits["cvr"], cvr))
    assert all(gradient is None for gradient in tape.gradient(logits["ctr"], cvr))
    assert all(gradient is None for gradient in tape.gradient(logits["cvr"], ctr))
    assert len(model.tables) == 2


@pytest.mark.parametrize("copies", [1, 2, 10])
def test_oversampling_counts_conversions_as_often_as_it_copies_them(copies):
    losses = _losses(CVR, CONVERSION)
    expected = np.mean([*[losses[0]] * copies, losses[1], losses[3]])
    model = _model(OversamplingModel, oversampling=OversamplingSettings(copies=copies))
    assert _terms(model)["cvr_loss"] == pytest.approx(expected, rel=1e-6)


def test_aman_with_all_of_them_is_the_mean_over_all_impressions():
    model = _model(AmanModel, aman=AmanSettings(rate=1.0))
    assert _terms(model)["cvr_loss"] == pytest.approx(_losses(CVR, CONVERSION).mean(), rel=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_aman_draws_its_share_of_the_unclicked_impressions_anew_in_each_step(rate):
    tf.keras.utils.set_random_seed(1)
    model = _model(AmanModel, aman=AmanSettings(rate=rate))
    rows = 20_000
    click = tf.constant(np.arange(rows) % 10 == 0, tf.float32)
    first, second = (model.conversion_weights({}, click, click).numpy() for _ in range(2))
    assert set(np.unique(first)) == {0.0, 1.0}
    assert first[::10].min() == 1
    unclicked = np.arange(rows) % 10 > 0
    assert first[unclicked].mean() == pytest.approx(rate, abs=5 * np.sqrt(rate * (1 - rate) / 18_000))
    assert (first != second).any()


def test_unbias_accepts_clicks_the_rarer_the_more_probable_they_are():
    tf.keras.utils.set_random_seed(1)
    model = _model(UnbiasModel, unbias=UnbiasSettings(ceiling=0.5))
    rows = 20_000
    click = tf.ones(rows)
    for pctr, expected in ((0.05, 1.0), (0.1, 1.0), (0.2, 0.5), (0.8, 0.125)):
        logits = {"ctr": tf.fill([rows], float(np.log(pctr / (1 - pctr))))}
        weights = model.conversion_weights(logits, click, click).numpy()
        assert set(np.unique(weights)) <= {0.0, 1.0}
        assert weights.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / rows) + 1e-9)
    assert model.conversion_weights(logits, tf.zeros(rows), tf.zeros(rows)).numpy().max() == 0


def test_what_is_accepted_has_no_gradient_for_pctr():
    tf.keras.utils.set_random_seed(1)
    ctr = tf.constant(CTR)
    with tf.GradientTape() as tape:
        tape.watch(ctr)
        logits = {"ctr": ctr, "cvr": tf.constant(CVR)}
        loss = _model(UnbiasModel).terms(logits, tf.constant(CLICK), tf.constant(CONVERSION))["cvr_loss"]
    assert tape.gradient(loss, ctr) is None
