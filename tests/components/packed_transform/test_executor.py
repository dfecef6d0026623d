"""The executor's real `Do` on a small artifact, next to that of TFX's own Transform."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import json_format, text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.transform import executor as stock_executor
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import transform_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.packed_transform.executor import Executor
from models import inputs, vocabulary_files
from pipeline.beam import LOCAL_ARGS
from schema import fields as schema_fields
from schema import vocabulary
from schema.errors import InputError
from schema.fields import Field

SCHEMA = text_format.Parse(
    """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "unused" type: BYTES }
feature { name: "row" type: INT value_count { min: 1 max: 1 } }
feature { name: "city" type: BYTES value_count { min: 1 max: 1 } }
feature { name: "age" type: INT value_count { min: 1 max: 1 } }
feature { name: "price" type: FLOAT value_count { min: 1 max: 1 } }
feature { name: "seen" type: INT }
feature { name: "tags" type: BYTES }
feature { name: "tags_weight" type: FLOAT }
feature { name: "click" type: INT value_count { min: 1 max: 1 } not_in_environment: "SERVING" }
feature { name: "conversion" type: INT value_count { min: 1 max: 1 } not_in_environment: "SERVING" }
""",
    schema_pb2.Schema(),
)
FIELDS = (
    Field(name="row", entity="user"),
    Field(name="city", entity="user", min_count=2, top_k=4, oov_buckets=3),
    Field(name="city_hashed", feature="city", entity="user", encoding="hash", buckets=5),
    Field(name="age", entity="user", encoding="buckets", buckets=4),
    Field(name="seen", entity="user", values=3, keep="last", vocabulary="row"),
    Field(name="tags", entity="item", min_count=3, values=2, weights="tags_weight", keep="heaviest"),
    Field(name="tags_length", feature="tags", entity="item", encoding="length", values=3),
    Field(name="price", entity="item", encoding="log"),
)
HASHED = tuple(
    Field(name=name, entity="user", encoding="hash", buckets=1000, values=2) for name in ("row", "tags", "seen")
)
TRAIN_ROWS, EVAL_ROWS = 300, 80
FEW = (Field(name="row", entity="user"), Field(name="tags", entity="item", min_count=2))

Row = Mapping[str, list]


def draw_rows(numbers: Sequence[int], seed: int) -> list[Row]:
    draw = np.random.default_rng(seed)

    def some(values: list) -> list:
        return values if draw.random() > 0.1 else []

    rows = []
    for number in numbers:
        tags = [f"t{tag}".encode() for tag in draw.integers(0, 12, draw.integers(0, 5))]
        click = int(draw.random() < 0.4)
        rows.append(
            {
                "unused": [b"x"],
                "row": [number],
                "city": some([b"city %d" % (draw.integers(1, 30) ** 0.5)]),
                "age": some([int(draw.integers(15, 80))]),
                "price": some([float(np.float32(draw.normal(0, 50)))]),
                "seen": draw.integers(0, TRAIN_ROWS + 50, draw.integers(0, 6)).tolist(),
                "tags": tags,
                "tags_weight": draw.random(len(tags)).astype(np.float32).tolist(),
                "click": [click],
                "conversion": [click * int(draw.random() < 0.5)],
            }
        )
    return rows


# Rows of both splits are known by their number, which is a token of the training split.
ROWS = {
    "train": draw_rows(range(TRAIN_ROWS), seed=1),
    "eval": draw_rows(range(0, 2 * EVAL_ROWS, 2), seed=2),
    "serving": [{"row": [1]}],
}
NEW_ROWS = [{"row": [number], "tags": [b"new", b"t3"]} for number in (9000, 9001, 9001)]


def example(row: Row) -> bytes:
    features = tf.train.Features()
    for feature in SCHEMA.feature:
        one = features.feature[feature.name]
        lists = {schema_pb2.INT: one.int64_list, schema_pb2.FLOAT: one.float_list, schema_pb2.BYTES: one.bytes_list}
        lists[feature.type].value.extend(row.get(feature.name, []))
    return tf.train.Example(features=features).SerializeToString()


def at(artifact_class: Any, path: Path) -> list[Any]:
    artifact = artifact_class()
    artifact.uri = str(path)
    return [artifact]


class Folder:
    """What the executors read, two files of each split, and where they write to."""

    def __init__(self, path: Path, splits: Mapping[str, Sequence[Row]]):
        self.path = path
        (path / "schema").mkdir(parents=True)
        (path / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(SCHEMA))
        for split, rows in splits.items():
            (path / "examples" / f"Split-{split}").mkdir(parents=True)
            for number in range(2):
                with tf.io.TFRecordWriter(str(self.file(split, number)), "GZIP") as writer:
                    for row in rows[number::2]:
                        writer.write(example(row))
        examples = at(standard_artifacts.Examples, path / "examples")
        examples[0].split_names = artifact_utils.encode_split_names(list(splits))
        self.inputs = {"examples": examples, "schema": at(standard_artifacts.Schema, path / "schema")}

    def file(self, split: str, number: int) -> Path:
        return self.path / "examples" / f"Split-{split}" / f"data_tfrecord-0000{number}-of-00002.gz"

    def outputs(self, name: str) -> dict[str, list]:
        return {
            "transform_graph": at(standard_artifacts.TransformGraph, self.path / name / "graph"),
            "transformed_examples": at(standard_artifacts.Examples, self.path / name / "examples"),
        }


class Transformed(NamedTuple):
    """What an executor left."""

    artifact: standard_artifacts.Examples
    graph: tft.TFTransformOutput
    path: Path

    @property
    def vocabularies(self) -> dict[str, list[bytes]]:
        directory = vocabulary.directory(self.graph.transform_savedmodel_dir.removesuffix("/transform_fn"))
        tokens = vocabulary_files.read_tokens(directory)
        return {name: of_field.to_pylist() for name, of_field in tokens.items()}

    def files(self, split: str) -> list[str]:
        return sorted(str(path) for path in (self.path / "examples" / f"Split-{split}").iterdir())

    def batches(self, split: str) -> list[dict[str, np.ndarray]]:
        read = inputs.read_packed(self.files(split), self.graph.transformed_feature_spec(), batch_size=1000)
        return list(read.as_numpy_iterator())

    def rows(self, split: str) -> dict[int, dict[str, np.ndarray]]:
        return by_row(*self.batches(split))


def by_row(batch: Mapping[str, np.ndarray]) -> dict[int, dict[str, np.ndarray]]:
    """Transformed rows by the id of their number."""
    rows = [{name: values[place] for name, values in batch.items()} for place in range(len(batch["ids"]))]
    return {int(row["ids"][0]): row for row in rows}


def do(executor_class: Any, folder: Folder, name: str, properties: dict[str, Any], **more: list) -> Transformed:
    context = BaseBeamExecutor.Context(list(LOCAL_ARGS), tmp_dir=str(folder.path / "tmp"), unique_id="1")
    outputs = folder.outputs(name)
    executor_class(context).Do(folder.inputs | more, outputs, properties)
    graph = tft.TFTransformOutput(outputs["transform_graph"][0].uri)
    return Transformed(outputs["transformed_examples"][0], graph, folder.path / name)


def pack(folder: Folder, name: str = "packed", fields: Sequence[Field] = FIELDS, **more: list) -> Transformed:
    properties = {
        "preprocessing_fn": "models.preprocessing.preprocessing_fn",
        "fields": schema_fields.to_json(fields),
        "fingerprint": "",
    }
    return do(Executor, folder, name, properties, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Folder:
    return Folder(tmp_path_factory.mktemp("transform"), ROWS)


@pytest.fixture(scope="module")
def packed(folder) -> Transformed:
    return pack(folder)


@pytest.fixture(scope="module")
def by_stock(folder) -> Transformed:
    splits = transform_pb2.SplitsConfig(analyze=["train"], transform=["train", "eval"])
    properties = {
        "preprocessing_fn": "models.preprocessing.preprocessing_fn",
        "custom_config": json.dumps({"fields": schema_fields.to_json(FIELDS)}),
        "splits_config": json_format.MessageToJson(splits),
        "disable_statistics": 1,
    }
    return do(stock_executor.Executor, folder, "stock", properties)


def test_labelled_splits_are_transformed(packed):
    assert artifact_utils.decode_split_names(packed.artifact.split_names) == ["train", "eval"]
    assert sorted(path.name for path in (packed.path / "examples").iterdir()) == ["Split-eval", "Split-train"]
    assert [len(packed.rows(split)) for split in ("train", "eval")] == [TRAIN_ROWS, EVAL_ROWS]
    assert all(Path(path).name.startswith("transformed_examples-") for path in packed.files("train"))


def test_labels_are_those_of_the_rows(packed):
    ids = {token: 2 + place for place, token in enumerate(packed.vocabularies["row"])}
    for split in ("train", "eval"):
        rows = packed.rows(split)
        for row in ROWS[split]:
            labels = rows[ids[b"%d" % row["row"][0]]]
            assert ([labels["click"]], [labels["conversion"]]) == (row["click"], row["conversion"])


def test_vocabularies_are_those_that_tfx_makes(packed, by_stock):
    assert packed.vocabularies == by_stock.vocabularies
    assert packed.vocabularies.keys() == {"row", "city", "tags"}
    assert len(packed.vocabularies["row"]) > TRAIN_ROWS


@pytest.mark.parametrize("split", ["train", "eval"])
def test_rows_are_those_that_tfx_makes(packed, by_stock, split):
    files = [str(path) for path in (by_stock.path / "examples" / f"Split-{split}").iterdir()]
    records = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    parsed = tf.io.parse_example(records, by_stock.graph.transformed_feature_spec())
    expected = by_row({name: values.numpy() for name, values in parsed.items()})
    rows = packed.rows(split)
    assert rows.keys() == expected.keys()
    for number, row in expected.items():
        assert rows[number].keys() == row.keys() == {"click", "conversion", "ids", "weights", "dense"}
        np.testing.assert_allclose(rows[number].pop("dense"), row.pop("dense"), rtol=1e-5, atol=1e-6)
        for name, values in row.items():
            np.testing.assert_array_equal(rows[number][name], values)


def test_the_saved_graph_makes_of_raw_rows_what_was_written(packed):
    spec = packed.graph.raw_feature_spec()
    examples = [example(row) for row in ROWS["eval"]]
    layer = packed.graph.transform_features_layer()
    made = by_row({name: values.numpy() for name, values in layer(tf.io.parse_example(examples, spec)).items()})
    rows = packed.rows("eval")
    assert made.keys() == rows.keys()
    for number, row in rows.items():
        for name, values in row.items():
            np.testing.assert_array_equal(made[number][name], values)


def test_a_feature_that_no_field_is_made_of_is_not_asked_for(packed):
    assert packed.graph.raw_feature_spec().keys() == {feature.name for feature in SCHEMA.feature} - {"unused"}


def test_nothing_temporary_is_left(packed):
    assert sorted(path.name for path in (packed.path / "graph").iterdir()) == [
        "metadata",
        "transform_fn",
        "transformed_metadata",
    ]
    assert not list(packed.path.rglob("*temp*"))


def test_training_examples_alone(tmp_path):
    transformed = pack(Folder(tmp_path, {"train": ROWS["train"]}), fields=FEW)
    assert artifact_utils.decode_split_names(transformed.artifact.split_names) == ["train"]
    assert len(transformed.rows("train")) == TRAIN_ROWS


def test_nothing_to_learn_before(folder):
    transformed = pack(folder, "hashed", HASHED)
    found = [set(ids.tolist()) - {0} for (batch,) in [transformed.batches("eval")] for ids in batch["ids"]]
    tokens = [[b"%d" % number for number in row["row"] + row["seen"][:2]] + row["tags"][:2] for row in ROWS["eval"]]
    expected = [{1 + int(number) for number in tf.strings.to_hash_bucket_fast(row, 1000)} for row in tokens]
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
    assert not list(transformed.path.rglob("*temp*"))


def test_a_broken_file_fails_the_run_and_the_next_one_is_whole(tmp_path):
    folder = Folder(tmp_path, ROWS)
    broken = folder.file("eval", 1)
    good = broken.read_bytes()
    broken.write_bytes(good[: len(good) // 2])
    with pytest.raises(Exception, match=r"truncated record|should be whole"):
        pack(folder, "failed", FEW)
    assert not list((tmp_path / "failed").rglob("Split-eval/transformed_examples-*"))

    broken.write_bytes(good)
    assert len(pack(folder, "again", FEW).rows("eval")) == EVAL_ROWS


def test_tokens_of_an_earlier_graph_stay_where_they_are(packed, tmp_path):
    earlier = at(standard_artifacts.TransformGraph, packed.path / "graph")
    transformed = pack(Folder(tmp_path, {"train": NEW_ROWS}), fields=FEW, carried_on=earlier)
    known = packed.vocabularies
    assert transformed.vocabularies == {
        "row": [*known["row"], b"9001", b"9000"],
        "tags": [*known["tags"], b"new"],
    }


def test_a_vocabulary_of_another_feature_is_not_carried_on(packed, folder):
    earlier = at(standard_artifacts.TransformGraph, packed.path / "graph")
    fields = (Field(name="row", feature="age", entity="user"), Field(name="tags", entity="item"))
    with pytest.raises(InputError, match="the vocabulary of `row` that is carried on should be of age"):
        pack(folder, "refused", fields, carried_on=earlier)
    assert not (folder.path / "refused").exists()
