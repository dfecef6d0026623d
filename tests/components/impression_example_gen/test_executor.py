"""The executor's real `Do` on real files and Beam's own runner: what it writes, and what it refuses."""

import glob
import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts

from components.impression_example_gen.component import ImpressionExampleGen
from components.impression_example_gen.executor import Executor
from components.impression_example_gen.log_format import LogFormat
from schema.errors import InputError

BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=unused"]

SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature {
  name: "click" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 1 } not_in_environment: "SERVING"
}
feature {
  name: "conversion" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 1 }
  not_in_environment: "SERVING"
}
feature { name: "user_id" type: INT value_count { min: 1 max: 1 } }
feature { name: "city" type: BYTES value_count { min: 1 max: 1 } }
feature { name: "price" type: FLOAT value_count { min: 1 max: 1 } }
feature { name: "tags" type: BYTES value_count { min: 0 max: 10 } }
feature { name: "history" type: INT value_count { min: 0 max: 20 } }
feature { name: "time_ms" type: INT lifecycle_stage: DISABLED }
feature { name: "long_view" type: INT lifecycle_stage: DISABLED }
"""

COLUMNS = ("user_id", "is_click", "is_like", "city", "price", "tags", "history", "time_ms", "long_view", "unknown")
TYPES = (
    *(pa.int64(),) * 3,
    pa.string(),
    pa.float64(),
    pa.list_(pa.string()),
    pa.list_(pa.int64()),
    *(pa.int64(),) * 2,
    pa.string(),
)
# train-1: a conversion, an impression. train-2: a click, a like without a click. eval-1: a conversion, nothing known.
TRAIN_1 = [
    (1, 1, 1, "Köln", 0.5, ["a", "b"], [3, 1, 2], 111, 1, "x"),
    (2, 0, 0, None, None, None, None, 112, 0, "x"),
]
TRAIN_2 = [
    (3, 1, 0, "Rome", -1.5, ["c"], [4], 113, 1, "x"),
    (4, 0, 1, "Oslo", 2.0, None, [5, 6], 114, 1, "x"),
]
EVAL_1 = [
    (5, 1, 1, "Köln", 8.0, ["a"], [3], 211, 0, "y"),
    (6, 0, 0, "Bern", None, None, [7], 212, 0, "y"),
]
FILES = {"train-1": TRAIN_1, "train-2": TRAIN_2, "eval-1": EVAL_1}
SPLITS = {"train": ["train-*"], "eval": ["eval-1.*"]}


def ints(*values: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def floats(*values: float) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def strings(*values: str) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[v.encode() for v in values]))


def example(user: int, click: int, conversion: int, **features: tf.train.Feature) -> tf.train.Example:
    feature = {"user_id": ints(user), "click": ints(click), "conversion": ints(conversion), **features}
    return tf.train.Example(features=tf.train.Features(feature=feature))


KOELN = example(1, 1, 1, city=strings("Köln"), price=floats(0.5), tags=strings("a", "b"), history=ints(3, 1, 2))
NOTHING = example(2, 0, 0, city=strings(), price=floats(), tags=strings(), history=ints())
ROME = example(3, 1, 0, city=strings("Rome"), price=floats(-1.5), tags=strings("c"), history=ints(4))
OSLO = example(4, 0, 0, city=strings("Oslo"), price=floats(2.0), tags=strings(), history=ints(5, 6))
KOELN_EVAL = example(5, 1, 1, city=strings("Köln"), price=floats(8.0), tags=strings("a"), history=ints(3))
BERN = example(6, 0, 0, city=strings("Bern"), price=floats(), tags=strings(), history=ints(7))


def write_file(folder: Path, name: str, rows: list[tuple], ending: str) -> str:
    path = folder / f"{name}.{ending}"
    if ending == "parquet":
        columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
        arrays = [pa.array(column, kind) for column, kind in zip(columns, TYPES, strict=True)]
        pq.write_table(pa.Table.from_arrays(arrays, names=list(COLUMNS)), path)
    else:
        lines = [",".join(COLUMNS)]
        for row in rows:
            cells = ["|".join(map(str, v)) if isinstance(v, list) else "" if v is None else str(v) for v in row]
            lines.append(",".join(cells))
        data = ("\n".join(lines) + "\n").encode()
        path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    return str(path)


class Run:
    """One `Do`, in a folder of its own."""

    def __init__(self, folder: Path, files: dict[str, list[tuple]], ending: str = "parquet"):
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.paths = {name: write_file(self.logs, name, rows, ending) for name, rows in files.items()}
        self.schema = standard_artifacts.Schema()
        self.schema.uri = str(folder / "schema")
        os.mkdir(self.schema.uri)
        Path(self.schema.uri, "schema.pbtxt").write_text(SCHEMA)
        self.examples = standard_artifacts.Examples()
        self.examples.uri = str(folder / "examples")
        self.temporary = str(folder / "tmp")
        self.format = "parquet" if ending == "parquet" else "csv"

    def do(self, policy: str = "as_no_conversion", splits: dict[str, list[str]] = SPLITS) -> "Run":
        log = LogFormat(
            format=self.format,
            labels={"click": "is_click", "conversion": "is_like"},
            conversion_without_click=policy,
        )
        component = ImpressionExampleGen(
            schema=types.Channel(type=standard_artifacts.Schema),
            input_base=str(self.logs),
            splits=splits,
            log=log,
            fingerprint="f",
        )
        context = BaseBeamExecutor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=self.temporary, unique_id="1")
        Executor(context).Do({"schema": [self.schema]}, {"examples": [self.examples]}, component.exec_properties)
        return self

    def refused(self, **arguments) -> str:
        with pytest.raises(InputError) as error:
            self.do(**arguments)
        return str(error.value)

    def split(self, name: str) -> list[tf.train.Example]:
        """Examples by user."""
        shards = sorted(glob.glob(os.path.join(self.examples.uri, f"Split-{name}", "*")))
        assert shards
        assert all(os.path.basename(s).startswith("data_tfrecord-") and s.endswith(".gz") for s in shards)
        records = tf.data.TFRecordDataset(shards, compression_type="GZIP")
        parsed = [tf.train.Example.FromString(record.numpy()) for record in records]
        return sorted(parsed, key=lambda e: e.features.feature["user_id"].int64_list.value[0])

    def counts(self, split: str) -> dict[str, int]:
        names = (
            "rows_in",
            "examples",
            "dropped",
            "bad_rows",
            "conversions_without_click",
            "clicks",
            "conversions",
        )
        return {name: self.examples.get_int_custom_property(f"{split}_{name}") for name in names}


def same(found: list[tf.train.Example], expected: list[tf.train.Example]) -> bool:
    """Equal, where a feature without values is the same whatever its kind."""
    return [without_kinds(e) for e in found] == [without_kinds(e) for e in expected]


def without_kinds(message: tf.train.Example) -> dict[str, tuple[str | None, list]]:
    result = {}
    for name, feature in message.features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        result[name] = (kind if values else None, values)
    return result


# --- What it writes.


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Run:
    return Run(tmp_path_factory.mktemp("kept"), FILES).do()


def test_examples_of_each_split_to_the_last_value(kept):
    assert same(kept.split("train"), [KOELN, NOTHING, ROME, OSLO])
    assert same(kept.split("eval"), [KOELN_EVAL, BERN])


def test_only_what_the_schema_allows_is_in_the_examples(kept):
    allowed = {"click", "conversion", "user_id", "city", "price", "tags", "history"}
    for split in ("train", "eval"):
        for written in kept.split(split):
            assert written.features.feature.keys() == allowed
    assert not {"is_click", "is_like", "time_ms", "long_view", "unknown"} & allowed


def test_the_artifact_tells_its_splits_and_format(kept):
    assert artifact_utils.decode_split_names(kept.examples.split_names) == ["train", "eval"]
    assert kept.examples.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"


def test_the_artifact_keeps_the_counts(kept):
    assert kept.counts("train") == {
        "rows_in": 4,
        "examples": 4,
        "dropped": 0,
        "bad_rows": 0,
        "conversions_without_click": 1,
        "clicks": 2,
        "conversions": 1,
    }
    assert kept.counts("eval") == {
        "rows_in": 2,
        "examples": 2,
        "dropped": 0,
        "bad_rows": 0,
        "conversions_without_click": 0,
        "clicks": 1,
        "conversions": 1,
    }


def test_drop_leaves_rows_out_and_counts_them(tmp_path):
    run = Run(tmp_path, FILES).do(policy="drop")
    assert same(run.split("train"), [KOELN, NOTHING, ROME])
    assert same(run.split("eval"), [KOELN_EVAL, BERN])
    assert run.counts("train") == {
        "rows_in": 4,
        "examples": 3,
        "dropped": 1,
        "bad_rows": 0,
        "conversions_without_click": 1,
        "clicks": 2,
        "conversions": 1,
    }


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_csv_gives_the_same_examples(tmp_path, ending, kept):
    run = Run(tmp_path, FILES, ending).do()
    for split in ("train", "eval"):
        assert same(run.split(split), kept.split(split))
        assert run.counts(split) == kept.counts(split)


def test_files_without_rows_beside_others_do_no_harm(tmp_path):
    run = Run(tmp_path, {**FILES, "train-0": [], "train-3": []}).do()
    assert same(run.split("train"), [KOELN, NOTHING, ROME, OSLO])
    assert run.counts("train")["rows_in"] == 4


def test_error_passes_a_log_that_keeps_the_rule(tmp_path):
    run = Run(tmp_path, {"train-1": TRAIN_1, "eval-1": EVAL_1}).do(policy="error")
    assert same(run.split("train"), [KOELN, NOTHING])
    assert run.counts("train")["conversions_without_click"] == 0


# --- What it refuses.


def changed(row: tuple, **values) -> tuple:
    return tuple(values.get(name, value) for name, value in zip(COLUMNS, row, strict=True))


def test_error_names_file_row_and_rule(tmp_path):
    run = Run(tmp_path, FILES)
    assert run.refused(policy="error") == (
        f"{run.paths['train-2']}, row 1 should not have a conversion (`is_like`) without a click (`is_click`) "
        "under `data.log.conversion_without_click: error`"
    )


@pytest.mark.parametrize(
    ("label", "value", "policy"),
    [("is_click", 2, "as_no_conversion"), ("is_like", -1, "drop"), ("is_like", None, "error")],
)
def test_a_label_that_is_neither_0_nor_1(tmp_path, label, value, policy):
    bad = [EVAL_1[0], changed(EVAL_1[1], **{label: value})]
    run = Run(tmp_path, {"train-1": TRAIN_1, "eval-1": bad})
    assert run.refused(policy=policy) == (
        f"{run.paths['eval-1']}, row 1, column `{label}` should be 0 or 1. Received: {value}"
    )


@pytest.mark.parametrize(
    ("rows", "policy", "message"),
    [
        ([], "drop", "split eval should have at least one row. Received: 0 rows"),
        (
            [changed(row, is_click=0, is_like=0) for row in EVAL_1],
            "drop",
            "split eval should have at least one click. Received: 2 impressions, 0 clicks, 0 conversions",
        ),
        (
            [changed(row, is_like=0) for row in EVAL_1],
            "as_no_conversion",
            "split eval should have at least one conversion. Received: 2 impressions, 1 clicks, 0 conversions",
        ),
        (  # likes there are, but none follows a click
            [changed(row, is_click=1 - i, is_like=i) for i, row in enumerate(EVAL_1)],
            "as_no_conversion",
            "split eval should have at least one conversion. Received: 2 impressions, 1 clicks, 0 conversions",
        ),
    ],
    ids=["no row", "no click", "no like", "no like after a click"],
)
def test_a_split_without_rows_clicks_or_conversions(tmp_path, rows, policy, message):
    run = Run(tmp_path, {"train-1": TRAIN_1, "eval-1": rows})
    assert run.refused(policy=policy) == message


def test_a_split_whose_rows_are_all_dropped_says_so(tmp_path):
    rows = [changed(row, is_click=0, is_like=1) for row in EVAL_1]
    message = Run(tmp_path, {"train-1": TRAIN_1, "eval-1": rows}).refused(policy="drop")
    assert message.startswith("split eval should have at least one ")
    assert "2 rows" in message
    assert "no row" not in message  # there are two; both were dropped


def test_a_csv_value_of_another_type_names_the_file(tmp_path):
    run = Run(tmp_path, {"train-1": TRAIN_1, "eval-1": [changed(EVAL_1[0], user_id="u5")]}, "csv")
    message = run.refused()
    assert message.startswith(run.paths["eval-1"])
    assert "'u5'" in message


def test_a_missing_column_is_told_before_beam_starts(tmp_path):
    run = Run(tmp_path, FILES)
    table = pq.read_table(run.paths["eval-1"])
    pq.write_table(table.rename_columns([n.replace("city", "citty") for n in COLUMNS]), run.paths["eval-1"])
    assert run.refused() == (f"{run.paths['eval-1']} should have a column `city`; it has none; did you mean `citty`?")
    assert not os.path.exists(run.examples.uri)


def test_a_column_of_another_type_is_told_before_beam_starts(tmp_path):
    run = Run(tmp_path, FILES)
    table = pq.read_table(run.paths["train-2"])
    position = COLUMNS.index("user_id")
    pq.write_table(table.set_column(position, "user_id", table["user_id"].cast(pa.string())), run.paths["train-2"])
    assert run.refused() == f"{run.paths['train-2']}: column `user_id` should be an integer. Received: string"
    assert not os.path.exists(run.examples.uri)


def test_a_truncated_file(tmp_path):
    run = Run(tmp_path, FILES)
    path = Path(run.paths["train-1"])
    path.write_bytes(path.read_bytes()[:-20])
    message = run.refused()
    assert message.startswith(f"{path} should be readable to its end. Received: ")
    assert "footer" in message


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (
            {"train": ["train-*"], "eval": ["eval-9.*"]},
            "`data.splits.eval` should match files in {logs}. Received: eval-9.*, which matches none",
        ),
        (
            {"train": ["*"], "eval": ["eval-1.*"]},
            "each file should belong to one pattern of one split. Received: {logs}/eval-1.parquet, "
            "matched in train and again in eval",
        ),
    ],
)
def test_patterns_that_match_nothing_or_too_much(tmp_path, splits, message):
    run = Run(tmp_path, FILES)
    assert run.refused(splits=splits) == message.format(logs=run.logs)


def test_a_folder_that_is_not_there(tmp_path):
    run = Run(tmp_path, FILES)
    run.logs = tmp_path / "elsewhere"
    assert run.refused() == (
        f"`data.splits.train` should match files in {tmp_path}/elsewhere. Received: train-*, which matches none"
    )


def test_a_broken_schema(tmp_path):
    run = Run(tmp_path, FILES)
    path = Path(run.schema.uri, "schema.pbtxt")
    path.write_text(SCHEMA + "\nfeatur {}\n")
    message = run.refused()
    assert message.startswith(f"{path} should be a TensorFlow Metadata schema in text form. Received: ")
    assert "featur" in message
