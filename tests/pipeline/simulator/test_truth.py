"""Labels by known probabilities."""

import numpy as np
import pytest
from google.protobuf import text_format
from sklearn.metrics import roc_auc_score
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.log_format import LogFormat
from pipeline.simulator.features import recipes
from pipeline.simulator.impressions import simulate_split
from pipeline.simulator.latent import latent_features
from pipeline.simulator.truth import Labelled, Truth
from schema.fields import Field

SCHEMA = """
default_environment: "SERVING"
feature { name: "user" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 1 max: 5000 } }
feature { name: "age" type: INT value_count { min: 1 max: 1 } int_domain { min: 1 max: 9 } }
feature { name: "town" type: INT value_count { min: 1 max: 1 } int_domain { min: 1 max: 90 } }
feature { name: "item" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 1 max: 5000 } }
feature { name: "shop" type: BYTES value_count { min: 1 max: 1 } string_domain { value: "a" value: "b" value: "c" } }
feature { name: "words" type: BYTES value_count { min: 1 max: 5 } }
feature { name: "price" type: FLOAT value_count { min: 1 max: 1 } }
feature { name: "constant" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 1 max: 1 } }
"""
FIELDS = (
    Field(name="user", entity="user"),
    Field(name="age", entity="user"),
    Field(name="town", entity="user"),
    Field(name="item", entity="item"),
    Field(name="shop", entity="item"),
    Field(name="words", entity="item", values=5),
    Field(name="price", entity="context", encoding="log"),
)
ROWS = 200_000


class Drawn:
    """Impressions of a truth; the features do not stay the same for a user, so that as many values as rows come."""

    def __init__(self, *, ctr=0.1, cvr=0.1, selection_bias=1.0, seed=1, rows=ROWS, fields=FIELDS, users=()):
        drawn = recipes(text_format.Parse(SCHEMA, schema_pb2.Schema()), LogFormat())
        features = latent_features(drawn, fields, 50)
        truth = Truth(drawn, features, users, ctr=ctr, cvr=cvr, selection_bias=selection_bias, seed=seed)
        self.plain = list(simulate_split(drawn, users, range(100, 100 + rows), ctr, cvr, seed))
        self.parts: list[Labelled] = [truth.label(sessions) for sessions in self.plain]
        self.pctr = np.concatenate([part.pctr for part in self.parts])
        self.pcvr = np.concatenate([part.pcvr for part in self.parts])
        self.click = np.concatenate([part.sessions.click for part in self.parts])
        self.conversion = np.concatenate([part.sessions.conversion for part in self.parts])


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn()


def logit(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


def test_probabilities_are_the_frequencies_in_every_bin(drawn):
    clicked = drawn.click == 1
    for p, labels in ((drawn.pctr, drawn.click), (drawn.pcvr[clicked], drawn.conversion[clicked])):
        assert p.max() > 5 * p.min()
        for rows in np.array_split(np.argsort(p), 20):
            deviation = np.sqrt((p[rows] * (1 - p[rows])).sum())
            assert abs(labels[rows].sum() - p[rows].sum()) < 4 * deviation


def test_a_conversion_needs_a_click(drawn):
    assert not (drawn.conversion > drawn.click).any()


@pytest.mark.parametrize(("ctr", "cvr"), [(0.04, 0.005), (0.2, 0.5)])
@pytest.mark.parametrize("selection_bias", [0.0, 2.0])
def test_means_are_those_asked_for(ctr, cvr, selection_bias):
    drawn = Drawn(ctr=ctr, cvr=cvr, selection_bias=selection_bias)
    assert drawn.pctr.mean() == pytest.approx(ctr, rel=0.04)
    assert np.average(drawn.pcvr, weights=drawn.pctr) == pytest.approx(cvr, rel=0.06)


def test_the_mean_is_asked_for_also_where_users_have_sessions():
    drawn = Drawn(users={"user", "age", "town"}, rows=400_000)
    assert drawn.pctr.mean() == pytest.approx(0.1, rel=0.05)
    assert np.average(drawn.pcvr, weights=drawn.pctr) == pytest.approx(0.1, rel=0.1)


def test_without_bias_the_signals_are_uncorrelated():
    drawn = Drawn(selection_bias=0.0)
    assert np.corrcoef(logit(drawn.pctr), logit(drawn.pcvr))[0, 1] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(("selection_bias", "correlation"), [(0.5, 0.5 / np.sqrt(1.25)), (1.0, np.sqrt(0.5))])
def test_bias_is_the_part_of_the_click_in_the_conversion(selection_bias, correlation):
    drawn = Drawn(selection_bias=selection_bias)
    clicked = drawn.click == 1
    assert np.corrcoef(logit(drawn.pctr), logit(drawn.pcvr))[0, 1] == pytest.approx(correlation, abs=0.02)
    assert drawn.pcvr[clicked].mean() == pytest.approx(0.1, rel=0.08)
    # Of normal logits those that are clicked have a mean that is higher by the covariance, 1.44 · correlation.
    assert drawn.pcvr[clicked].mean() / drawn.pcvr[~clicked].mean() > np.exp(1.44 * correlation) / 1.5


def test_logits_vary_as_much_whatever_the_bias():
    for selection_bias in (0.0, 3.0):
        drawn = Drawn(selection_bias=selection_bias)
        assert logit(drawn.pctr).std() == pytest.approx(1.2, rel=0.02)
        assert logit(drawn.pcvr).std() == pytest.approx(1.2, rel=0.02)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_there_is_something_to_learn_and_something_left_to_chance(seed):
    drawn = Drawn(seed=seed)
    clicked = drawn.click == 1
    assert 0.75 < roc_auc_score(drawn.click, drawn.pctr) < 0.85
    assert 0.75 < roc_auc_score(drawn.conversion[clicked], drawn.pcvr[clicked]) < 0.85


def test_a_sum_of_effects_is_not_all_there_is():
    """Four impressions of two users and two items: of an additive logit, the two diagonals have the same sum."""
    drawn = Drawn(fields=(FIELDS[1], FIELDS[4]), rows=20_000)
    ages = np.concatenate([np.asarray(part.sessions.own["age"].fill_null(0)) for part in drawn.parts])
    shops = np.concatenate([np.asarray(part.sessions.own["shop"].fill_null("")) for part in drawn.parts])
    table = np.array([[logit(drawn.pctr[(ages == age) & (shops == shop)]).mean() for shop in "ab"] for age in (1, 2)])
    assert abs(table[0, 0] + table[1, 1] - table[0, 1] - table[1, 0]) > 0.01


def test_an_impression_has_the_same_probabilities_wherever_it_comes():
    drawn = Drawn(fields=(FIELDS[1], FIELDS[4]), rows=20_000)
    ages = np.concatenate([np.asarray(part.sessions.own["age"].fill_null(0)) for part in drawn.parts])
    shops = np.concatenate([np.asarray(part.sessions.own["shop"].fill_null("")) for part in drawn.parts])
    chosen = (ages == 1) & (shops == "a")
    assert chosen.sum() > 1_000
    assert np.ptp(drawn.pctr[chosen]) < 1e-12
    assert np.ptp(drawn.pcvr[chosen]) < 1e-12
    assert drawn.pctr.std() > 0.01


def test_features_are_what_they_are_without_a_truth(drawn):
    for part, plain in zip(drawn.parts, drawn.plain, strict=True):
        assert part.sessions.own.equals(plain.own)
        assert part.sessions.first == plain.first


def test_the_same_seed_gives_the_same_and_others_differ(drawn):
    again, other = Drawn(rows=20_000), Drawn(rows=20_000, seed=2)
    assert (again.pctr == Drawn(rows=20_000).pctr).all()
    assert (again.conversion == Drawn(rows=20_000).conversion).all()
    assert (again.pctr != other.pctr).all()


@pytest.mark.parametrize(("ctr", "cvr"), [(0.0, 0.5), (1.0, 0.0), (1.0, 1.0)])
def test_nobody_and_everybody(ctr, cvr):
    drawn = Drawn(ctr=ctr, cvr=cvr, rows=5_000)
    assert drawn.click.sum() == ctr * 5_000
    assert drawn.conversion.sum() == ctr * cvr * 5_000


@pytest.mark.parametrize("fields", [(), (Field(name="constant", entity="item"),)])
def test_where_nothing_differs_all_have_the_mean(fields):
    drawn = Drawn(fields=fields, rows=5_000)
    assert drawn.pctr == pytest.approx(np.full(5_000, 0.1))
    assert drawn.pcvr == pytest.approx(np.full(5_000, 0.1))


def test_no_impressions():
    drawn = Drawn(rows=0)
    assert len(drawn.pctr) == len(drawn.click) == 0
