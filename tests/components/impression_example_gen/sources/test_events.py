"""Impressions, clicks and conversions in files of their own: which belong together, and what becomes of the rest."""

import base64
import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.impression_example_gen import partition
from components.impression_example_gen.executor import Executor
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.sources import flat
from pipeline.beam import LOCAL_ARGS
from schema.errors import InputError

SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "click" type: INT value_count { max: 1 } int_domain { min: 0 max: 1 } not_in_environment: "SERVING" }
feature {
  name: "conversion" type: INT value_count { max: 1 } int_domain { min: 0 max: 1 } not_in_environment: "SERVING"
}
feature { name: "user" type: INT value_count { max: 1 } int_domain { min: 0 max: 9999 } }
"""
ID = "impression_id"
# Seconds. A click counts up to 10 later, a conversion up to 100 later.
WINDOWS = {"click_window_seconds": 10, "conversion_window_seconds": 100}

ROLES = ("impressions", "clicks", "conversions")
Event = dict[str, Any]


def encoded(events: Sequence[Event], names: Iterable[str], file_format: str) -> bytes:
    """A file of the format, written by a library of its own."""
    if file_format == "jsonl":
        return "".join(json.dumps(event) + "\n" for event in events).encode()
    if file_format == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(names), lineterminator="\n")
        writer.writeheader()
        writer.writerows(events)
        return text.getvalue().encode()
    sink = io.BytesIO()
    text_id = any(isinstance(event[ID], str) for event in events)
    types = [(name, pa.string() if name == ID and text_id else pa.int64()) for name in names]
    pq.write_table(pa.Table.from_pylist(list(events), schema=pa.schema(types)), sink)
    return sink.getvalue()


class Ingested:
    """A split `train` after the executor's `Do`."""

    def __init__(self, folder: Path, files: Mapping[str, bytes], log: dict[str, Any], schema: str = SCHEMA):
        """Files by name; a name begins with its role."""
        self.folder = folder
        for name, data in files.items():
            (folder / name).write_bytes(data)
        self._schema = standard_artifacts.Schema()
        self._schema.uri = str(folder / "schema")
        Path(self._schema.uri).mkdir()
        Path(self._schema.uri, "schema.pbtxt").write_text(schema)
        patterns = {role: [name for name in files if name.startswith(role)] for role in ROLES}
        self._properties = {
            "input_base": str(folder),
            "splits": json.dumps({"train": patterns}),
            "log_format": LogFormat(format="events", **log).model_dump_json(),
            "serving_format": "jsonl",
            "dead_letters": str(folder / "dead"),
        }
        self._examples = standard_artifacts.Examples()
        self._examples.uri = str(folder / "examples" / "7")

    def do(self) -> "Ingested":
        context = BaseBeamExecutor.Context(beam_pipeline_args=list(LOCAL_ARGS), tmp_dir=str(self.folder), unique_id="1")
        Executor(context).Do({"schema": [self._schema]}, {"examples": [self._examples]}, self._properties)
        return self

    @property
    def rows(self) -> list[tuple[int, int, int]]:
        """(user, click, conversion), sorted."""
        shards = sorted(map(str, Path(self._examples.uri, "Split-train").iterdir()))
        rows = []
        for record in tf.data.TFRecordDataset(shards, compression_type="GZIP").as_numpy_iterator():
            feature = tf.train.Example.FromString(record).features.feature
            assert feature.keys() == {"user", "click", "conversion"}
            rows.append(tuple(feature[name].int64_list.value[0] for name in ("user", "click", "conversion")))
        return sorted(rows)

    @property
    def letters(self) -> list[tuple[str, str, str, str]]:
        """(file, position, reason, raw), sorted."""
        found = []
        for path in (self.folder / "dead" / "7").glob("train-*.jsonl"):
            for letter in map(json.loads, path.read_text().splitlines()):
                raw = base64.b64decode(letter["raw_base64"]).decode()
                found.append((Path(letter["file"]).name, letter["position"], letter["reason"], raw))
        return sorted(found)

    @property
    def counts(self) -> dict[str, int]:
        """Those that are not 0."""
        found = self._examples.mlmd_artifact.custom_properties.items()
        return {name.removeprefix("train_"): count.int_value for name, count in found if count.int_value}


Ingest = Callable[..., Ingested]


@pytest.fixture(scope="module")
def ingest(tmp_path_factory) -> Ingest:
    def run(files: Mapping[str, Sequence[Event]], file_format="jsonl", schema=SCHEMA, unit="ms", **log) -> Ingested:
        written = {
            f"{name}.{file_format}": encoded(events, columns(name), file_format) for name, events in files.items()
        }
        settings = {**WINDOWS, "format": file_format, "time_unit": unit}
        log = {"max_dead_letter_share": 1, **log, "events": settings}
        return Ingested(tmp_path_factory.mktemp("log"), written, log, schema).do()

    return run


def columns(name: str) -> tuple[str, ...]:
    return (ID, "time", "user") if name.startswith("impressions") else (ID, "time")


def event(identity: object, time: int, **features: int) -> Event:
    return {ID: identity, "time": time, **features}


# --- Attribution.


def log_in(unit: int, identity: Callable[[int], object] = int) -> dict[str, list[Event]]:
    """A log in ticks of which `unit` make a second; a click's window ends after 10 s, a conversion's after 100 s."""
    s = unit

    def events(*pairs: tuple[int, int]) -> list[Event]:
        return [event(identity(number), time) for number, time in pairs]

    return {
        # Impression n is at n · 1,000 s.
        "impressions": [event(identity(n), n * 1000 * s, user=n) for n in range(1, 8)],
        "clicks": events(
            (5, 5006 * s),  # repeats the one after it, which came earlier
            (1, 1000 * s),  # at the same instant
            (2, 2010 * s),  # at the window's end
            (3, 3010 * s + 1),  # late
            (4, 4000 * s - 1),  # early
            (5, 5005 * s),
            (99, 5005 * s),  # orphan
            (7, 7005 * s),
        ),
        "conversions": events(
            (1, 1100 * s),  # at the window's end
            (2, 2110 * s),  # at its end, which the click moves
            (3, 3100 * s),  # from the impression, since its click does not count
            (4, 4000 * s - 1),  # early
            (5, 5105 * s),  # repeated
            (5, 5005 * s),  # with the click
            (5, 5105 * s + 1),  # late
            (5, 5005 * s - 1),  # after the impression, but before its click
            (98, 5005 * s),  # orphan
            (7, 7105 * s + 1),  # late
        ),
    }


LABELLED = [(1, 1, 1), (2, 1, 1), (3, 0, 1), (4, 0, 0), (5, 1, 1), (6, 0, 0), (7, 1, 0)]
EVENT_COUNTS = {
    "clicks_in": 8,
    "clicks_joined": 4,  # 1, 2, 5, 7
    "clicks_repeated": 1,
    "clicks_late": 1,
    "clicks_early": 1,
    "clicks_orphan": 1,
    "conversions_in": 10,
    "conversions_joined": 4,  # 1, 2, 3, 5
    "conversions_repeated": 1,
    "conversions_late": 2,
    "conversions_early": 2,
    "conversions_orphan": 1,
}
TEXT_ID = f'feature {{ name: "{ID}" type: BYTES lifecycle_stage: DISABLED }}'


@pytest.mark.parametrize(
    ("file_format", "unit", "identity", "schema"),
    [
        ("parquet", "ms", int, SCHEMA),
        ("csv", "s", lambda n: 2**62 + n, SCHEMA),
        ("jsonl", "us", "é-{}".format, SCHEMA + TEXT_ID),
    ],
    ids=["parquet, ms, int", "csv, s, large int", "jsonl, us, str"],
)
def test_events_count_within_their_windows_and_no_others(ingest, file_format, unit, identity, schema):
    ticks = {"s": 1, "ms": 1_000, "us": 1_000_000}[unit]
    run = ingest(log_in(ticks, identity), file_format, schema, unit, conversion_without_click="as_no_conversion")
    assert run.rows == [(user, click, click * conversion) for user, click, conversion in LABELLED]
    assert run.counts == EVENT_COUNTS | {
        "rows_in": 7,
        "examples": 7,
        "clicks": 4,
        "conversions": 3,
        "conversions_without_click": 1,
    }
    assert not run.letters


def test_parts_files_and_ranges_change_nothing(ingest, monkeypatch):
    monkeypatch.setattr(partition, "_PART_BYTES", 50)
    monkeypatch.setattr(flat, "_RANGE_BYTES", 60)
    files = {f"{role}-{i}": events[i::2] for role, events in log_in(1000).items() for i in range(2)}
    run = ingest(files, "csv", conversion_without_click="drop")
    assert run.rows == [row for row in LABELLED if row != (3, 0, 1)]
    assert run.counts == EVENT_COUNTS | {
        "rows_in": 7,
        "examples": 6,
        "dropped": 1,
        "clicks": 4,
        "conversions": 3,
        "conversions_without_click": 1,
    }


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_a_conversion_without_a_click_that_counts_is_a_dead_letter_under_error(ingest, file_format):
    run = ingest(log_in(1000), file_format, conversion_without_click="error")
    assert run.rows == [row for row in LABELLED if row != (3, 0, 1)]
    assert (run.counts["examples"], run.counts["dead_letters"]) == (6, 1)
    ((file, position, reason, raw),) = run.letters
    assert (file, position) == (f"impressions.{file_format}", {"parquet": "row 2", "csv": "line 4"}[file_format])
    assert reason == (
        "a conversion (`conversion`) should follow a click (`click`) under "
        "`data.log.conversion_without_click: error`. Received: a conversion without a click"
    )
    if file_format == "parquet":
        assert json.loads(raw).items() >= {ID: 3, "time": 3_000_000, "user": 3}.items()
    else:
        assert raw == "3,3000000,3"


# --- Against a join in plain Python.


def random_events(seed: int) -> dict[str, list[Event]]:
    """Few ids and few times, so that everything happens: repeated impressions, events before, in and after windows."""
    rng = random.Random(seed)
    return {
        "impressions": [event(rng.randrange(250), rng.randrange(40_000), user=user) for user in range(300)],
        "clicks": [event(rng.randrange(270), rng.randrange(45_000)) for _ in range(500)],
        "conversions": [event(rng.randrange(270), rng.randrange(0, 150_000)) for _ in range(700)],
    }


def brute_force(log: Mapping[str, Sequence[Event]], remove: bool) -> tuple[list[tuple[int, int, int]], Counter]:
    """Labels before any policy, and the counts of the events, one by one."""
    counts: Counter = Counter()
    shown: dict[object, int] = {}
    for impression in log["impressions"]:
        if impression[ID] in shown:
            counts["duplicates"] += 1
        shown.setdefault(impression[ID], impression["time"])
    begins = dict(shown)
    happened = {}
    for kind, window in (("clicks", 10_000), ("conversions", 100_000)):
        inside: dict[object, list[int]] = {}
        for found in log[kind]:
            counts[f"{kind}_in"] += 1
            if found[ID] not in shown:
                counts[f"{kind}_orphan"] += 1
            elif found["time"] < begins[found[ID]]:
                counts[f"{kind}_early"] += 1
            elif found["time"] > begins[found[ID]] + window:
                counts[f"{kind}_late"] += 1
            else:
                counts[f"{kind}_repeated" if found[ID] in inside else f"{kind}_joined"] += 1
                inside.setdefault(found[ID], []).append(found["time"])
        begins |= {identity: min(times) for identity, times in inside.items()}
        happened[kind] = inside
    labelled = []
    seen: set[object] = set()
    for impression in log["impressions"]:
        identity = impression[ID]
        if not (remove and identity in seen):
            labels = (int(identity in happened["clicks"]), int(identity in happened["conversions"]))
            labelled.append((impression["user"], *labels))
        seen.add(identity)
    return labelled, counts


@pytest.mark.parametrize(
    ("seed", "remove", "file_format"), [(1, False, "parquet"), (2, True, "csv"), (3, True, "jsonl")]
)
def test_random_logs_are_joined_as_in_plain_python(ingest, monkeypatch, seed, remove, file_format):
    monkeypatch.setattr(partition, "_PART_BYTES", 2000)
    log = random_events(seed)
    labelled, counts = brute_force(log, remove)
    duplicates = {"key": [ID], "remove": True} if remove else None
    run = ingest(log, file_format, duplicates=duplicates)
    assert run.rows == [(user, click, click * conversion) for user, click, conversion in labelled]
    found = run.counts
    assert {name: found.get(name, 0) for name in counts} == counts
    assert min(counts.values()) > 10
    for kind in ("clicks", "conversions"):
        ends = ("joined", "repeated", "late", "early", "orphan", "dead_letters")
        assert found[f"{kind}_in"] == sum(found.get(f"{kind}_{end}", 0) for end in ends)
    assert found["rows_in"] == 300 == found["examples"] + found.get("dropped", 0)
    assert found.get("dropped", 0) == (counts["duplicates"] if remove else 0)


# --- Repeated impressions and dead records.


@pytest.mark.parametrize("remove", [False, True])
def test_repeated_impressions_are_counted_and_removed_if_asked_for(ingest, remove):
    files = {
        "impressions-0": [
            event(1, 900, user=10_000),  # dead: out of its domain
            event(1, 1000, user=1),
            event(2, 1000, user=2),
        ],
        "impressions-1": [event(1, 500, user=3), event(2, 50_000, user=4)],
        "clicks": [event(1, 999), event(1, 1001), event(2, 2000), event(2, 50_001)],
        "conversions": [event(1, 1001)],
    }
    run = ingest(files, duplicates={"key": [ID], "remove": remove})
    # The first good copy, in the order of the files, says when the impression was; all copies have its labels.
    assert run.rows == [(1, 1, 1), (2, 1, 0)] + ([] if remove else [(3, 1, 1), (4, 1, 0)])
    assert (run.counts["clicks_joined"], run.counts["clicks_early"], run.counts["clicks_late"]) == (2, 1, 1)
    assert (run.counts["duplicates"], run.counts.get("dropped", 0)) == (2, 2 if remove else 0)
    assert (run.counts["rows_in"], run.counts["dead_letters"]) == (5, 1)


def test_dead_records_of_each_kind_are_told_and_counted_as_such(ingest):
    files = {
        "impressions": [event(1, 1000, user=1), event(2, 1000, user=-1), event(3, 1000, user="x"), {"time": 5}],
        "clicks": [event(1, 1000), event(2, 1000), event("one", 1000), event(1, None)],
        "conversions": [event(1, 1000), event(1, 10.5)],
    }
    run = ingest(files)
    assert run.rows == [(1, 1, 1)]
    raw = {role: [json.dumps(record) for record in records] for role, records in files.items()}
    missing = "column `{}` should be given in every row. Received: no value"
    assert run.letters == sorted(
        [
            (
                "impressions.jsonl",
                "line 2",
                "column `user` should be from 0 to 9999. Received: -1",
                raw["impressions"][1],
            ),
            ("impressions.jsonl", "line 3", 'column `user` should be an integer. Received: "x"', raw["impressions"][2]),
            ("impressions.jsonl", "line 4", missing.format(ID), raw["impressions"][3]),
            ("clicks.jsonl", "line 3", f'column `{ID}` should be an integer. Received: "one"', raw["clicks"][2]),
            ("clicks.jsonl", "line 4", missing.format("time"), raw["clicks"][3]),
            (
                "conversions.jsonl",
                "line 2",
                "column `time` should be an integer. Received: 10.5",
                raw["conversions"][1],
            ),
        ]
    )
    assert run.counts == {
        "rows_in": 4,
        "examples": 1,
        "dead_letters": 3,
        "clicks": 1,
        "conversions": 1,
        "clicks_in": 4,
        "clicks_dead_letters": 2,
        "clicks_joined": 1,
        "clicks_orphan": 1,  # of a dead impression
        "conversions_in": 2,
        "conversions_dead_letters": 1,
        "conversions_joined": 1,
    }


def test_too_many_dead_clicks_are_told_as_such(tmp_path):
    good = {ID: 1, "time": 0}
    files = {
        "impressions.jsonl": encoded([{**good, "user": 1}], (), "jsonl"),
        "clicks.jsonl": encoded([good] * 9 + [{ID: 1}], (), "jsonl"),
        "conversions.jsonl": encoded([good], (), "jsonl"),
    }
    run = Ingested(tmp_path, files, {"events": {"format": "jsonl"}, "max_dead_letter_share": 0.0999})
    with pytest.raises(InputError) as error:
        run.do()
    assert str(error.value) == (
        "split train: at most 9.99% of the clicks should be dead letters (`data.log.max_dead_letter_share`). "
        f"Received: 1 of 10, such as {tmp_path}/clicks.jsonl, line 10: column `time` should be given in every row. "
        f"Received: no value; all of them: {tmp_path}/dead/7/train-*.jsonl"
    )
    assert len(run.letters) == 1


def test_a_log_without_any_event_is_refused(tmp_path):
    files = {
        "impressions.csv": b"impression_id,time,user\n1,0,1\n",
        "clicks.csv": b"impression_id,time\n",
        "conversions.csv": b"impression_id,time\n",
    }
    with pytest.raises(InputError) as error:
        Ingested(tmp_path, files, {"events": {"format": "csv"}}).do()
    assert str(error.value) == (
        "split train should have at least one click. Received: 1 impressions, 0 clicks, 0 conversions"
    )


# --- The columns that events are joined by.


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", [ID, "time"])
def test_each_file_should_have_id_and_time(tmp_path, role, name):
    files = {f"{r}.csv": f"{ID},time,user\n1,1,1\n".encode() for r in ROLES}
    files[f"{role}.csv"] = files[f"{role}.csv"].replace(name.encode(), b"other")
    with pytest.raises(InputError) as error:
        Ingested(tmp_path, files, {"events": {"format": "csv"}}).do()
    assert str(error.value) == f"{tmp_path}/{role}.csv should have a column `{name}`; it has none"


def test_id_and_time_may_be_features_too(ingest):
    schema = SCHEMA.replace('"user"', f'"{ID}"') + 'feature { name: "time" type: INT value_count { max: 1 } }'
    files = {"impressions": [event(3, 5)], "clicks": [event(3, 5)], "conversions": [event(3, 6)]}
    run = ingest(files, schema=schema)
    shards = Path(run._examples.uri, "Split-train").iterdir()
    (record,) = tf.data.TFRecordDataset(list(map(str, shards)), compression_type="GZIP").as_numpy_iterator()
    found = tf.train.Example.FromString(record).features.feature
    assert {name: list(feature.int64_list.value) for name, feature in found.items()} == {
        ID: [3],
        "time": [5],
        "click": [1],
        "conversion": [1],
    }


def test_a_time_that_is_no_number_is_refused(tmp_path):
    schema = SCHEMA + 'feature { name: "time" type: BYTES lifecycle_stage: DISABLED }'
    events = [{ID: 1, "time": "2026-11-22", "user": 1}]
    files = {f"{role}.jsonl": encoded(events, (), "jsonl") for role in ROLES}
    with pytest.raises(InputError, match="time"):
        Ingested(tmp_path, files, {"events": {"format": "jsonl"}}, schema).do()


def test_an_id_that_is_no_whole_number_is_joined_or_refused(tmp_path):
    schema = f'{SCHEMA}feature {{ name: "{ID}" type: FLOAT lifecycle_stage: DISABLED }}'
    files = {f"{role}.jsonl": encoded([{ID: 1.5, "time": 1, "user": 1}], (), "jsonl") for role in ROLES}
    run = Ingested(tmp_path, files, {"events": {"format": "jsonl"}}, schema)
    try:
        assert run.do().rows == [(1, 1, 1)]
    except InputError as error:
        if ID not in str(error):
            raise
