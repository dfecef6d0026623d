"""Which vocabularies of an earlier run fit the fields of this one."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.packed_transform import carry_on
from schema import vocabulary
from schema.errors import InputError
from schema.fields import Field

SCHEMA = text_format.Parse(
    """
feature { name: "user" type: INT }
feature { name: "city" type: BYTES }
feature { name: "town" type: BYTES }
feature { name: "price" type: FLOAT }
""",
    schema_pb2.Schema(),
)
USER = Field(name="user", entity="user")
CITY = Field(name="city", entity="user")
ANEW = "; rename the field, or count anew: vocabularies.carry_on=none"


def graph(folder: Path, *known: tuple[str, str, str]) -> str:
    """A transform graph with vocabularies of these fields, features and types."""
    entries = [
        vocabulary.Entry(
            field=field, number=number, feature=feature, dtype=dtype, file="", first_line=0, size=0, oov_buckets=1
        )
        for number, (field, feature, dtype) in enumerate(known, 1)
    ]
    assets = folder / "transform_fn" / "assets"
    assets.mkdir(parents=True)
    (assets / "vocabularies.json").write_text(vocabulary.to_json(entries))
    return str(folder)


def refusal(folder: Path | str, fields: Sequence[Field]) -> str:
    with pytest.raises(InputError) as caught:
        carry_on.check(str(folder), fields, SCHEMA)
    return str(caught.value)


@pytest.mark.parametrize(
    "others",
    [
        (),
        (Field(name="new", feature="town", entity="user"),),
        (Field(name="town", entity="user", encoding="hash"),),
        (Field(name="town", feature="city", entity="user", vocabulary="city"),),
        (Field(name="price", entity="item", encoding="buckets"), Field(name="cost", feature="price", entity="item")),
    ],
    ids=["the_same", "a_new_one", "hashed_now", "shared_now", "none_before"],
)
def test_vocabularies_of_the_same_fields_fit(others, tmp_path):
    """`town` was a field of integers, and `gone` is a field no more."""
    earlier = graph(tmp_path, ("user", "user", "int64"), ("town", "town", "int64"), ("gone", "gone", "string"))
    carry_on.check(earlier, (*others, CITY, USER), SCHEMA)


def test_options_may_change(tmp_path):
    user = USER.model_copy(update={"min_count": 5, "top_k": 9, "values": 4})
    carry_on.check(graph(tmp_path, ("user", "user", "int64")), [user], SCHEMA)


def test_other_oov_buckets_would_move_the_ids(tmp_path):
    earlier = graph(tmp_path, ("user", "user", "int64"), ("city", "city", "string"))
    assert refusal(earlier, [USER, CITY.model_copy(update={"oov_buckets": 3})]) == (
        f"`fields.city.oov_buckets` should stay 1 while the vocabulary is carried on. Received: 3, in {tmp_path}{ANEW}"
    )


@pytest.mark.parametrize("fields", [(), (Field(name="user", entity="user", encoding="hash"),)])
def test_where_no_field_has_a_vocabulary_there_is_nothing_to_fit(fields, tmp_path):
    carry_on.check(str(tmp_path / "nowhere"), fields, SCHEMA)


def test_a_folder_without_vocabularies(tmp_path):
    path = tmp_path / "transform_fn" / "assets" / "vocabularies.json"
    told = "vocabularies are carried on from a transform graph. Received: {}, without {}"
    assert refusal(tmp_path, [USER]) == told.format(tmp_path, path)
    assert refusal(f"{tmp_path}/", [USER]) == told.format(f"{tmp_path}/", path)


@pytest.mark.parametrize(("known", "told"), [((), "none"), ((("a", "user", "int64"), ("b", "city", "string")), "a, b")])
def test_none_of_the_fields(known, told, tmp_path):
    assert refusal(graph(tmp_path, *known), [USER, CITY]) == (
        f"vocabularies that are carried on should be of the configuration's fields. Received: {told}, in {tmp_path}"
        + ANEW
    )


@pytest.mark.parametrize(
    ("city", "known", "told"),
    [
        (CITY, ("city", "town", "string"), "city (string). Received: one of town (string)"),
        (CITY, ("city", "city", "int64"), "city (string). Received: one of city (int64)"),
        (
            Field(name="city", feature="user", entity="user"),
            ("city", "city", "string"),
            "user (int64). Received: one of city (string)",
        ),
    ],
    ids=["another_feature", "another_type", "both"],
)
def test_another_feature_or_type(city, known, told, tmp_path):
    earlier = graph(tmp_path, ("user", "user", "int64"), known)
    assert refusal(earlier, [USER, city]) == (
        f"the vocabulary of `city` that is carried on should be of {told}, in {tmp_path}" + ANEW
    )
