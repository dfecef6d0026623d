"""What is wrong with a schema by itself, word for word."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import check, load, well_formed
from schema.errors import InputError

HEAD = 'default_environment: "TRAINING" default_environment: "SERVING" '


def problems(text: str) -> list[str]:
    return list(well_formed.problems(text_format.Parse(HEAD + text, schema_pb2.Schema())))


@pytest.mark.parametrize("name", ["kuairand", "ali_ccp"])
def test_the_curated_ones_are_well_formed(name):
    assert list(well_formed.problems(load.read_schema(load.schema_path(name)))) == []


@pytest.mark.parametrize(
    "feature",
    [
        "type: INT value_count { min: 0 }",
        "type: INT value_count { max: 1 }",
        "type: INT int_domain { min: 3 max: 3 }",
        "type: FLOAT float_domain { max: -1 }",
        "type: INT lifecycle_stage: BETA",
        "type: INT bool_domain { }",
        "type: FLOAT drift_comparator { jensen_shannon_divergence { threshold: 0.1 } }",
        "type: INT int_domain { is_categorical: true } drift_comparator { infinity_norm { threshold: 0.1 } }",
        'type: BYTES string_domain { value: "x" } distribution_constraints { min_domain_mass: 0.5 }',
    ],
)
def test_well_formed(feature):
    assert problems(f'feature {{ name: "a" {feature} }}') == []


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("", "should be of type INT, FLOAT or BYTES. Received: TYPE_UNKNOWN"),
        ("type: STRUCT", "should be of type INT, FLOAT or BYTES. Received: STRUCT"),
        (
            "type: INT lifecycle_stage: ALPHA",
            "should be DISABLED, BETA, PRODUCTION or say no lifecycle_stage. Received: ALPHA",
        ),
        (
            "type: INT deprecated: true",
            "should be DISABLED, BETA, PRODUCTION or say no lifecycle_stage. Received: deprecated",
        ),
        ("type: INT shape { }", "should say its value_count. Received: a shape"),
        ("type: INT value_counts { }", "should say its value_count. Received: value_counts"),
        (
            "type: INT value_count { min: 2 max: 1 }",
            "should have a value_count of 0 ≤ min ≤ max and 1 ≤ max. Received: min 2 max 1",
        ),
        (
            "type: INT value_count { max: 0 }",
            "should have a value_count of 0 ≤ min ≤ max and 1 ≤ max. Received: min 0 max 0",
        ),
        (
            "type: INT value_count { min: -1 }",
            "should have a value_count of 0 ≤ min ≤ max and 1 ≤ max. Received: min -1",
        ),
        (
            "type: INT presence { min_fraction: 1.5 }",
            "should have a presence.min_fraction from 0 to 1. Received: 1.5",
        ),
        ("type: INT presence { min_count: -1 }", "should have a presence.min_count of 0 or more. Received: -1"),
        (
            'type: INT not_in_environment: "SERVNG"',
            "should name environments that default_environment has, TRAINING and SERVING. Received: SERVNG",
        ),
        (
            "type: FLOAT drift_comparator { infinity_norm { threshold: 0.1 } }",
            "should compare numbers by jensen_shannon_divergence, or be categorical. "
            "Received: infinity_norm in its drift_comparator",
        ),
        (
            "type: INT skew_comparator { infinity_norm { threshold: 0.1 } }",
            "should compare numbers by jensen_shannon_divergence, or be categorical. "
            "Received: infinity_norm in its skew_comparator",
        ),
        ("type: INT int_domain { min: 2 max: 1 }", "should have min ≤ max in its int_domain. Received: min 2 max 1"),
        (
            "type: FLOAT float_domain { min: 0.5 max: 0.25 }",
            "should have min ≤ max in its float_domain. Received: min 0.5 max 0.25",
        ),
        (
            "type: BYTES int_domain { min: 0 }",
            "should have a domain of kind string_domain or none, as its type is BYTES. Received: int_domain",
        ),
        (
            'type: INT domain: "d"',
            "should have a domain of kind int_domain or none, as its type is INT. Received: string_domain",
        ),
        ('type: BYTES domain: "x"', "should name a string_domain that the schema defines. Received: domain x"),
        ("type: BYTES string_domain { }", "should have values in its string_domain. Received: none"),
        (
            "type: INT distribution_constraints { min_domain_mass: 2 }",
            "should have a min_domain_mass from 0 to 1. Received: 2",
        ),
    ],
)
def test_a_feature(feature, message):
    text = f'feature {{ name: "a" {feature} }} string_domain {{ name: "d" value: "v" }}'
    assert problems(text) == [f"feature `a` of the schema {message}"]


def test_names():
    assert problems(
        'feature { name: "a" type: INT } feature { type: INT } feature { name: "a" lifecycle_stage: DISABLED } '
        'string_domain { name: "d" value: "v" } string_domain { name: "d" } feature { name: "b" type: INT }'
    ) == [
        "every feature of the schema should have a name. Received: none for feature 2",
        "feature `a` should be in the schema once. Received: 2 times",
        "string_domain `d` should be in the schema once. Received: 2 times",
        "string_domain `d` of the schema should have values. Received: none",
    ]


def test_of_a_disabled_feature_only_its_name_counts():
    assert problems('feature { name: "a" lifecycle_stage: DISABLED value_count { min: 2 max: 1 } }') == []


def test_a_run_refuses_it_too():
    schema = load.read_schema(load.schema_path("kuairand"))
    schema.feature[2].int_domain.max = -1
    with pytest.raises(InputError) as error:
        check.check_schema(schema, {"click": "is_click", "conversion": "is_like"})
    assert str(error.value) == (
        "feature `user_id` of the schema should have min ≤ max in its int_domain. Received: min 0 max -1"
    )
