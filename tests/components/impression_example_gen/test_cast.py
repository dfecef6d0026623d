"""Columns as they came, cast by hand; cells that can't be cast are told apart."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.cast import cast, expected, is_list, is_text
from components.impression_example_gen.columns import Column

INT = Column("a", schema_pb2.INT)
INTS = Column("a", schema_pb2.INT, multivalued=True)
FLOAT = Column("a", schema_pb2.FLOAT)
FLOATS = Column("a", schema_pb2.FLOAT, multivalued=True)
BYTES = Column("a", schema_pb2.BYTES)
STRINGS = Column("a", schema_pb2.BYTES, multivalued=True)
BINARY = pa.binary()


def values(array: pa.Array, column: Column, separator: str = "|") -> list:
    """Where each cell can be cast."""
    made, reasons = cast(array, column, separator)
    assert reasons == {}
    assert made.type == column.arrow_type
    made.validate(full=True)
    return made.to_pylist()


def bad(array: pa.Array, column: Column) -> dict[int, str]:
    """What is wrong with the cells that can't be cast, which are null."""
    made, reasons = cast(array, column, "|")
    assert made.type == column.arrow_type
    assert len(made) == len(array)
    assert all(made[i].as_py() is None for i in reasons)
    return reasons


def received(reasons: dict[int, str], column: Column) -> dict[int, str]:
    beginning = f"column `a` should be {expected(column)}. Received: "
    assert all(reason.startswith(beginning) for reason in reasons.values())
    return {i: reason.removeprefix(beginning) for i, reason in reasons.items()}


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (INT, "an integer"),
        (FLOAT, "a number"),
        (BYTES, "a string"),
        (INTS, "a list of values, each an integer"),
        (FLOATS, "a list of values, each a number"),
        (STRINGS, "a list of values, each a string"),
    ],
)
def test_what_is_expected_in_words(column, words):
    assert expected(column) == words


# --- Text, as of CSV.


@pytest.mark.parametrize("kind", [pa.binary(), pa.string(), pa.large_binary(), pa.large_string()])
def test_integers_in_text(kind):
    array = pa.array(["1", " -5 ", "007", None, "9223372036854775807", "-9223372036854775808", "-0"], kind)
    assert values(array, INT) == [1, -5, 7, None, 2**63 - 1, -(2**63), 0]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "2.5",
        "2.0",
        "1e3",
        "9223372036854775808",
        "-9223372036854775809",
        "1 2",
        "+5",
        "1_0",
        "1,0",
        "",
        "true",
        "٣",
        "1\0",
        "0x10",
        "0X1F",
    ],
)
def test_text_that_is_no_integer(text):
    array = pa.array(["1", text, "3"], pa.string()).cast(BINARY)
    assert received(bad(array, INT), INT) == {1: text.strip()}
    assert cast(array, INT, "|")[0].to_pylist() == [1, None, 3]


def test_numbers_in_text():
    array = pa.array([b"0.5", b" 1 ", b"-1e3", b".5", b"5.", b"1E-2", None, b"+5", b"16777217"], BINARY)
    assert values(array, FLOAT) == [0.5, 1.0, -1000.0, 0.5, 5.0, 0.009999999776482582, None, 5.0, 16777216.0]


@pytest.mark.parametrize("text", [b"nan", b"NaN", b"-nan", b" nan "])
def test_nan_is_a_missing_number(text):
    """As pandas writes what is missing."""
    assert values(pa.array([b"1.5", text, b"2"], BINARY), FLOAT) == [1.5, None, 2.0]
    assert values(pa.array([b"1.5|" + text, text], BINARY), FLOATS) == [[1.5], None]


@pytest.mark.parametrize("infinity", [math.inf, -math.inf])
def test_infinity_is_no_number(infinity):
    assert received(bad(pa.array([1.0, infinity]), FLOAT), FLOAT) == {1: str(infinity)}
    assert received(bad(pa.array(["1", str(infinity)]), FLOAT), FLOAT) == {1: str(infinity)}
    assert received(bad(pa.array([[1.0], [2.0, infinity]]), FLOATS), FLOATS) == {1: f"[2.0, {infinity}]"}


@pytest.mark.parametrize("text", [b"cheap", b"1,5", b"", b"1.2.3", b"0x10", b"1f", b"--1"])
def test_text_that_is_no_number(text):
    array = pa.array([b"1", text, b"3"], BINARY)
    assert received(bad(array, FLOAT), FLOAT) == {1: text.decode()}


@pytest.mark.parametrize("text", ["1e39", "-3.5e38", "1e400"])
def test_a_number_beyond_float32_is_none(text):
    """Else an infinity would stand for a number that is finite."""
    assert received(bad(pa.array(["1", text]), FLOAT), FLOAT) == {1: text}
    assert received(bad(pa.array(["1", f"1|{text}"]), FLOATS), FLOATS) == {1: f"1|{text}"}


@pytest.mark.parametrize("column", [INT, FLOAT, INTS, FLOATS])
def test_bytes_that_are_no_utf_8(column):
    array = pa.array([b"1", b"\xff", b"2\xe9"], BINARY)
    assert received(bad(array, column), column) == {1: r"\xff", 2: r"2\xe9"}


def test_strings_stay_as_they_are():
    array = pa.array([b" x ", b"", None, b"\xff", b"a|b", b"nan"], BINARY)
    assert values(array, BYTES) == [b" x ", b"", None, b"\xff", b"a|b", b"nan"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.string(), pa.large_binary(), pa.large_string()])
def test_lists_in_text(kind):
    array = pa.array(["3|1|2", None, "7", "", " 1 | 2 "], kind)
    assert values(array, INTS) == [[3, 1, 2], None, [7], None, [1, 2]]
    assert values(array, STRINGS) == [[b"3", b"1", b"2"], None, [b"7"], None, [b" 1 ", b" 2 "]]


def test_empty_parts_are_empty_strings_but_no_numbers():
    array = pa.array([b"a||b|", b"|"], BINARY)
    assert values(array, STRINGS) == [[b"a", b"", b"b", b""], [b"", b""]]
    assert received(bad(pa.array([b"1|", b"2", b"||"], BINARY), INTS), INTS) == {0: "1|", 2: "||"}


@pytest.mark.parametrize("separator", [";", "::", ".", "|", "é"])
def test_other_separators_are_no_patterns(separator):
    array = pa.array([separator.join(["1", "2", "3"]), "4"])
    assert values(array, INTS, separator) == [[1, 2, 3], [4]]
    assert values(array.cast(BINARY), INTS, separator) == [[1, 2, 3], [4]]


def test_lists_of_bytes_that_are_no_utf_8_are_split_all_the_same():
    assert values(pa.array([b"\xff|\xfe", b"x"], BINARY), STRINGS) == [[b"\xff", b"\xfe"], [b"x"]]


# --- Typed values, as of Parquet, JSON and TFRecords.


@pytest.mark.parametrize(
    ("array", "column", "expected_values"),
    [
        (pa.array([1, None], pa.int8()), INT, [1, None]),
        (pa.array([2**40]), INT, [2**40]),
        (pa.array([True, False, None]), INT, [1, 0, None]),
        (pa.array([1, 2**24 + 1, 2**53 + 1]), FLOAT, [1.0, 16777216.0, 9007199254740992.0]),
        (pa.array([0.1, math.nan], pa.float64()), FLOAT, [0.10000000149011612, None]),
        (pa.array(["x", None]).dictionary_encode(), BYTES, [b"x", None]),
        (pa.array([["x"], None], pa.list_(pa.dictionary(pa.int8(), pa.string()))), STRINGS, [[b"x"], None]),
        (pa.nulls(2), FLOAT, [None, None]),
        (pa.nulls(2), INTS, [None, None]),
        (pa.array([5, None]), INTS, [[5], None]),
        (pa.array([[1, None, 2], None, [None], []]), INTS, [[1, 2], None, None, None]),
        (pa.array([[0.5, math.nan], [math.nan]]), FLOATS, [[0.5], None]),
        (pa.array([[7], [], None, [None]]), INT, [7, None, None, None]),
        (pa.array([[0.5], [math.nan]]), FLOAT, [0.5, None]),
        (pa.array([[b"x"], []], pa.large_list(pa.large_binary())), BYTES, [b"x", None]),
        (pa.array([["1"], ["2", "3"]]), INTS, [[1], [2, 3]]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_typed_values(array, column, expected_values):
    assert values(array, column) == expected_values


def test_slices_are_cast_from_their_own_begin():
    lists = pa.array([[9], [1, 2], None, [3], [4, 4]]).slice(1, 3)
    assert values(lists, INTS) == [[1, 2], None, [3]]
    assert values(pa.array([[9], [1], None, [3], [4]]).slice(1, 3), INT) == [1, None, 3]
    assert values(pa.array(["9|9", "1|2", None, "3", "8"]).slice(1, 3), INTS) == [[1, 2], None, [3]]
    assert values(pa.array([9, 1, None, 3, 8]).slice(1, 3), INTS) == [[1], None, [3]]


def test_a_null_list_with_values_behind_it_has_none():
    array = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), pa.array([1, 2, 3]), mask=pa.array([True, False]))
    assert values(array, INTS) == [None, [3]]
    assert values(array, INT) == [None, 3]


@pytest.mark.parametrize(
    ("array", "column", "told"),
    [
        (pa.array([1, 2**63, 3], pa.uint64()), INT, {1: "9223372036854775808"}),
        (pa.array([1.0, 1.5, 2.0]), INT, {1: "1.5"}),
        (pa.array([[1], [2, 3], [4]]), INT, {1: "[2, 3]"}),
        (pa.array([["a"], ["b", "c"]]), BYTES, {1: "[b'b', b'c']"}),
        (pa.array([[1, 2**63], [3]], pa.list_(pa.uint64())), INTS, {0: "[1, 9223372036854775808]"}),
        (pa.array([{"x": 1}]), INT, {0: "{'x': 1}"}),
        (pa.array([[[1]]]), INTS, {0: "[[1]]"}),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_typed_values_that_dont_fit(array, column, told):
    assert received(bad(array, column), column) == told


def test_a_bad_cell_leaves_all_others_as_they_are():
    texts = [b"%d" % i for i in range(1000)]
    for i in (0, 17, 18, 500, 999):
        texts[i] = b"x%d" % i
    made, reasons = cast(pa.array(texts, BINARY), INT, "|")
    assert sorted(reasons) == [0, 17, 18, 500, 999]
    assert made.to_pylist() == [None if i in reasons else i for i in range(1000)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.none() | st.text(st.sampled_from("019-+.e| nx"), max_size=6), min_size=1, max_size=12),
    st.integers(0, 3),
)
def test_a_cell_comes_to_what_it_comes_to_alone(texts, cut):
    array = pa.array(texts, pa.string()).cast(BINARY).slice(min(cut, len(texts) - 1))
    for column in (INT, FLOAT, INTS, FLOATS, STRINGS):
        made, reasons = cast(array, column, "|")
        made.validate(full=True)
        for i, (value, text) in enumerate(zip(made.to_pylist(), array.to_pylist(), strict=True)):
            alone, reason = cast(pa.array([text], BINARY), column, "|")
            assert alone.to_pylist() == [value]
            assert reason.get(0) == reasons.get(i)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | st.lists(st.none() | st.integers(-5, 5), max_size=4), min_size=1, max_size=8), st.data())
def test_lists_against_python(lists, data):
    start = data.draw(st.integers(0, len(lists) - 1))
    array = pa.array(lists, pa.list_(pa.int64())).slice(start)
    rows = lists[start:]
    assert values(array, INTS) == [[v for v in row or () if v is not None] or None for row in rows]
    made, reasons = cast(array, INT, "|")
    assert set(reasons) == {i for i, row in enumerate(rows) if row and len(row) > 1}
    assert made.to_pylist() == [row[0] if row and len(row) == 1 else None for row in rows]


def test_floats_are_rounded_as_numpy_does():
    numbers = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-50, 50).repeat(10)
    small = numbers[np.abs(numbers) < 3e38]
    texts = pa.array([repr(float(n)) for n in small])
    assert values(texts, FLOAT) == small.astype(np.float32).tolist()
    assert values(pa.array(small), FLOAT) == small.astype(np.float32).tolist()


@pytest.mark.parametrize(
    ("kind", "text", "a_list"),
    [
        (pa.string(), True, False),
        (pa.large_string(), True, False),
        (pa.binary(), True, False),
        (pa.large_binary(), True, False),
        (pa.list_(pa.string()), False, True),
        (pa.large_list(pa.int8()), False, True),
        (pa.list_(pa.int8(), 2), False, False),
        (pa.int64(), False, False),
    ],
    ids=str,
)
def test_kinds_of_types(kind, text, a_list):
    assert (is_text(kind), is_list(kind)) == (text, a_list)
