"""ESCM²'s losses by hand, their gradients, and what training shows of propensities."""

import numpy as np
import pytest
import tensorflow as tf

from models import objectives
from models.conversion_model import Priors
from models.escm2 import Escm2DrModel, Escm2IpwModel
from models.network import Shape
from models.settings import Escm2Settings, ModelSettings
from schema.fields import Field

PCTR = np.array([0.5, 0.01, 0.2, 0.8])
PCVR = np.array([0.3, 0.6, 0.1, 0.4])
CLICK = np.array([1.0, 1.0, 0.0, 0.0])
CONVERSION = np.array([1.0, 0.0, 0.0, 0.0])
IMPUTED = np.array([0.7, 0.2, 0.4, 0.1])
# The second is raised to the floor.
PROPENSITIES = np.array([0.5, 0.05, 0.2, 0.8])
CVR_LOSSES = -np.where(CONVERSION, np.log(PCVR), np.log(1 - PCVR))


def _logit(p) -> tf.Tensor:
    return tf.constant(np.log(p / (1 - p)), tf.float32)


def _logits() -> dict[str, tf.Tensor]:
    softplus = tf.constant(np.log(np.expm1(IMPUTED)), tf.float32)
    return {"ctr": _logit(PCTR), "cvr": _logit(PCVR), "imputation": softplus}


def _model(model_class, **settings):
    escm2 = Escm2Settings(min_propensity=0.05, **settings)
    settings = ModelSettings(embedding_dim=2, hidden_units=(3,), escm2=escm2)
    return model_class(Shape((Field(name="user_id", entity="user"),), {"user_id": 4}, settings), Priors(0.2, 0.1))


def _terms(model) -> dict[str, float]:
    terms = model.terms(_logits(), tf.constant(CLICK, tf.float32), tf.constant(CONVERSION, tf.float32))
    return {name: float(term) for name, term in terms.items()}


def _esmm_terms() -> dict[str, float]:
    pctcvr = PCTR * PCVR
    return {
        "ctr_loss": -np.mean(np.where(CLICK, np.log(PCTR), np.log(1 - PCTR))),
        "ctcvr_loss": -np.mean(np.where(CONVERSION, np.log(pctcvr), np.log(1 - pctcvr))),
    }


def _ipw() -> float:
    return np.mean(CLICK * CVR_LOSSES / PROPENSITIES)


def _dr() -> float:
    error = IMPUTED + CLICK * (CVR_LOSSES - IMPUTED) / PROPENSITIES
    imputation = CLICK * (CVR_LOSSES - IMPUTED) ** 2 / PROPENSITIES
    return np.mean(error + imputation)


@pytest.mark.parametrize(("model_class", "risk"), [(Escm2IpwModel, _ipw), (Escm2DrModel, _dr)])
def test_losses_by_hand(model_class, risk):
    expected = _esmm_terms() | {"cvr_risk": 0.25 * risk()}
    expected["ctcvr_loss"] *= 3
    terms = _terms(_model(model_class, cvr_weight=0.25, ctcvr_weight=3.0))
    assert terms == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("model_class", [Escm2IpwModel, Escm2DrModel])
@pytest.mark.parametrize("stopped", [True, False])
def test_the_risk_moves_the_ctr_tower_only_without_the_stop(model_class, stopped):
    model = _model(model_class, stop_gradient=stopped)
    logits = _logits()
    with tf.GradientTape() as tape:
        tape.watch(logits)
        risk = model.cvr_risk(logits, tf.constant(CLICK, tf.float32), tf.constant(CONVERSION, tf.float32))
    by = tape.gradient(risk, logits)
    if stopped:
        assert by["ctr"] is None
    else:
        # Of the clicked ones; none where the propensity is raised to the floor.
        assert by["ctr"].numpy()[0] != 0
        np.testing.assert_array_equal(by["ctr"].numpy()[1:], 0)
    assert np.abs(by["cvr"].numpy()[:2]).min() > 0
    np.testing.assert_array_equal(by["cvr"].numpy()[2:], 0)


def test_gradients_of_the_doubly_robust_risk_by_differences():
    """In float64 NumPy, with the imputation term's observed loss held still."""

    def risk(pcvr_logit, imputation_logit):
        pcvr = 1 / (1 + np.exp(-pcvr_logit))
        losses = -np.where(CONVERSION, np.log(pcvr), np.log(1 - pcvr))
        imputed = np.log1p(np.exp(imputation_logit))
        error = imputed + CLICK * (losses - imputed) / PROPENSITIES
        return error + CLICK * (CVR_LOSSES - imputed) ** 2 / PROPENSITIES

    logits = _logits()
    model = _model(Escm2DrModel)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = model.cvr_risk(logits, tf.constant(CLICK, tf.float32), tf.constant(CONVERSION, tf.float32))
    by = tape.gradient(values, logits)
    cvr, imputation = logits["cvr"].numpy().astype(float), logits["imputation"].numpy().astype(float)
    step = 1e-6
    by_cvr = (risk(cvr + step, imputation) - risk(cvr - step, imputation)) / (2 * step)
    by_imputation = (risk(cvr, imputation + step) - risk(cvr, imputation - step)) / (2 * step)
    np.testing.assert_allclose(by["cvr"], by_cvr, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(by["imputation"], by_imputation, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("ctr", [-80.0, 80.0])
@pytest.mark.parametrize("cvr", [-80.0, 80.0])
@pytest.mark.parametrize("imputation", [-80.0, 80.0])
@pytest.mark.parametrize("stopped", [True, False])
def test_losses_and_gradients_are_finite(ctr, cvr, imputation, stopped):
    logits = {"ctr": tf.fill([4], ctr), "cvr": tf.fill([4], cvr), "imputation": tf.fill([4], imputation)}
    for model_class in (Escm2IpwModel, Escm2DrModel):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            terms = _model(model_class, stop_gradient=stopped).terms(
                logits, tf.constant(CLICK, tf.float32), tf.constant(CONVERSION, tf.float32)
            )
            loss = tf.add_n(list(terms.values()))
        by = tape.gradient(loss, logits, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        assert np.isfinite(loss.numpy())
        assert all(np.isfinite(gradient.numpy()).all() for gradient in by.values())


def test_the_risk_of_the_inverse_propensities_is_that_of_all_impressions():
    """The mean over draws of clicks, each with its true propensity, is the mean if all were clicked."""
    generator = np.random.default_rng(1)
    rows = 200_000
    pctr = generator.uniform(0.1, 0.9, rows)
    click = generator.random(rows) < pctr
    # Conversion goes with click, so the clicked ones' mean is another.
    conversion = generator.random(rows) < pctr / 2
    cvr_logit = tf.fill([rows], -1.0)
    losses = objectives.cross_entropy(cvr_logit, tf.constant(conversion, tf.float32)).numpy()
    arguments = (tf.constant(conversion, tf.float32), tf.constant(click, tf.float32), tf.constant(pctr, tf.float32))
    ipw = objectives.ipw_cvr_loss(cvr_logit, *arguments).numpy()
    assert ipw.mean() == pytest.approx(losses.mean(), rel=0.01)
    assert losses[click].mean() > 1.05 * losses.mean()
    # Doubly robust: with imputations that know nothing, and with propensities that do not.
    imputed = tf.fill([rows], 0.3)
    dr = objectives.dr_cvr_loss(cvr_logit, imputed, *arguments).numpy()
    assert dr.mean() == pytest.approx(losses.mean(), rel=0.01)
    expected = pctr / 2 * np.log1p(np.exp(1.0)) + (1 - pctr / 2) * np.log1p(np.exp(-1.0))
    wrong = (arguments[0], arguments[1], tf.fill([rows], 0.5))
    dr = objectives.dr_cvr_loss(cvr_logit, tf.constant(expected, tf.float32), *wrong).numpy()
    assert dr.mean() == pytest.approx(losses.mean(), rel=0.01)
    assert objectives.ipw_cvr_loss(cvr_logit, *wrong).numpy().mean() > 1.05 * losses.mean()


def test_what_training_shows():
    model = _model(Escm2IpwModel)
    shown = model.watched(_logits(), tf.constant(CLICK, tf.float32))
    assert {name: float(value) for name, value in shown.items()} == pytest.approx(
        {"clicked_propensity": (0.5 + 0.01) / 2, "clipped_share": 0.5}, rel=1e-5
    )
    features = {
        "ids": tf.constant([[1], [2], [3], [1]], tf.int64),
        "click": tf.constant(CLICK),
        "conversion": tf.constant(CONVERSION),
    }
    model.compute_loss(features, training=True)
    assert {metric.name for metric in model.metrics} == {
        "ctr_loss",
        "ctcvr_loss",
        "cvr_risk",
        "clicked_propensity",
        "clipped_share",
    }
