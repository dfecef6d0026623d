"""Where the tokens of a field stand in the files of all fields."""

import pytest
from pydantic import ValidationError

from schema import vocabulary
from schema.vocabulary import Entry

USER = Entry(
    field="user_id",
    number=2,
    feature="user_id",
    dtype="int64",
    file="vocabularies_int64",
    first_line=4,
    size=3,
    oov_buckets=1,
)
CITY = Entry(
    field="ş", number=3, feature="city", dtype="string", file="vocabularies_bytes", first_line=2, size=3, oov_buckets=4
)


def test_keys_that_say_where_fields_begin():
    assert [vocabulary.begin_key(number) for number in (1, 2, 9)] == [
        500_000_000_000_000,
        1_500_000_000_000_000,
        8_500_000_000_000_000,
    ]


def test_json_round_trip_by_name():
    text = vocabulary.to_json([USER, CITY])
    assert vocabulary.from_json(text) == {"user_id": USER, "ş": CITY}
    assert vocabulary.from_json(text.encode()) == vocabulary.from_json(text)
    assert vocabulary.from_json("[]") == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "float"}, "Input should be 'int64' or 'string'"),
        ({"lines": 3}, "Extra inputs are not permitted"),
    ],
)
def test_an_entry_refuses_what_it_does_not_know(change, message):
    with pytest.raises(ValidationError, match=message):
        Entry(**{**USER.model_dump(), **change})
