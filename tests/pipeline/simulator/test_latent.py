"""Latent factors of values, each derived anew from a hash."""

import hashlib
import math

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.log_format import LogFormat
from pipeline.simulator.features import recipes
from pipeline.simulator.latent import LatentFeature, latent_features, latents
from schema.fields import Field

SCHEMA = """
default_environment: "SERVING"
feature { name: "one" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 0 } }
feature { name: "item" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 999999 } }
feature { name: "seen" type: INT value_count { min: 1 max: 9 } int_domain { min: 5 max: 7 } }
feature { name: "seen_weight" type: FLOAT value_count { min: 1 max: 9 } }
feature { name: "price" type: FLOAT value_count { min: 1 max: 1 } float_domain { min: 0 max: 4 } }
feature { name: "length" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 999 } }
feature { name: "unused" type: INT value_count { min: 1 max: 1 } }
"""
FIELDS = (
    Field(name="one", entity="context"),
    Field(name="item", entity="item"),
    Field(name="seen", entity="user", values=9, weights="seen_weight"),
    Field(name="seen_length", entity="user", feature="seen", encoding="length", values=9),
    Field(name="price", entity="item", encoding="log"),
    Field(name="length", entity="item", encoding="buckets"),
)
MASK = (1 << 64) - 1


def features(most: int = 50, fields: tuple[Field, ...] = FIELDS) -> dict[str, LatentFeature]:
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    return {one.recipe.name: one for one in latent_features(recipes(schema, LogFormat()), fields, most)}


def latent(name: str, values: list, weights: list | None = None, most: int = 50, seed: int = 1) -> np.ndarray:
    columns = {name: pa.array(values)} | ({f"{name}_weight": pa.array(weights)} if weights else {})
    return latents(features(most)[name], pa.RecordBatch.from_pydict(columns), len(values), seed)


def split_mix(start: int, step: int) -> float:
    """A number of Steele et al.'s SplitMix64, as one of mean 0 and variance 1."""
    state = (start + step * 0x9E3779B97F4A7C15) & MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return ((state ^ (state >> 31)) / 2**64 - 0.5) * math.sqrt(12)


def test_only_what_the_fields_are_made_of_counts():
    found = features()
    assert list(found) == ["one", "item", "seen", "price", "length"]
    assert [one.entity for one in found.values()] == ["context", "item", "user", "item", "item"]
    assert [one.number for one in found.values()] == [False, False, False, True, True]
    assert list(features(fields=FIELDS[3:4])) == []


def hashed(name: str, number: int, seed: int) -> list[float]:
    """A value's latent vector, before it is scaled: of the task click effect and factors, then of conversion."""
    digests = [hashlib.blake2b(f"{seed} {column} {name}".encode(), digest_size=8).digest() for column in range(6)]
    return [split_mix(int.from_bytes(digest, "big"), number) for digest in digests]


def test_an_effect_is_a_hash_of_name_value_and_seed():
    share = (124 / 1e6) ** (1 / 3) - (123 / 1e6) ** (1 / 3)
    expected = math.sqrt(share / (share + 1e-3)) * np.array(hashed("item", 123, seed=7))
    assert latent("item", [123], seed=7).ravel() == pytest.approx(expected)


@pytest.mark.parametrize(("most", "mean_length"), [(50, 5), (3, 2)])
def test_effects_of_a_list_make_up_for_its_length(most, mean_length):
    share = (2 / 3) ** (1 / 3) - (1 / 3) ** (1 / 3)
    expected = math.sqrt(mean_length * share / (share + 1e-3)) * np.array(hashed("seen", 1, seed=1))
    assert latent("seen", [[6]], [[1.0]], most).ravel() == pytest.approx(expected)


def test_equal_values_have_equal_effects_and_others_differ():
    (first, again, other) = latent("item", [5, 5, 6])
    assert (first == again).all()
    assert (first != other).all()
    assert (latent("item", [5], seed=2) != first).all()
    assert (latent("one", [0]) != latent("length", [0])).all()


def test_effects_are_independent_and_the_rarer_the_smaller():
    vectors = latent("item", list(range(200_000))).reshape(-1, 6)
    share = np.diff((np.arange(200_001) / 1e6) ** (1 / 3))
    unit = vectors / np.sqrt(share / (share + 1e-3))[:, None]
    assert np.abs(unit.mean(axis=0)).max() < 0.01
    assert np.cov(unit.T) == pytest.approx(np.eye(6), abs=0.015)
    assert vectors[-1000:].var() < 0.01 * vectors[:10].var()


def test_several_values_count_by_their_weights():
    five, six, seven = latent("seen", [[5], [6], [7]], [[1.0], [1.0], [1.0]])
    both, weighed, none = latent("seen", [[5, 6], [7, 5], None], [[1.0, 1.0], [3.0, 1.0], None])
    assert both == pytest.approx((five + six) / 2)
    assert weighed == pytest.approx((3 * seven + five) / 4)
    assert (none == 0).all()


def test_values_that_the_log_cuts_off_have_no_effect():
    cut = latent("seen", [[5, 6, 7]], [[3.0, 2.0, 1.0]], most=2)
    assert cut == pytest.approx(latent("seen", [[5, 6]], [[3.0, 2.0]], most=2))
    assert (cut != latent("seen", [[5, 6, 7]], [[3.0, 2.0, 1.0]], most=3)).all()


def test_the_effect_of_a_number_is_smooth():
    lowest, quarter, middle, highest, missing = latent("price", [0.0, 1.0, 2.0, 4.0, None])
    assert quarter == pytest.approx(lowest * math.sqrt(0.5))
    assert middle == pytest.approx(np.zeros((2, 3)))
    assert highest == pytest.approx(-lowest)
    assert (missing == 0).all()
    below, above = latent("length", [499, 500])
    assert below == pytest.approx(above, abs=0.01)
