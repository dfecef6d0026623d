"""JSON Lines: what good objects come to, and every kind of line that is none."""

import gzip
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column
from components.impression_example_gen.readers import json_lines
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.rows import DeadLetter
from schema.errors import InputError

COLUMNS = (
    Column("i", schema_pb2.INT),
    Column("f", schema_pb2.FLOAT),
    Column("s", schema_pb2.BYTES),
    Column("is", schema_pb2.INT, multivalued=True),
    Column("fs", schema_pb2.FLOAT, multivalued=True),
    Column("ss", schema_pb2.BYTES, multivalued=True),
)
MISSING = dict.fromkeys(("i", "f", "s", "is", "fs", "ss"))


def write(tmp_path: Path, data: bytes | str, name: str = "x.jsonl") -> str:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def read(path: str, max_bytes: int = 1 << 20, where=None) -> tuple[dict[str, dict], list[DeadLetter]]:
    """Rows by position, and the dead letters."""
    rows, dead = {}, []
    for part in json_lines.read_json(where or FileRange(path), COLUMNS, max_bytes):
        dead += part.dead
        rows |= {f"{part.unit} {at}": row for at, row in zip(part.positions, part.batch.to_pylist(), strict=True)}
    return rows, dead


def one(tmp_path: Path, line: bytes | str) -> dict | str:
    """The row of a line between two good ones, or why there is none."""
    line = line.encode() if isinstance(line, str) else line
    path = write(tmp_path, b'{"i": 1}\n' + line + b'\n{"i": 3}\n')
    rows, dead = read(path)
    assert (rows.pop("line 1"), rows.pop("line 3")) == (MISSING | {"i": 1}, MISSING | {"i": 3})
    if rows:
        assert dead == []
        return rows["line 2"]
    (letter,) = dead
    assert letter == DeadLetter(path, "line 2", letter.reason, line)
    return letter.reason


# --- Objects.


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("{}", {}),
        (' { "i" : 5 } ', {"i": 5}),
        ('{"i": 5}\r', {"i": 5}),
        ('{"i": null, "s": null, "is": null}', {}),
        ('{"other": {"i": 1}, "i": 2}', {"i": 2}),
        ('{"i": 1, "i": 2}', {"i": 2}),
        ('{"i": 1, "i": null}', {}),
        ('{"i": "no integer", "i": 2}', {"i": 2}),
        ('{"i": 9223372036854775807, "f": -0.0}', {"i": 2**63 - 1, "f": 0.0}),
        ('{"i": -9223372036854775808}', {"i": -(2**63)}),
        ('{"i": 2.0}', {"i": 2}),
        ('{"i": 1e3}', {"i": 1000}),
        ('{"f": 2}', {"f": 2.0}),
        ('{"f": 0.1}', {"f": 0.1}),
        ('{"f": Infinity}', {"f": math.inf}),
        ('{"s": ""}', {"s": ""}),
        ('{"s": "K\\u00f6ln \\n \\u0000 \\ud83d\\ude00"}', {"s": "Köln \n \0 😀"}),
        ('{"s": "Köln"}', {"s": "Köln"}),
        (
            '{"is": [3, 1, 2], "fs": [0.5, 2], "ss": ["b", "", "a|b"]}',
            {"is": [3, 1, 2], "fs": [0.5, 2.0], "ss": ["b", "", "a|b"]},
        ),
        ('{"is": [], "ss": []}', {"is": [], "ss": []}),
        ('{"is": [1, null, 2.0]}', {"is": [1, None, 2]}),
    ],
)
def test_an_object(tmp_path, line, values):
    assert one(tmp_path, line) == MISSING | values


def test_nan_is_read_for_the_cast_to_make_it_missing(tmp_path):
    row = one(tmp_path, '{"f": NaN, "fs": [NaN, 1]}')
    assert isinstance(row, dict)
    assert math.isnan(row["f"])
    assert math.isnan(row["fs"][0])
    assert row["fs"][1] == 1.0


@pytest.mark.parametrize("number", [2**24 + 1, 2**53 + 1, -(2**24) - 1, 2**70])
def test_a_whole_number_of_a_float_feature_is_rounded_as_in_the_other_formats(tmp_path, number):
    row = one(tmp_path, json.dumps({"f": number, "fs": [number]}))
    assert isinstance(row, dict), row
    assert row["f"] == pytest.approx(number, rel=2**-24)
    assert row["fs"] == [row["f"]]


# --- Lines that are none.


@pytest.mark.parametrize(
    ("line", "received"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("null", "None"),
        ("[1]", "[1]"),
        ('"x"', "x"),
        ("3", "3"),
        ("true", "True"),
        ("NaN", "nan"),
        ('"\\ud800"', "\ud800"),
        ('{"i": 1', "Expecting ',' delimiter: line 1 column 8 (char 7)"),
        ('{"i": 1}}', "Extra data: line 1 column 9 (char 8)"),
        ('{"i": 1} {"i": 2}', "Extra data: line 1 column 10 (char 9)"),
        ("{'i': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"i": 01}', "Expecting ',' delimiter: line 1 column 8 (char 7)"),
        ('{"s": "a\tb"}', "Invalid control character at: line 1 column 9 (char 8)"),
        ("\0", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"s": "\xff"}', "'utf-8' codec can't decode byte 0xff in position 7: invalid start byte"),
        (b'{"s": "\xed\xa0\x80"}', "'utf-8' codec can't decode byte 0xed in position 7: invalid continuation byte"),
        ("[" * 100_000, "one nested too deeply"),
        ('{"i": ' + "[" * 100_000 + "]" * 100_000 + "}", "one nested too deeply"),
        ('{"i":' * 100_000 + "1" + "}" * 100_000, "one nested too deeply"),
        ("[" + "1," * 500 + "1]", "[" + "1, " * 26 + "1… (1503 characters)"),
    ],
    ids=range(21),
)
def test_a_line_that_is_no_object(tmp_path, line, received):
    assert one(tmp_path, line) == f"a line should hold a JSON object. Received: {received}"


def test_an_integer_of_very_many_digits(tmp_path):
    reason = one(tmp_path, '{"i": ' + "9" * 5_000 + "}")
    assert isinstance(reason, str)
    assert reason.startswith("a line should hold a JSON object. Received: Exceeds the limit (4300 digits)")
    assert len(reason) < 300


@pytest.mark.parametrize("depth", range(960, 1000, 3))
@pytest.mark.parametrize("form", ['{"i": %s}', "%s", '{"ss": %s}'])
def test_nesting_around_the_limit_of_the_parser(tmp_path, depth, form):
    """Also what can just be parsed must be told in a message."""
    assert isinstance(one(tmp_path, form % ("[" * depth + "]" * depth)), str)


INTEGER, NUMBER, STRING = "an integer", "a number", "a string"


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("i", "1.5", INTEGER),
        ("i", '"7"', INTEGER),
        ("i", "true", INTEGER),
        ("i", "[1]", INTEGER),
        ("i", "[]", INTEGER),
        ("i", "{}", INTEGER),
        ("i", "9223372036854775808", INTEGER),
        ("i", "-9223372036854775809", INTEGER),
        ("i", "1e+19", INTEGER),
        ("i", "NaN", INTEGER),
        ("i", "Infinity", INTEGER),
        ("f", '"0.5"', NUMBER),
        ("f", '"nan"', NUMBER),
        ("f", "[0.5]", NUMBER),
        ("f", "true", NUMBER),
        ("s", "5", STRING),
        ("s", "0.5", STRING),
        ("s", "false", STRING),
        ("s", '["x"]', STRING),
        ("s", '"\\ud800"', STRING),
        ("is", "5", "a list of values, each an integer"),
        ("is", '"1|2"', "a list of values, each an integer"),
        ("is", '["1"]', "a list of values, each an integer"),
        ("is", "[[1]]", "a list of values, each an integer"),
        ("is", '{"1": 2}', "a list of values, each an integer"),
        ("is", "[1, 2.5]", "a list of values, each an integer"),
        ("fs", '["x"]', "a list of values, each a number"),
        ("ss", "[1]", "a list of values, each a string"),
        ("ss", '["x", ["y"]]', "a list of values, each a string"),
        ("ss", '["x", "\\udfff"]', "a list of values, each a string"),
        ("ss", '"ab"', "a list of values, each a string"),
        ("ss", '""', "a list of values, each a string"),
    ],
)
def test_a_value_of_another_type(tmp_path, column, value, expected):
    reason = f"column `{column}` should be {expected}. Received: {value}"
    assert one(tmp_path, f'{{"{column}": {value}}}') == reason


def test_a_long_value_is_shown_cut(tmp_path):
    value = "x" * 200
    shown = '"' + "x" * 79 + "… (202 characters)"
    assert one(tmp_path, json.dumps({"i": value})) == f"column `i` should be an integer. Received: {shown}"


def test_a_line_that_is_too_long(tmp_path):
    path = write(tmp_path, '{"i":1}\n{"i":1, "s": "long"}\n{"i":2}\n')
    rows, (letter,) = read(path, max_bytes=10)
    assert [row["i"] for row in rows.values()] == [1, 2]
    assert (letter.position, letter.raw) == ("line 2", b'{"i":1, "s')


# --- Files.


def test_an_empty_file_has_no_rows(tmp_path):
    assert read(write(tmp_path, "")) == ({}, [])


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark_line_ends_and_no_final_newline(tmp_path, bom):
    rows, dead = read(write(tmp_path, bom + b'{"i":1}\r\n{"i":2}\n{"i":3}'))
    assert ({place: row["i"] for place, row in rows.items()}, dead) == ({"line 1": 1, "line 2": 2, "line 3": 3}, [])


def test_a_gzip_file_and_one_that_breaks_off(tmp_path):
    data = gzip.compress(b'{"i":1}\nx\n')
    rows, (letter,) = read(write(tmp_path, data, "x.jsonl.gz"))
    assert (list(rows), letter.position) == (["line 1"], "line 2")
    path = write(tmp_path, data[:-4], "y.jsonl.gz")
    with pytest.raises(InputError, match=f"^{path} should be readable to its end. Received: "):
        read(path)


def test_ranges_share_the_lines(tmp_path):
    path = write(tmp_path, '{"i":0}\n{"i":1}\nbad\n{"i":3}\n')
    first, none = read(path, where=FileRange(path, 0, 9))
    second, (letter,) = read(path, where=FileRange(path, 9))
    assert ([*first], [*second], none, letter.position) == (["line 1", "line 2"], ["byte 20"], [], "byte 16")


SCALARS = st.sampled_from(
    [None, True, 0, 7, -3, 2**63 - 1, 2**63, 2.0, 0.5, -1e300, math.nan, math.inf, "", "x", "1|2", "é\ud800", {}]
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3)
OBJECTS = st.dictionaries(st.sampled_from([*MISSING, "other"]), VALUES, max_size=3)


def fits(column: Column, value: object) -> bool:
    """Whether the rules of the format let a value stand; `value` is not None."""
    if column.multivalued:
        one_of = Column(column.name, column.type)
        return isinstance(value, list) and all(part is None or fits(one_of, part) for part in value)
    if column.type == schema_pb2.BYTES:
        return isinstance(value, str) and "\ud800" not in value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if column.type == schema_pb2.FLOAT:
        return True
    return math.isfinite(value) and value == int(value) and -(2**63) <= value < 2**63


@settings(max_examples=200, deadline=None)
@given(st.lists(OBJECTS | VALUES, min_size=1, max_size=6))
def test_a_line_is_a_row_if_each_value_is_of_its_type_and_a_dead_letter_else(tmp_path_factory, objects):
    path = write(tmp_path_factory.mktemp("json"), "".join(json.dumps(value) + "\n" for value in objects))
    rows, dead = read(path)
    good = {
        f"line {i}": value
        for i, value in enumerate(objects, 1)
        if isinstance(value, dict)
        and all(value.get(column.name) is None or fits(column, value[column.name]) for column in COLUMNS)
    }
    assert list(rows) == list(good)
    assert {letter.position for letter in dead} == {f"line {i}" for i in range(1, len(objects) + 1)} - good.keys()
    for place, value in good.items():
        assert rows[place]["i"] == value.get("i")
        assert rows[place]["s"] == value.get("s")
        assert rows[place]["is"] == value.get("is")
