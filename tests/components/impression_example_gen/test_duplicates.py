"""Rows of a flat log that repeat an earlier one: counted as pandas counts them, and removed but for the first."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.impression_example_gen import duplicates
from components.impression_example_gen.executor import Executor
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.sources import flat
from pipeline.beam import LOCAL_ARGS
from schema.errors import InputError

KUAIRAND = Path(__file__).parents[3] / "data" / "kuairand"
# As in KuaiRand's schema, nothing says how many values `time_ms`, which is DISABLED, has.
SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "click" type: INT value_count { max: 1 } int_domain { min: 0 max: 1 } not_in_environment: "SERVING" }
feature {
  name: "conversion" type: INT value_count { max: 1 } int_domain { min: 0 max: 1 } not_in_environment: "SERVING"
}
feature { name: "user_id" type: INT value_count { max: 1 } int_domain { min: 0 } }
feature { name: "video_id" type: INT value_count { max: 1 } }
feature { name: "row" type: INT value_count { max: 1 } }
feature { name: "city" type: BYTES value_count { max: 1 } }
feature { name: "price" type: FLOAT value_count { max: 1 } }
feature { name: "tags" type: BYTES value_count { max: 9 } }
feature { name: "time_ms" type: INT lifecycle_stage: DISABLED }
"""


class Ingested:
    """What the executor's `Do` made of a log."""

    def __init__(self, folder: Path, base: Path, splits: Mapping[str, Sequence[str]], log: dict[str, Any]):
        schema = standard_artifacts.Schema()
        schema.uri = str(folder / "schema")
        Path(schema.uri).mkdir()
        Path(schema.uri, "schema.pbtxt").write_text(SCHEMA)
        self._examples = standard_artifacts.Examples()
        self._examples.uri = str(folder / "examples" / "7")
        properties = {
            "input_base": str(base),
            "splits": json.dumps({split: {"impressions": list(names)} for split, names in splits.items()}),
            "log_format": LogFormat(**log).model_dump_json(),
            "serving_format": "jsonl",
            "dead_letters": str(folder / "dead"),
        }
        context = BaseBeamExecutor.Context(beam_pipeline_args=list(LOCAL_ARGS), tmp_dir=str(folder), unique_id="1")
        Executor(context).Do({"schema": [schema]}, {"examples": [self._examples]}, properties)

    def count(self, name: str, split: str = "train") -> int:
        return self._examples.get_int_custom_property(f"{split}_{name}")

    def column(self, name: str, split: str = "train") -> list[int]:
        """The values of a feature, one of each example, in their order."""
        shards = sorted(map(str, Path(self._examples.uri, f"Split-{split}").iterdir()))
        records = tf.data.TFRecordDataset(shards, compression_type="GZIP").as_numpy_iterator()
        found = (tf.train.Example.FromString(record).features.feature[name] for record in records)
        return [feature.int64_list.value[0] for feature in found]


@pytest.fixture
def ingest(tmp_path) -> Callable[..., Ingested]:
    def run(base: Path, splits: Mapping[str, Sequence[str]] | str = "*", **log) -> Ingested:
        return Ingested(tmp_path, base, {"train": [splits]} if isinstance(splits, str) else splits, log)

    return run


# --- The real log.

DAYS = {"train": ["impressions-2022042[5-9].parquet"], "eval": ["impressions-2022050[4-6].parquet"]}
KEY = ["user_id", "video_id", "time_ms"]


@pytest.mark.slow
@pytest.mark.parametrize("remove", [False, True])
def test_kuairand_has_as_many_as_pandas_says(ingest, remove):
    run = ingest(
        KUAIRAND,
        DAYS,
        labels={"click": "is_click", "conversion": "is_like"},
        duplicates={"key": KEY, "remove": remove},
    )
    for split, known in (("train", 2288), ("eval", 970)):
        (pattern,) = DAYS[split]
        columns = [*KEY, "is_click"]
        frame = pd.concat(pd.read_parquet(path, columns=columns) for path in sorted(KUAIRAND.glob(pattern)))
        again = frame.duplicated(KEY)
        assert run.count("duplicates", split) == again.sum() == known
        assert run.count("dropped", split) == (known if remove else 0)
        kept = frame[~again] if remove else frame
        assert run.count("examples", split) == len(kept)
        assert run.count("clicks", split) == kept["is_click"].sum()
        counted = pd.Series(run.column("user_id", split)).value_counts()
        assert counted.to_dict() == kept["user_id"].value_counts().to_dict()


# --- Which copy stays.


def frame_of(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "user_id": rng.integers(0, 5, rows),
            "time_ms": rng.integers(0, 20, rows),
            "city": rng.choice(["Köln", "Rome", ""], rows),
            "row": np.arange(rows),
            "click": 1,
            "conversion": rng.integers(0, 2, rows),
        }
    )
    return frame.assign(time_ms=frame["time_ms"].astype("Int64").mask(rng.random(rows) < 0.05))


@pytest.mark.parametrize(("remove", "range_bytes"), [(True, 100), (False, 100), (True, 1 << 20)])
def test_the_first_in_the_order_of_files_and_rows_stays(ingest, tmp_path, monkeypatch, remove, range_bytes):
    monkeypatch.setattr(flat, "_RANGE_BYTES", range_bytes)
    logs = tmp_path / "logs"
    logs.mkdir()
    frame = frame_of(np.random.default_rng(4), 300)
    for name, part in (("b.csv", frame[180:]), ("a.csv", frame[:120]), ("a2.csv", frame[120:180])):
        part.to_csv(logs / name, index=False)
    key = ["user_id", "time_ms", "city"]
    run = ingest(logs, format="csv", duplicates={"key": key, "remove": remove})
    again = frame.duplicated(key)
    assert run.count("duplicates") == again.sum() > 50
    assert run.count("dropped") == again.sum() * remove
    assert sorted(run.column("row")) == frame["row"][~again if remove else slice(None)].tolist()


def write_lines(folder: Path, *rows: Mapping[str, Any]) -> Path:
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / "log.jsonl").open("w") as file:
        for row in rows:
            file.write(json.dumps({"click": 1, "conversion": 1, **row}) + "\n")
    return logs


@pytest.mark.parametrize("remove", [False, True])
def test_only_a_copy_that_becomes_an_example_is_a_first_one(ingest, tmp_path, remove):
    logs = write_lines(
        tmp_path,
        {"user_id": 1, "row": 0, "click": 2},  # dead
        {"user_id": 1, "row": 1},
        {"user_id": 1, "row": 2, "click": 3},  # dead, and no duplicate
        {"user_id": 1, "row": 3},
        {"user_id": 2, "row": 4, "click": 0},  # dropped
        {"user_id": 2, "row": 5},
        {"user_id": None, "row": 6},
        {"row": 7},  # a missing value is a value like others
    )
    run = ingest(
        logs,
        format="jsonl",
        conversion_without_click="drop",
        duplicates={"key": ["user_id"], "remove": remove},
        max_dead_letter_share=0.5,
    )
    assert run.column("row") == [1, 5, 6] if remove else [1, 3, 5, 6, 7]
    assert [run.count(name) for name in ("rows_in", "dead_letters", "duplicates", "conversions_without_click")] == [
        8,
        2,
        2,
        1,
    ]
    assert run.count("dropped") == (3 if remove else 1)


def test_splits_have_no_duplicates_in_common(ingest, tmp_path):
    logs = write_lines(tmp_path, {"user_id": 1, "row": 0})
    (logs / "other.jsonl").write_bytes((logs / "log.jsonl").read_bytes())
    run = ingest(
        logs,
        {"train": ["log.jsonl"], "eval": ["other.jsonl"]},
        format="jsonl",
        duplicates={"key": ["user_id"], "remove": True},
    )
    assert (run.count("examples", "train"), run.count("examples", "eval")) == (1, 1)


def test_nobody_looks_unless_asked(ingest, tmp_path):
    run = ingest(write_lines(tmp_path, {"user_id": 1, "row": 0}, {"user_id": 1, "row": 0}), format="jsonl")
    assert (run.count("duplicates"), run.count("examples")) == (0, 2)


# --- Keys.


def test_a_key_should_be_a_column_that_the_schema_has(ingest, tmp_path):
    with pytest.raises(InputError) as error:
        ingest(write_lines(tmp_path, {}), format="jsonl", duplicates={"key": ["user_id", "time_m"]})
    assert str(error.value) == (
        "`data.log.duplicates.key` should be columns that the schema has (DISABLED ones too). "
        "Received: time_m, which it does not have; did you mean `time_ms`?"
    )


def test_a_file_should_have_the_key_s_columns(ingest, tmp_path):
    pq.write_table(pa.table({"user_id": [1], "click": [1], "conversion": [1]}), tmp_path / "log.parquet")
    with pytest.raises(InputError) as error:
        ingest(tmp_path, "log.parquet", duplicates={"key": ["user_id", "time_ms"]})
    assert str(error.value) == f"{tmp_path}/log.parquet should have a column `time_ms`; it has none"


def test_a_feature_that_a_file_may_lack_may_be_a_key(ingest, tmp_path):
    pq.write_table(pa.table({"user_id": [1, 1, 2], "click": [1] * 3, "conversion": [1] * 3}), tmp_path / "log.parquet")
    run = ingest(tmp_path, "log.parquet", duplicates={"key": ["user_id", "city"]})
    assert run.count("duplicates") == 1


@contextlib.contextmanager
def or_refused(name: str) -> Iterator[None]:
    """Refusing such a key, by its name, is as good as what is asked for."""
    try:
        yield
    except InputError as error:
        if name not in str(error):
            raise


def test_a_number_is_a_key_like_others(ingest, tmp_path):
    rows = [{"user_id": 1, "row": i, "price": price} for i, price in enumerate([0.5, 0.25, 0.5, None, 0.0])]
    key = {"key": ["user_id", "price"], "remove": True}
    with or_refused("price"):
        assert ingest(write_lines(tmp_path, *rows), format="jsonl", duplicates=key).column("row") == [0, 1, 3, 4]


def test_lists_that_differ_are_no_duplicates(ingest, tmp_path):
    rows = [{"user_id": 1, "row": i, "tags": tags} for i, tags in enumerate([["a", "b"], ["c", "d"]])]
    key = {"key": ["user_id", "tags"], "remove": True}
    with or_refused("tags"):
        assert ingest(write_lines(tmp_path, *rows), format="jsonl", duplicates=key).column("row") == [0, 1]


# --- The hashes that travel.


def test_rows_are_shared_out_by_their_hash_and_none_is_lost():
    hashes = np.random.default_rng(1).integers(0, 1 << 64, 1000, np.uint64)
    shared_out = dict(duplicates.by_group(3, hashes, np.arange(1000)))
    assert shared_out.keys() == set(range(64))
    for group, (task, of_group, positions) in shared_out.items():
        assert task == 3
        assert set((of_group >> np.uint64(58)).tolist()) == {group}
        assert of_group.tolist() == hashes[positions].tolist()
    assert sorted(p for _, _, positions in shared_out.values() for p in positions) == list(range(1000))
