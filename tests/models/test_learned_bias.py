"""What each model learns of pCVR over all impressions, where the truth is known and clicks are no fair sample.

What makes people click makes them convert: the mean true CVR is 0.63 over clicked impressions and 0.31 over all. A user
has 27 impressions and 4 clicks on average, so of many a model that looks at clicks alone knows nothing.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from models.conversion_model import Priors
from models.network import Shape
from models.optimizers import make_optimizer
from models.registry import MODELS, make_model
from models.settings import AmanSettings, Escm2Settings, ModelSettings, TrainSettings
from schema.fields import Field

USERS, ITEMS, ROWS = 1500, 200, 40_000
FIELDS = (Field(name="user_id", entity="user"), Field(name="item_id", entity="item"))


@functools.cache
def _log() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ids [B, 2], click, conversion, and true CVR."""
    random = np.random.default_rng(0)
    user, item = random.integers(0, USERS, ROWS), random.integers(0, ITEMS, ROWS)
    liking = (random.normal(size=USERS)[user] + random.normal(size=ITEMS)[item]) / np.sqrt(2)
    pctr, pcvr = 1 / (1 + np.exp(2.5 - 1.8 * liking)), 1 / (1 + np.exp(1 - 1.8 * liking))
    click = random.random(ROWS) < pctr
    return np.stack([user + 1, item + 1], axis=1), click, click & (random.random(ROWS) < pcvr), pcvr


def _trained(**settings) -> np.ndarray:
    """pCVR over all impressions, float64 [B]."""
    ids, click, conversion, _ = _log()
    examples = tf.data.Dataset.from_tensor_slices({"ids": ids, "click": click, "conversion": conversion})
    tf.keras.utils.set_random_seed(1)
    shape = Shape(
        FIELDS,
        {"user_id": USERS + 1, "item_id": ITEMS + 1},
        ModelSettings(embedding_dim=8, hidden_units=(32,), **settings),
    )
    model = make_model(shape, Priors(click.mean(), conversion.sum() / click.sum()))
    train = TrainSettings(learning_rate=0.003, embedding_learning_rate=0.02)
    model.compile(optimizer=make_optimizer(model, model.tables, train, steps=400))
    model.fit(examples.shuffle(ROWS, seed=1).batch(512), epochs=2, verbose=0)
    return model({"ids": tf.constant(ids)})["pcvr"].numpy().astype(float)


@functools.cache
def _bias(name: str) -> float:
    """Mean pCVR over mean true CVR, over all impressions."""
    escm2 = Escm2Settings(cvr_weight=1.0)
    return _trained(name=name, escm2=escm2).mean() / _log()[-1].mean()


def test_base_is_biased_upwards():
    assert _bias("base") > 1.35


def test_unbias_shrinks_the_bias_of_base():
    assert 1 < _bias("unbias") < _bias("base") - 0.05


def test_oversampling_raises_it():
    assert _bias("oversampling") > _bias("base") + 0.4


def test_aman_turns_it_around_the_more_the_higher_its_rate():
    few, many = (_trained(name="aman", aman=AmanSettings(rate=rate)).mean() / _log()[-1].mean() for rate in (0.1, 0.5))
    assert many < few < 0.9


@pytest.mark.parametrize("name", ["esmm", "esmm_ns", "escm2_ipw", "escm2_dr"])
def test_models_of_the_entire_space_have_next_to_none(name):
    assert 0.85 < _bias(name) < 1.15


def test_the_counterfactual_risk_shrinks_it_without_the_loss_of_esmm():
    escm2 = Escm2Settings(cvr_weight=1.0, ctcvr_weight=0.0)
    for name in ("escm2_ipw", "escm2_dr"):
        bias = _trained(name=name, escm2=escm2).mean() / _log()[-1].mean()
        assert abs(bias - 1) < (_bias("base") - 1) / 2


def test_esmm_is_nearer_to_the_truth_than_base_and_division():
    *_, truth = _log()
    errors = {name: np.sqrt(np.mean((_trained(name=name) - truth) ** 2)) for name in ("esmm", "base", "division")}
    assert errors["esmm"] < 0.6 * min(errors["base"], errors["division"])


def test_every_model_has_the_three_outputs():
    for name in MODELS:
        settings = ModelSettings(name=name, embedding_dim=2, hidden_units=(3,))
        model = make_model(Shape(FIELDS, {"user_id": 4, "item_id": 4}, settings), Priors(0.2, 0.1))
        outputs = model({"ids": tf.constant([[1, 2], [0, 3]], tf.int64)})
        assert sorted(outputs) == ["pctcvr", "pctr", "pcvr"]
        np.testing.assert_allclose(outputs["pctcvr"], outputs["pctr"] * outputs["pcvr"], rtol=1e-5)
        # Untrained it answers about the rates of the training split.
        np.testing.assert_allclose(outputs["pctr"], [0.2, 0.2], rtol=0.1)
        np.testing.assert_allclose(outputs["pcvr"], [0.1, 0.1], rtol=0.1)
