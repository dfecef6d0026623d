"""From rows to examples, dead letters and counts, by hand."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen import batches
from components.impression_example_gen.columns import Column
from components.impression_example_gen.encode import encode_features
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.report import COUNTS
from components.impression_example_gen.rows import DeadLetter, Rows

CLICK = Column("is_click", schema_pb2.INT, required=True, low=0, high=1)
CONVERSION = Column("is_like", schema_pb2.INT, required=True, low=0, high=1)
USER = Column("user", schema_pb2.INT, low=0)
TAGS = Column("tags", schema_pb2.BYTES, multivalued=True, max_values=2)
COLUMNS = (USER, CLICK, CONVERSION, TAGS)
LABELS = {"click": "is_click", "conversion": "is_like"}


def log(**more) -> LogFormat:
    return LogFormat(format="csv", labels=LABELS, **more)


def rows(records: list[tuple], **more) -> Rows:
    """Of user, click, conversion and tags in text."""
    names = [column.name for column in COLUMNS]
    cells = [pa.array([r[i] if i < len(r) else None for r in records], pa.binary()) for i in range(len(names))]
    raw = [b",".join(cell or b"" for cell in record) for record in records]
    positions = np.arange(len(records)) + 2
    return Rows(
        pa.RecordBatch.from_arrays(cells, names), "log.csv", "line", positions, pa.array(raw, pa.binary()), **more
    )


def counts(checked: batches.Checked) -> dict[str, int]:
    """Those that are not 0; they always add up."""
    found = checked.counts
    assert found["rows_in"] == found["examples"] + found["dead_letters"] + found["dropped"]
    assert found["examples"] == checked.keep.sum()
    assert set(COUNTS) <= set(found)
    return {name: count for name, count in found.items() if count}


def reasons(checked: batches.Checked) -> dict[str, str]:
    return {letter.position: letter.reason for letter in checked.dead}


def parsed(example: bytes) -> dict[str, list]:
    features = tf.train.Example.FromString(example).features.feature
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value) if feature.WhichOneof("kind") else []
        for name, feature in features.items()
    }


def test_rows_become_examples_with_labels_under_the_contracts_names():
    found = rows([(b"7", b"1", b"1", b"a|b"), (None, b"0", b"0")])
    checked = batches.check_rows(found, COLUMNS, log(), labelled=True)
    assert counts(checked) == {"rows_in": 2, "examples": 2, "clicks": 1, "conversions": 1}
    assert [parsed(example) for example in batches.to_examples(found, checked)] == [
        {"user": [7], "click": [1], "conversion": [1], "tags": [b"a", b"b"]},
        {"user": [], "click": [0], "conversion": [0], "tags": []},
    ]
    assert checked.dead == []


def test_rows_without_labels():
    found = rows([(b"7",), (b"8",)])
    checked = batches.check_rows(found, (USER,), log(), labelled=False)
    assert counts(checked) == {"rows_in": 2, "examples": 2}
    assert [parsed(example) for example in batches.to_examples(found, checked)] == [{"user": [7]}, {"user": [8]}]


def test_each_bad_row_is_a_letter_with_its_place_reason_and_bytes():
    found = rows(
        [
            (b"1", b"0", b"0", b"a"),
            (b"x", b"0", b"0", b"b"),
            (b"-1", b"0", b"0", b"c"),
            (b"2", b"2", b"0"),
            (b"3", b"yes", b"0"),
            (b"4", None, b"0"),
            (b"5", b"1", b"-1"),
            (b"6", b"1", b"1", b"a|b|c"),
            (b"7", b"1", b"1", b"a|b"),
        ]
    )
    checked = batches.check_rows(found, COLUMNS, log(), labelled=True)
    assert reasons(checked) == {
        "line 3": "column `user` should be an integer. Received: x",
        "line 4": "column `user` should be at least 0. Received: -1",
        "line 5": "column `is_click` should be 0 or 1. Received: 2",
        "line 6": "column `is_click` should be an integer. Received: yes",
        "line 7": "column `is_click` should be given in every row. Received: no value",
        "line 8": "column `is_like` should be 0 or 1. Received: -1",
        "line 9": "column `tags` should have at most 2 values. Received: 3 values",
    }
    assert [letter.raw for letter in checked.dead[:2]] == [b"x,0,0,b", b"-1,0,0,c"]
    assert {letter.file for letter in checked.dead} == {"log.csv"}
    assert counts(checked) == {"rows_in": 9, "examples": 2, "dead_letters": 7, "clicks": 1, "conversions": 1}
    assert [parsed(example)["user"] for example in batches.to_examples(found, checked)] == [[1], [7]]


def test_of_several_reasons_that_of_the_format_comes_first_then_that_of_the_first_column():
    found = rows([(b"x", b"7", b"8"), (b"x", b"7", b"8"), (b"1", b"y", b"8")], broken={0: "broken line"})
    checked = batches.check_rows(found, COLUMNS, log(), labelled=True)
    assert reasons(checked) == {
        "line 2": "broken line",
        "line 3": "column `user` should be an integer. Received: x",
        "line 4": "column `is_click` should be an integer. Received: y",
    }


def test_records_that_came_to_no_row_are_counted_among_the_rows():
    letter = DeadLetter("log.csv", "line 9", "torn", b"x")
    found = rows([(b"1", b"0", b"0")], dead=[letter], dead_others=[DeadLetter("clicks.csv", "line 1", "why", b"")])
    checked = batches.check_rows(found, COLUMNS, log(), labelled=True)
    assert counts(checked) == {"rows_in": 2, "examples": 1, "dead_letters": 1}
    assert letter in checked.dead
    assert len(checked.dead) == 2


def test_further_counts_are_passed_on():
    checked = batches.check_rows(rows([(b"1", b"0", b"0")], counts={"clicks_in": 3}), COLUMNS, log(), labelled=True)
    assert counts(checked) == {"rows_in": 1, "examples": 1, "clicks_in": 3}


@pytest.mark.parametrize("labelled", [True, False])
def test_no_rows_but_letters_and_counts(labelled):
    letter = DeadLetter("log.csv", "line 1", "torn", b"x")
    found = Rows.none("log.csv", dead=(letter,), counts={"clicks_in": 3})
    checked = batches.check_rows(found, COLUMNS, log(), labelled)
    assert counts(checked) == {"rows_in": 1, "dead_letters": 1, "clicks_in": 3}
    assert checked.dead == [letter]
    assert batches.to_examples(found, checked) == []


def test_a_column_that_the_rows_lack_is_missing_in_each_of_them():
    lacking = Column("more", schema_pb2.INT)
    checked = batches.check_rows(rows([(b"1",)]), (USER, lacking), log(), labelled=False)
    assert checked.columns["more"].to_pylist() == [None]
    required = Column("more", schema_pb2.INT, required=True)
    checked = batches.check_rows(rows([(b"1",)]), (USER, required), log(), labelled=False)
    assert reasons(checked) == {"line 2": "column `more` should be given in every row. Received: no value"}


# --- Conversions without a click.

FUNNEL = [(b"1", b"0", b"0"), (b"2", b"1", b"0"), (b"3", b"1", b"1"), (b"4", b"0", b"1"), (b"5", b"0", b"1")]


@pytest.mark.parametrize(
    ("policy", "users", "expected"),
    [
        ("as_no_conversion", [1, 2, 3, 4, 5], {"examples": 5}),
        ("drop", [1, 2, 3], {"examples": 3, "dropped": 2}),
        ("error", [1, 2, 3], {"examples": 3, "dead_letters": 2}),
    ],
)
def test_conversions_without_a_click(policy, users, expected):
    found = rows(FUNNEL)
    checked = batches.check_rows(found, COLUMNS, log(conversion_without_click=policy), labelled=True)
    assert counts(checked) == {
        "rows_in": 5,
        "conversions_without_click": 2,
        "clicks": 2,
        "conversions": 1,
        **expected,
    }
    examples = [parsed(example) for example in batches.to_examples(found, checked)]
    assert [example["user"] for example in examples] == [[user] for user in users]
    assert [example["conversion"] for example in examples] == [[int(user == 3)] for user in users]
    reason = (
        "a conversion (`is_like`) should follow a click (`is_click`) under "
        "`data.log.conversion_without_click: error`. Received: a conversion without a click"
    )
    assert reasons(checked) == ({"line 5": reason, "line 6": reason} if policy == "error" else {})


@pytest.mark.parametrize("policy", ["as_no_conversion", "drop", "error"])
def test_a_row_that_is_dead_already_is_not_dropped_too(policy):
    found = rows([(b"x", b"0", b"1"), (b"1", b"1", b"1")])
    checked = batches.check_rows(found, COLUMNS, log(conversion_without_click=policy), labelled=True)
    assert reasons(checked) == {"line 2": "column `user` should be an integer. Received: x"}
    assert (checked.counts["dead_letters"], checked.counts["dropped"]) == (1, 0)


@pytest.mark.parametrize("labels", [(b"1", b"2"), (b"-1", b"0"), (None, b"1"), (b"x", b"1")])
def test_labels_that_are_none_are_no_conversion_without_a_click(labels):
    checked = batches.check_rows(rows([(b"1", *labels)]), COLUMNS, log(), labelled=True)
    assert counts(checked) == {"rows_in": 1, "dead_letters": 1}


# --- Duplicates.


@pytest.mark.parametrize("remove", [False, True])
def test_duplicates_are_counted_and_removed_only_if_told_so(remove):
    """Of the rows that become no example anyway none is a duplicate."""
    records = [(b"1", b"0", b"0"), (b"1", b"1", b"1"), (b"x", b"0", b"0"), (b"1", b"0", b"1"), (b"2", b"0", b"1")]
    found = rows(records, repeated=np.array([False, True, True, True, False]))
    policy = log(duplicates={"key": ["user"], "remove": remove}, conversion_without_click="drop")
    checked = batches.check_rows(found, COLUMNS, policy, labelled=True)
    assert checked.keep.tolist() == [True, not remove, False, False, False]
    assert counts(checked) == {
        "rows_in": 5,
        "dead_letters": 1,
        "duplicates": 1,
        "conversions_without_click": 2,
        **({"examples": 1, "dropped": 3} if remove else {"examples": 2, "dropped": 2, "clicks": 1, "conversions": 1}),
    }


def test_rows_that_lack_all_columns_are_rows_all_the_same():
    no_columns = pa.RecordBatch.from_arrays([], names=[])
    found = Rows(no_columns, "log.parquet", "row", np.arange(3))
    checked = batches.check_rows(found, (Column("user", schema_pb2.INT, optional=True),), log(), labelled=False)
    assert counts(checked) == {"rows_in": 3, "examples": 3}
    assert [parsed(example) for example in batches.to_examples(found, checked)] == [{"user": []}] * 3


def test_letters_are_in_the_order_of_their_positions():
    torn = [DeadLetter("log.csv", f"line {line}", "torn", b"") for line in (10, 3)]
    found = rows([(b"x",), (b"1",), (b"y",)], dead=torn)
    checked = batches.check_rows(found, (USER,), log(), labelled=False)
    assert [letter.position for letter in checked.dead] == ["line 2", "line 3", "line 4", "line 10"]


# --- Common features.


def test_common_features_go_with_their_rows():
    shared = encode_features(pa.RecordBatch.from_pydict({"age": pa.array([20, 30, 40])}))
    found = rows([(b"1", b"0", b"0"), (b"x", b"0", b"0"), (b"3", b"0", b"0")], common=shared)
    checked = batches.check_rows(found, (USER, CLICK, CONVERSION), log(), labelled=True)
    assert [parsed(example) for example in batches.to_examples(found, checked)] == [
        {"user": [1], "age": [20], "click": [0], "conversion": [0]},
        {"user": [3], "age": [40], "click": [0], "conversion": [0]},
    ]


def test_the_report_of_a_batch_has_its_counts_and_first_letters():
    found = rows([(b"x", b"0", b"0")] * 5)
    checked = batches.check_rows(found, COLUMNS, log(), labelled=True)
    report = batches.report_of(checked)
    assert report.counts == checked.counts
    assert report.letters == tuple(
        f"log.csv, line {line}: column `user` should be an integer. Received: x" for line in (2, 3, 4)
    )
    assert report.problems == ()


CELLS = st.sampled_from([None, b"", b"0", b"1", b"1", b"0", b"2", b"x", b"-1", b"1|2", b"a|b|c"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=12),
    st.sampled_from(["drop", "as_no_conversion", "error"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_rows_in_are_examples_and_dead_letters_and_dropped(records, policy, remove, labelled, torn):
    letters = [DeadLetter("log.csv", f"line {90 + i}", "torn", b"") for i in range(torn)]
    found = rows(records, dead=letters, repeated=np.arange(len(records)) % 2 == 1)
    policies = log(conversion_without_click=policy, duplicates={"key": ["user"], "remove": remove})
    checked = batches.check_rows(found, COLUMNS if labelled else (USER, TAGS), policies, labelled)
    counts(checked)
    assert checked.counts["rows_in"] == len(records) + torn
    assert checked.counts["dead_letters"] == len(checked.dead) == len({letter.position for letter in checked.dead})
    assert len(batches.to_examples(found, checked)) == checked.counts["examples"]
    for example in batches.to_examples(found, checked) if labelled else ():
        values = parsed(example)
        assert values["conversion"] <= values["click"] in ([0], [1])
