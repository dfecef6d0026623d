"""What the schema demands of a row, rule by rule."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column
from components.impression_example_gen.rules import broken_rows

INT, FLOAT, BYTES = schema_pb2.INT, schema_pb2.FLOAT, schema_pb2.BYTES


def broken(values: list, column: Column) -> dict[int, str]:
    return broken_rows(pa.array(values, column.arrow_type), column)


def received(values: list, column: Column, demand: str) -> dict[int, str]:
    """What the reasons say came, where all say that the same should hold."""
    beginning = f"column `a` should {demand}. Received: "
    reasons = broken(values, column)
    assert all(reason.startswith(beginning) for reason in reasons.values()), reasons
    return {i: reason.removeprefix(beginning) for i, reason in reasons.items()}


@pytest.mark.parametrize(
    ("kind", "multivalued", "values"),
    [(INT, False, [1, None]), (BYTES, False, [b"", None]), (FLOAT, True, [[1.0, 2.0], []]), (INT, True, [None, [0]])],
)
def test_without_rules_nothing_is_broken(kind, multivalued, values):
    assert broken(values, Column("a", kind, multivalued)) == {}


def test_a_required_value():
    required = Column("a", INT, required=True)
    assert received([1, None, 0, None], required, "be given in every row") == {1: "no value", 3: "no value"}
    several = Column("a", INT, multivalued=True, required=True)
    assert received([[1], None], several, "be given in every row") == {1: "no value"}


@pytest.mark.parametrize("kind", [INT, FLOAT])
def test_a_least_and_a_largest_number(kind):
    both = Column("a", kind, low=-2, high=3)
    shown = {0: "-3", 3: "4"} if kind == INT else {0: "-3.0", 3: "4.0"}
    assert received([-3, -2, 3, 4, None], both, "be from -2 to 3") == shown
    assert list(broken([-3, 99], Column("a", kind, low=-2))) == [0]
    assert list(broken([-99, 4], Column("a", kind, high=3))) == [1]


@pytest.mark.parametrize(
    ("column", "value", "demand"),
    [
        (Column("a", INT, low=5), 4, "be at least 5"),
        (Column("a", INT, high=5), 6, "be at most 5"),
        (Column("a", INT, low=0), -1, "be at least 0"),
        (Column("a", INT, low=0, high=1), 2, "be 0 or 1"),
        (Column("a", FLOAT, low=0, high=1), 2, "be from 0 to 1"),
        (Column("a", FLOAT, low=0.5, high=1.5), 2, "be from 0.5 to 1.5"),
        (Column("a", BYTES, tokens=(b"x", b"y")), b"z", "be one of x, y"),
        (Column("a", BYTES, tokens=(b"\xff", "é".encode())), b"z", r"be one of \xff, é"),
    ],
)
def test_the_domain_in_words(column, value, demand):
    assert list(received([value], column, demand)) == [0]


def test_bounds_of_int64_are_compared_exactly():
    column = Column("a", INT, low=-(2**63) + 1, high=2**63 - 2)
    assert list(broken([-(2**63), -(2**63) + 1, 2**63 - 2, 2**63 - 1], column)) == [0, 3]


@pytest.mark.parametrize("bound", [0.1, 1e-3, 16777217.0])
def test_a_float_just_at_its_bound_is_inside(bound):
    """Both are rounded to float32."""
    assert broken([bound], Column("a", FLOAT, low=bound, high=bound)) == {}


def test_infinity_is_outside_of_bounds():
    inf = float("inf")
    assert list(broken([inf, -inf, 0.0], Column("a", FLOAT, low=-1, high=1))) == [0, 1]


def test_labels_are_0_or_1():
    label = Column("a", INT, required=True, low=0, high=1)
    assert broken([0, 1, 2, -1, None, 2**62], label) == {
        2: "column `a` should be 0 or 1. Received: 2",
        3: "column `a` should be 0 or 1. Received: -1",
        4: "column `a` should be given in every row. Received: no value",
        5: f"column `a` should be 0 or 1. Received: {2**62}",
    }


def test_only_the_listed_strings():
    column = Column("a", BYTES, tokens=(b"x", b"y"))
    assert received([b"x", b"y", None, b"X", b"y ", b"\xff", b""], column, "be one of x, y") == {
        3: "X",
        4: "y",
        5: r"\xff",
        6: "",
    }


def test_long_lists_of_strings_and_long_strings_are_cut():
    column = Column("a", BYTES, tokens=tuple(b"token-%d" % i for i in range(100)))
    (reason,) = broken([b"z" * 500], column).values()
    assert "token-0, token-1, " in reason
    assert "characters). Received: zzz" in reason
    assert len(reason) < 280


def test_each_value_of_a_list_must_be_inside():
    column = Column("a", INT, multivalued=True, low=0, high=9)
    values = [[1, 2], [3, 10, -1], None, [], [9], [-5]]
    assert received(values, column, "be from 0 to 9") == {1: "-1", 5: "-5"}
    strings = Column("a", BYTES, multivalued=True, tokens=(b"x",))
    assert received([[b"x", b"x"], [b"x", b"q"]], strings, "be one of x") == {1: "q"}


def test_the_most_values_of_a_list():
    column = Column("a", INT, multivalued=True, max_values=2)
    values = [[1, 2], [1, 2, 3], None, [], list(range(500))]
    assert received(values, column, "have at most 2 values") == {1: "3 values", 4: "500 values"}
    assert broken([[1] * 500], Column("a", INT, multivalued=True)) == {}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.none() | st.lists(st.integers(-3, 9), max_size=5), max_size=10),
    st.none() | st.integers(-2, 2),
    st.none() | st.integers(3, 7),
    st.integers(0, 4),
    st.booleans(),
    st.data(),
)
def test_lists_against_python(rows, low, high, most, required, data):
    start = data.draw(st.integers(0, len(rows)))
    column = Column("a", INT, multivalued=True, required=required, max_values=most, low=low, high=high)
    found = broken_rows(pa.array(rows, pa.list_(pa.int64())).slice(start), column)
    assert set(found) == {
        i
        for i, row in enumerate(rows[start:])
        if (required and row is None)
        or (most and len(row or []) > most)
        or any((low is not None and v < low) or (high is not None and v > high) for v in row or [])
    }
