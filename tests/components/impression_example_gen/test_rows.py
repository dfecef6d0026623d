"""Rows between reading and encoding, and the letters of those that came no further."""

import base64
import json

import numpy as np
import pyarrow as pa
import pytest

from components.impression_example_gen.rows import DeadLetter, Rows, readable, shown


def rows(raw: list[bytes] | None = None, **columns: list) -> Rows:
    batch = pa.RecordBatch.from_pydict(columns)
    at = np.arange(batch.num_rows) + 10
    return Rows(batch, "log.x", "row", at, pa.array(raw, pa.binary()) if raw else None)


def test_a_letter_is_one_line_of_json():
    letter = DeadLetter("log.csv", "line 17", "should be “1”\nReceived: \ud800", b'a,"\n\xff\0')
    text = letter.to_json()
    assert "\n" not in text
    assert json.loads(text) == {
        "file": "log.csv",
        "position": "line 17",
        "reason": "should be “1”\nReceived: \ud800",
        "raw_base64": base64.b64encode(b'a,"\n\xff\0').decode(),
    }


def test_a_letter_for_people_has_the_place_and_the_reason():
    assert str(DeadLetter("log.csv", "line 17", "why", b"raw")) == "log.csv, line 17: why"


@pytest.mark.parametrize(("position", "number"), [("line 17", 17), ("byte 0", 0), ("record 1024", 1024)])
def test_the_number_of_a_position(position, number):
    assert DeadLetter("log", position, "why", b"").number == number


def test_the_letter_of_a_row_with_bytes_of_its_own():
    assert rows([b"a", b"b\xff"], n=[1, 2]).dead_letter(1, "why") == DeadLetter("log.x", "row 11", "why", b"b\xff")


def test_the_letter_of_a_row_without_bytes_has_its_values_as_json():
    letter = rows(n=[1, None], s=[b"x", b"y\xff"], l=[[1], [2, 3]]).dead_letter(1, "why")
    assert letter == DeadLetter("log.x", "row 11", "why", rb'{"n": null, "s": "y\\xff", "l": [2, 3]}')


def test_no_rows_but_what_else_was_found():
    letter = DeadLetter("log.x", "row 1", "why", b"")
    none = Rows.none("log.x", dead=(letter,), counts={"clicks_in": 3})
    assert (none.batch.num_rows, len(none.positions), none.file) == (0, 0, "log.x")
    assert (none.dead, none.dead_others, none.counts) == ((letter,), (), {"clicks_in": 3})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        ("two\nlines\t and  more ", "two lines and more"),
        (b"K\xc3\xb6ln", "Köln"),
        (b"K\xf6ln", r"K\xf6ln"),
        (5, "5"),
        (None, "None"),
        ([1, "x"], "[1, 'x']"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 80 + "… (81 characters)"),
        (b"y" * 1000, "y" * 80 + "… (1000 characters)"),
    ],
)
def test_values_in_messages(value, text):
    assert shown(value) == text


def not_utf8(*texts: bytes) -> pa.Array:
    return pa.Array.from_buffers(pa.string(), len(texts), pa.array(texts, pa.binary()).buffers())


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("encoded", [False, True])
def test_text_that_is_no_utf_8_is_readable_as_bytes(listed, encoded):
    values = not_utf8(b"x", b"\xff").dictionary_encode() if encoded else not_utf8(b"x", b"\xff")
    if listed:
        values = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), values)
    expected = [[b"x"], [b"\xff"]] if listed else [b"x", b"\xff"]
    assert readable(values).to_pylist() == expected
    batch = pa.RecordBatch.from_pydict({"s": values})
    letter = Rows(batch, "log.parquet", "row", np.arange(2)).dead_letter(1, "why")
    assert json.loads(letter.raw) == {"s": [r"\xff"] if listed else r"\xff"}
