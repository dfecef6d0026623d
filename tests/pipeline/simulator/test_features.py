"""What is known of drawn values: rank, share and quantile."""

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.log_format import LogFormat
from pipeline.simulator.features import Recipe, draw, quantiles, ranks, recipes, shares

SCHEMA = """
default_environment: "SERVING"
feature { name: "user" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 3 max: 9 } }
feature { name: "up_to" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 } int_domain { max: -5 } }
feature { name: "price" type: FLOAT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          float_domain { min: -2 max: 2 } }
feature { name: "word" type: BYTES presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
feature { name: "colour" type: BYTES presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          string_domain { value: "red" value: "blue" } }
"""
ROWS = 50_000


def recipe(name: str) -> Recipe:
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    (found,) = [one for one in recipes(schema, LogFormat()) if one.name == name]
    return found


def drawn(name: str) -> pa.Array:
    return draw(recipe(name), np.random.default_rng(1), 0, ROWS)[name]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("user", [3, 9], [0, 6]),
        ("up_to", [-5, -10_004], [9_999, 0]),
        ("word", ["word_0", "word_41"], [0, 41]),
        ("colour", ["blue", "red"], [1, 0]),
    ],
)
def test_ranks(name, values, expected):
    assert ranks(recipe(name), pa.array(values)).tolist() == expected


@pytest.mark.parametrize("name", ["user", "word", "colour"])
def test_shares_are_those_of_the_draw(name):
    counts = np.bincount(ranks(recipe(name), drawn(name)), minlength=recipe(name).vocabulary)
    expected = shares(recipe(name), np.arange(recipe(name).vocabulary))
    assert expected.sum() == pytest.approx(1)
    deviation = np.sqrt(expected * (1 - expected) / ROWS)
    assert (np.abs(counts / ROWS - expected)[:50] < 4.5 * deviation[:50]).all()


def test_quantiles():
    assert quantiles(recipe("price"), pa.array([-2.0, 1.0, 2.0])).tolist() == [0, 0.75, 1]
    assert quantiles(recipe("word"), pa.array(["word_0", "word_1250"])) == pytest.approx([0, 0.5])
    for name in ("price", "word"):
        found = quantiles(recipe(name), drawn(name))
        assert np.quantile(found, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.02)
