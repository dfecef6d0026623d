"""What of a log's description is accepted, and what each format makes of it."""

import pytest
from pydantic import ValidationError

from components.impression_example_gen.log_format import Duplicates, EventLog, LabelColumns, LogFormat


def refusal(**log) -> str:
    with pytest.raises(ValidationError) as error:
        LogFormat(**log)
    return str(error.value)


def test_defaults():
    log = LogFormat()
    assert log == LogFormat(
        format="parquet",
        columns=(),
        labels=LabelColumns(click="click", conversion="conversion"),
        conversion_without_click="as_no_conversion",
        list_separator="|",
        max_values=50,
        events=EventLog(
            format="parquet",
            impression_id="impression_id",
            time="time",
            time_unit="ms",
            click_window_seconds=86_400,
            conversion_window_seconds=604_800,
        ),
        duplicates=None,
        max_record_bytes=1_048_576,
        max_dead_letter_share=0.01,
    )


def test_json_keeps_everything():
    log = LogFormat(
        format="csv",
        columns=("a", "b"),
        labels={"click": "x"},
        duplicates={"key": ["a", "b"], "remove": True},
        max_dead_letter_share=0,
    )
    assert LogFormat.model_validate_json(log.model_dump_json()) == log
    assert log.duplicates == Duplicates(key=("a", "b"), remove=True)


@pytest.mark.parametrize(
    ("log_format", "roles"),
    [
        ("parquet", ("impressions",)),
        ("csv", ("impressions",)),
        ("jsonl", ("impressions",)),
        ("tfrecord", ("impressions",)),
        ("ali_ccp", ("skeleton", "common_features")),
        ("events", ("impressions", "clicks", "conversions")),
    ],
)
def test_roles_begin_with_the_one_whose_rows_become_examples(log_format, roles):
    assert LogFormat(format=log_format).roles == roles


@pytest.mark.parametrize("log_format", ["parquet", "jsonl", "tfrecord", "ali_ccp", "events"])
def test_columns_are_for_csv_only(log_format):
    message = f"columns should be given for format csv only. Received: format {log_format}"
    assert message in refusal(format=log_format, columns=["a"])
    assert LogFormat(format="csv", columns=["a"]).columns == ("a",)


@pytest.mark.parametrize(
    ("log", "key", "received"),
    [
        ({"format": "ali_ccp"}, "sample_id", ["101", "205"]),
        ({"format": "ali_ccp"}, "sample_id", ["sample_id", "click"]),
        ({"format": "events"}, "impression_id", ["user_id"]),
        ({"format": "events", "events": {"impression_id": "request"}}, "request", ["impression_id"]),
    ],
)
def test_the_key_of_duplicates_is_given_where_the_format_has_one(log, key, received):
    message = f"duplicates.key should be [{key}] for format {log['format']}. Received: {received}"
    assert message in refusal(**log, duplicates={"key": received})
    assert LogFormat(**log, duplicates={"key": [key]}).duplicates.key == (key,)


@pytest.mark.parametrize(
    ("log", "where"),
    [
        ({"format": "xml"}, "format"),
        ({"conversion_without_click": "keep"}, "conversion_without_click"),
        ({"list_separator": ""}, "list_separator"),
        ({"max_values": 0}, "max_values"),
        ({"max_record_bytes": 0}, "max_record_bytes"),
        ({"max_dead_letter_share": -0.1}, "max_dead_letter_share"),
        ({"max_dead_letter_share": 1.1}, "max_dead_letter_share"),
        ({"max_dead_letter_share": float("nan")}, "max_dead_letter_share"),
        ({"duplicates": {"key": []}}, "duplicates.key"),
        ({"duplicates": {}}, "duplicates.key"),
        ({"events": {"click_window_seconds": 0}}, "events.click_window_seconds"),
        ({"events": {"conversion_window_seconds": -1}}, "events.conversion_window_seconds"),
        ({"events": {"time_unit": "ns"}}, "events.time_unit"),
        ({"events": {"format": "ali_ccp"}}, "events.format"),
        ({"labels": {"klick": "x"}}, "labels.klick"),
        ({"separator": "|"}, "separator"),
    ],
)
def test_what_is_refused_is_named(log, where):
    assert refusal(**log).splitlines()[1] == where


def test_a_log_cant_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        LogFormat().format = "csv"
