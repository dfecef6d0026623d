"""Fields, their JSON form, and the slots of the packed features."""

import pytest
from pydantic import ValidationError

from schema import fields
from schema.fields import Field, vocabulary_owners

USER = Field(name="user_id", entity="user", min_count=5, oov_buckets=2)
TAGS = Field(name="tags", entity="item", values=3, pooling="sum")
TAG_COUNT = Field(name="tag_count", entity="item", feature="tags", encoding="length", values=10)
AGE = Field(name="age", entity="user", encoding="buckets", buckets=14)
DURATION = Field(name="duration", entity="item", feature="duration_ms", encoding="log")


@pytest.mark.parametrize(("field", "slots"), [(USER, 1), (TAGS, 3), (TAG_COUNT, 1), (AGE, 1), (DURATION, 1)])
def test_slots_are_values_of_a_vocabulary_and_one_of_all_else(field, slots):
    assert field.slots == slots


def test_source_is_the_feature_if_given_else_the_name():
    assert USER.source == "user_id"
    assert TAG_COUNT.source == "tags"


def test_json_round_trip_keeps_every_attribute_and_the_order():
    all_fields = (TAGS, USER, DURATION, AGE, TAG_COUNT)
    assert fields.from_json(fields.to_json(all_fields)) == all_fields
    assert fields.from_json(fields.to_json(list(all_fields))) == all_fields
    assert fields.from_json(fields.to_json([])) == ()


def test_json_of_written_text_has_the_defaults():
    (field,) = fields.from_json('[{"name": "tab", "entity": "context"}]')
    assert field.model_dump() == {
        "name": "tab",
        "entity": "context",
        "feature": "",
        "encoding": "vocabulary",
        "vocabulary": "",
        "min_count": 1,
        "top_k": None,
        "oov_buckets": 1,
        "buckets": 32,
        "values": 1,
        "weights": "",
        "keep": "first",
        "pooling": "mean",
    }


def test_embedded_and_dense_part_the_fields_and_keep_their_order():
    all_fields = (TAGS, DURATION, USER, TAG_COUNT, AGE)
    assert fields.embedded(all_fields) == (TAGS, USER, TAG_COUNT, AGE)
    assert fields.dense(all_fields) == (DURATION,)


def test_weighted_fields_keep_their_order():
    first, second = (field.model_copy(update={"weights": "watched"}) for field in (TAGS, USER))
    assert fields.weighted((second, DURATION, first, AGE)) == (second, first)
    assert fields.weighted((TAGS, USER)) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entity": "shop"}, "Input should be 'user', 'item', 'context' or 'cross'"),
        ({"encoding": "onehot"}, "Input should be 'vocabulary', 'hash', 'buckets', 'length' or 'log'"),
        ({"top_k": 0}, "Input should be greater than 0"),
        ({"keep": "best"}, "Input should be 'first', 'last' or 'heaviest'"),
        ({"values": 0}, "Input should be greater than 0"),
        ({"oov_buckets": 0}, "Input should be greater than 0"),
        ({"min_count": -1}, "Input should be greater than 0"),
        ({"bucket": 3}, "Extra inputs are not permitted"),
    ],
)
def test_a_field_refuses_what_it_does_not_know(change, message):
    with pytest.raises(ValidationError, match=message):
        Field(**{"name": "x", "entity": "user", **change})


@pytest.mark.parametrize("name", ["", "a\tb", "a\n", "\r", "\t"])
def test_a_name_fits_into_a_line_before_a_tab(name):
    with pytest.raises(ValidationError, match="String should match pattern"):
        Field(name=name, entity="user")
    assert Field(name="a b ş", entity="user").name == "a b ş"


def test_a_hashed_field_has_a_slot_for_each_value():
    assert Field(name="tags", entity="item", encoding="hash", values=3).slots == 3


def test_a_field_owns_its_vocabulary_unless_it_shares_one():
    assert USER.vocabulary_owner == USER.name
    assert Field(name="history", entity="user", vocabulary="video").vocabulary_owner == "video"


def test_a_field_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        USER.values = 2
    assert USER.values == 1


def test_only_fields_with_a_vocabulary_of_their_own_are_owners():
    given = [
        Field(name="item", entity="item"),
        Field(name="history", entity="user", vocabulary="item"),
        Field(name="hashed", entity="user", encoding="hash"),
        Field(name="page", entity="context"),
    ]
    assert [field.name for field in vocabulary_owners(given)] == ["item", "page"]
