"""Reading a schema and what it says of its features."""

import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

import schema as schema_package
from schema import load
from schema.errors import InputError

TEXT = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "label" type: INT value_count { min: 1 max: 1 } not_in_environment: "SERVING" }
feature { name: "b" type: BYTES value_count { min: 1 max: 1 } domain: "b" }
feature { name: "a" type: INT value_count { min: 0 max: 20 } }
feature { name: "serving_only" type: INT value_count { min: 1 max: 1 } not_in_environment: "TRAINING" }
feature { name: "off" type: INT lifecycle_stage: DISABLED }
string_domain { name: "b" value: "x" }
"""


@pytest.fixture
def curated() -> schema_pb2.Schema:
    return text_format.Parse(TEXT, schema_pb2.Schema())


def feature(text: str) -> schema_pb2.Feature:
    return text_format.Parse(text, schema_pb2.Feature())


def test_schema_path_finds_a_preset_by_name():
    assert load.schema_path("kuairand") == Path(schema_package.__file__).parent / "kuairand.pbtxt"


def test_schema_path_finds_a_file(tmp_path):
    path = tmp_path / "mine.pbtxt"
    path.write_text(TEXT)
    assert load.schema_path(str(path)) == path


@pytest.mark.parametrize("make_directory", [False, True])
def test_schema_path_of_no_file_names_what_there_is(tmp_path, make_directory):
    path = tmp_path / "none.pbtxt"
    if make_directory:
        path.mkdir()
    with pytest.raises(InputError) as error:
        load.schema_path(str(path))
    assert str(error.value).startswith("`schema` should be a .pbtxt file or one of: ")
    assert "kuairand" in str(error.value)
    assert str(error.value).endswith(f"Received: {path}, no such file")


def test_read_schema_reads_the_text(tmp_path, curated):
    path = tmp_path / "s.pbtxt"
    path.write_text(TEXT)
    assert load.read_schema(path) == curated
    assert [f.name for f in load.read_schema(str(path)).feature] == ["label", "b", "a", "serving_only", "off"]


def test_read_schema_of_broken_text_names_file_and_line(tmp_path):
    path = tmp_path / "s.pbtxt"
    path.write_text('feature {\n  name: "a"\n  typo: INT\n}\n')
    with pytest.raises(InputError) as error:
        load.read_schema(path)
    assert str(error.value).startswith(f"{path} should be a TensorFlow Metadata schema in text form. Received: 3:")
    assert "typo" in str(error.value)


def test_read_schema_of_bytes_names_the_file(tmp_path):
    path = tmp_path / "s.pbtxt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=re.escape(str(path)) + ".*text form.*0xff"):
        load.read_schema(path)


def test_usable_features_by_environment_in_the_schemas_order(curated):
    assert list(load.usable_features(curated, "TRAINING")) == ["label", "b", "a"]
    assert list(load.usable_features(curated, "SERVING")) == ["b", "a", "serving_only"]
    assert load.usable_features(curated, "TRAINING")["b"].type == schema_pb2.BYTES


def test_usable_features_of_an_unknown_environment(curated):
    del curated.default_environment[1]
    with pytest.raises(InputError) as error:
        load.usable_features(curated, "SERVING")
    assert str(error.value) == (
        "the schema should have default environments TRAINING and SERVING. Received: ['TRAINING']"
    )


def test_is_disabled(curated):
    assert [f.name for f in curated.feature if load.is_disabled(f)] == ["off"]


@pytest.mark.parametrize(
    ("text", "multivalued"),
    [
        ("value_count { min: 1 max: 1 }", False),
        ("value_count { min: 0 max: 1 }", False),
        ("value_count { min: 1 max: 2 }", True),
        ("value_count { min: 0 }", True),
        ("type: INT", True),
    ],
)
def test_is_multivalued(text, multivalued):
    assert load.is_multivalued(feature(text)) is multivalued


def test_project_keeps_the_named_features_and_all_else(curated):
    before = schema_pb2.Schema()
    before.CopyFrom(curated)
    projected = load.project(curated, ["a", "label", "unknown"])
    assert [f.name for f in projected.feature] == ["label", "a"]
    assert projected.feature[1] == before.feature[2]
    assert list(projected.default_environment) == ["TRAINING", "SERVING"]
    assert list(projected.string_domain) == list(before.string_domain)
    assert curated == before
