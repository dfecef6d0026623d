"""Where the tokens of a field stand in the files of all fields."""

import pytest
from pydantic import ValidationError

from schema import vocabulary
from schema.vocabulary import Entry

USER = Entry(
    field="user_id", number=2, feature="user_id", dtype="int64", file="vocabularies_int64", first_line=4, size=3
)
CITY = Entry(field="ş", number=3, feature="city", dtype="string", file="vocabularies_bytes", first_line=2, size=3)
WIDE = Entry(field="w", number=1, feature="wide", dtype="int64", file="vocabularies_bytes", first_line=6, size=1)


def test_keys_that_say_where_fields_begin():
    assert [vocabulary.begin_key(number) for number in (1, 2, 9)] == [
        500_000_000_000_000,
        1_500_000_000_000_000,
        8_500_000_000_000_000,
    ]


def test_tokens_among_the_integers():
    lines = [b"0", b"500000000000000", b"1000000000000007", b"1500000000000000"]
    mine = [b"2000000000000000", b"1999999999999995", b"2499999999999999"]
    assert USER.tokens([*lines, *mine, b"2500000000000000", b""]) == [b"0", b"-5", b"499999999999999"]


def test_tokens_among_the_bytes():
    name = "ş".encode()
    lines = [
        b"\t",
        name + b"\t",
        name + b"\ta",
        name + b"\tb\tc",
        name + b"\t\xff\0",
        b"w\t",
        b"w\t-9223372036854775808",
    ]
    assert CITY.tokens(lines) == [b"a", b"b\tc", b"\xff\0"]
    assert WIDE.tokens(lines) == [b"-9223372036854775808"]


def test_a_field_without_tokens():
    assert USER.model_copy(update={"size": 0}).tokens([b"0"] * 9) == []


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
