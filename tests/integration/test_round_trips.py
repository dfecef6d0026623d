"""The same impressions in every format that a log may have become the same tf.Examples."""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts
from typer.testing import CliRunner

from components.impression_example_gen.executor import Executor
from components.impression_example_gen.log_format import LogFormat
from pipeline.beam import LOCAL_ARGS
from pipeline.cli import app
from schema import load

KUAIRAND = Path(__file__).parents[2] / "data" / "kuairand"

Examples = dict[str, list[bytes]]
Splits = Mapping[str, Mapping[str, list[str]]]


@pytest.fixture(scope="module")
def ingest(tmp_path_factory) -> Callable[..., Examples]:
    """Gives the examples of each split, serialized so that equal ones are equal bytes, in the order of these bytes."""

    def run(
        schema_name: str, base: Path, splits: Splits, beam_args: Sequence[str] = LOCAL_ARGS, **log: Any
    ) -> Examples:
        folder = tmp_path_factory.mktemp("ingest")
        schema = standard_artifacts.Schema()
        schema.uri = str(folder / "schema")
        Path(schema.uri).mkdir()
        Path(schema.uri, "schema.pbtxt").write_bytes(load.schema_path(schema_name).read_bytes())
        examples = standard_artifacts.Examples()
        examples.uri = str(folder / "examples")
        properties = {
            "input_base": str(base),
            "splits": json.dumps(splits),
            "log_format": LogFormat(**log).model_dump_json(),
            "serving_format": "jsonl",
            "dead_letters": str(folder / "dead"),
        }
        context = BaseBeamExecutor.Context(beam_pipeline_args=list(beam_args), tmp_dir=str(folder), unique_id="1")
        Executor(context).Do({"schema": [schema]}, {"examples": [examples]}, properties)
        for split in splits:
            assert examples.get_int_custom_property(f"{split}_dead_letters") == 0
            assert examples.get_int_custom_property(f"{split}_dropped") == 0
        return {split: canonical(Path(examples.uri, f"Split-{split}").iterdir()) for split in splits}

    return run


def canonical(shards: Iterable[Path]) -> list[bytes]:
    records = tf.data.TFRecordDataset(sorted(map(str, shards)), compression_type="GZIP").as_numpy_iterator()
    return sorted(tf.train.Example.FromString(record).SerializeToString(deterministic=True) for record in records)


# --- A simulated log in the formats of `esmm simulate`.

IMPRESSIONS = 3000
HALVES = {"train": "train", "eval": "test"}
# The join shares its work out to other processes, which have no memory in common.
TWO_PROCESSES = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


def simulated(out: Path, file_format: str, *overrides: str) -> Path:
    arguments = ["simulate", "--config", "ali_ccp", "--format", file_format, "--impressions", str(IMPRESSIONS)]
    settings = [argument for override in overrides for argument in ("--set", override)]
    done = CliRunner().invoke(app, [*arguments, "--out", str(out), *settings], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return out


def flat_splits(ending: str) -> Splits:
    return {split: {"impressions": [f"impressions-{split}.{ending}"]} for split in HALVES}


@pytest.fixture(scope="module")
def from_parquet(ingest, tmp_path_factory) -> Examples:
    log = simulated(tmp_path_factory.mktemp("log"), "parquet")
    found = ingest("ali_ccp", log, flat_splits("parquet"))
    assert {split: len(examples) for split, examples in found.items()} == {"train": 1500, "eval": 1500}
    features = tf.train.Example.FromString(found["train"][0]).features.feature
    assert {"click", "conversion", "101", "150_14", "150_14_weight", "853", "205"} <= features.keys()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["csv", "jsonl", "tfrecord"])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
def test_flat_formats_give_the_examples_of_parquet(ingest, tmp_path, from_parquet, file_format, compressed):
    log = simulated(tmp_path, file_format)
    ending = file_format
    if compressed:
        for path in list(log.iterdir()):
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
            path.unlink()
        ending = f"{file_format}.gz"
    assert ingest("ali_ccp", log, flat_splits(ending), format=file_format) == from_parquet


@pytest.mark.slow
@pytest.mark.parametrize("beam_args", [LOCAL_ARGS, (*LOCAL_ARGS, *TWO_PROCESSES)], ids=["one process", "two processes"])
def test_the_release_s_format_gives_the_examples_of_parquet(ingest, tmp_path, from_parquet, beam_args):
    files = {"skeleton": "sample_skeleton_{}.csv", "common_features": "common_features_{}.csv"}
    splits = {split: {role: [name.format(half)] for role, name in files.items()} for split, half in HALVES.items()}
    assert ingest("ali_ccp", simulated(tmp_path, "ali_ccp"), splits, beam_args, format="ali_ccp") == from_parquet


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["parquet", "csv", "jsonl", "tfrecord"])
def test_events_give_the_examples_of_parquet(ingest, tmp_path, from_parquet, file_format):
    log = simulated(tmp_path, "events", f"data.log.events.format={file_format}")
    roles = ("impressions", "clicks", "conversions")
    splits = {split: {role: [f"{role}-{split}.{file_format}"] for role in roles} for split in HALVES}
    assert ingest("ali_ccp", log, splits, format="events", events={"format": file_format}) == from_parquet


# --- The real log, written anew by other libraries.

LABELS = {"click": "is_click", "conversion": "is_like"}


def write_csv(rows: pa.Table, path: Path) -> None:
    columns = {}
    for name in rows.column_names:
        cells = rows[name].to_pylist()
        is_list = pa.types.is_list(rows[name].type)
        columns[name] = (
            pa.array([None if c is None else "|".join(map(str, c)) for c in cells]) if is_list else rows[name]
        )
    pyarrow.csv.write_csv(pa.table(columns), path)


def write_jsonl(rows: pa.Table, path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows.to_pylist()))


def write_tfrecord(rows: pa.Table, path: Path) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows.to_pylist():
            features = {name: feature(cell) for name, cell in row.items() if cell is not None}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def feature(cell: Any) -> tf.train.Feature:
    values = cell if isinstance(cell, list) else [cell]
    if any(isinstance(value, str) for value in values):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))
    if any(isinstance(value, float) for value in values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


@pytest.fixture(scope="module")
def real_rows() -> pa.Table:
    return pq.read_table(KUAIRAND / "impressions-20220501.parquet").slice(0, 1000)


@pytest.fixture(scope="module")
def from_real_parquet(ingest, real_rows, tmp_path_factory) -> Examples:
    folder = tmp_path_factory.mktemp("log")
    pq.write_table(real_rows, folder / "rows.parquet")
    found = ingest("kuairand", folder, {"train": {"impressions": ["rows.parquet"]}}, labels=LABELS)
    assert len(found["train"]) == 1000
    return found


@pytest.mark.parametrize("write", [write_csv, write_jsonl, write_tfrecord])
def test_real_rows_give_the_same_examples_in_every_format(ingest, real_rows, from_real_parquet, tmp_path, write):
    file_format = write.__name__.removeprefix("write_")
    write(real_rows, tmp_path / f"rows.{file_format}")
    splits = {"train": {"impressions": [f"rows.{file_format}"]}}
    assert ingest("kuairand", tmp_path, splits, format=file_format, labels=LABELS) == from_real_parquet
