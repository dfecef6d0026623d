"""DIVISION: the quotient of two networks, and what is served of it."""

import numpy as np
import pytest
import tensorflow as tf

from models.conversion_model import Priors
from models.division import DivisionModel
from models.network import Shape
from models.settings import ModelSettings
from schema.fields import Field


def _model() -> DivisionModel:
    settings = ModelSettings(embedding_dim=2, hidden_units=(3,))
    return DivisionModel(Shape((Field(name="user_id", entity="user"),), {"user_id": 4}, settings), Priors(0.2, 0.1))


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_outputs():
    logits = {"ctr": tf.constant([_logit(0.5), _logit(0.1)]), "ctcvr": tf.constant([_logit(0.2), _logit(0.25)])}
    outputs = _model().probabilities(logits)
    np.testing.assert_allclose(outputs["pctr"], [0.5, 0.1], rtol=1e-6)
    np.testing.assert_allclose(outputs["pctcvr"], [0.2, 0.25], rtol=1e-6)
    # The quotient may pass 1; `models.signatures` clips what is served.
    np.testing.assert_allclose(outputs["pcvr"], [0.4, 2.5], rtol=1e-6)


@pytest.mark.parametrize(("ctr", "ctcvr"), [(-80.0, -80.0), (80.0, -80.0), (-80.0, 80.0), (80.0, 80.0)])
def test_outputs_are_finite(ctr, ctcvr):
    outputs = _model().probabilities({"ctr": tf.constant([ctr]), "ctcvr": tf.constant([ctcvr])})
    assert np.isfinite([float(output[0]) for output in outputs.values()]).all()


def test_losses_by_hand():
    logits = {"ctr": tf.constant([_logit(0.5), _logit(0.1)]), "ctcvr": tf.constant([_logit(0.2), _logit(0.25)])}
    terms = _model().terms(logits, tf.constant([1.0, 0.0]), tf.constant([1.0, 0.0]))
    assert {name: float(term) for name, term in terms.items()} == pytest.approx(
        {"ctr_loss": -(np.log(0.5) + np.log(0.9)) / 2, "ctcvr_loss": -(np.log(0.2) + np.log(0.75)) / 2}, rel=1e-6
    )


def test_untrained_it_answers_about_the_rates_of_the_training_split():
    outputs = _model()({"ids": tf.constant([[1]], tf.int64)})
    assert float(outputs["pctr"][0]) == pytest.approx(0.2, rel=0.05)
    assert float(outputs["pcvr"][0]) == pytest.approx(0.1, rel=0.1)
