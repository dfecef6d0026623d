"""`esmm unpack` on a run's files and ML Metadata, written by hand."""

import io
import json
import shlex
import subprocess
import sys
from pathlib import Path

import ml_metadata as mlmd
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console
from tensorflow_transform.tf_metadata import metadata_io
from typer.testing import CliRunner, Result

from models.unpack import Row
from pipeline import unpack
from pipeline.cli import app
from schema import blocks
from schema import fields as schema_fields
from schema.fields import Field

FIELDS = (
    Field(name="user", entity="user"),
    Field(name="words", entity="item", values=3, weights="scores", oov_buckets=2),
    Field(name="age", entity="user", encoding="log"),
)
SPEC = {
    "click": tf.io.FixedLenFeature([], tf.int64),
    "conversion": tf.io.FixedLenFeature([], tf.int64),
    "ids": tf.io.FixedLenFeature([4], tf.int64),
    "weights": tf.io.FixedLenFeature([3], tf.float32),
    "dense": tf.io.FixedLenFeature([1], tf.float32),
}
ENTRY = {
    "dtype": "int64",
    "number": 1,
    "field": "user",
    "feature": "user",
    "first_line": 2,
    "size": 2,
    "oov_buckets": 1,
}
ENTRIES = [
    {**ENTRY, "file": "vocabularies_int64"},
    {**ENTRY, "dtype": "string", "number": 2, "field": "words", "feature": "words", "file": "vocabularies_bytes"},
]

RUNNING, COMPLETE, FAILED, CACHED = (
    metadata_store_pb2.Execution.State.Value(name) for name in ("RUNNING", "COMPLETE", "FAILED", "CACHED")
)


def row(labels_and_ids: list[int], weights: list[float], age: float) -> dict[str, list]:
    click, conversion, *ids = labels_and_ids
    return {"click": click, "conversion": conversion, "ids": ids, "weights": weights, "dense": [age]}


def write_outputs(directory: Path, user: int) -> None:
    """Transform's outputs: a graph whose first user is the given one, and three eval examples in two files."""
    assets = directory / "graph" / "transform_fn" / "assets"
    assets.mkdir(parents=True)
    (assets / "vocabularies.json").write_text(json.dumps(ENTRIES))
    (assets / "vocabularies_int64").write_text(f"0\n{5 * 10**14}\n{10**15 + user}\n{10**15 - 4}\n")
    (assets / "vocabularies_bytes").write_bytes(b"\t\nwords\t\nwords\t[red]\nwords\ta\tb\xff\n")
    metadata_io.write_metadata(
        tft.DatasetMetadata.from_feature_spec(SPEC), str(directory / "graph" / "transformed_metadata")
    )
    files = {
        "Split-eval/b-0.gz": [row([1, 1, 0, 0, 0, 0], [0, 0, 0], 0)],
        "Split-eval/a-0.gz": [
            row([1, 0, 2, 4, 1, 3], [0.5, 1, -2], 1.5),
            row([0, 0, 3, 3, 0, 0], [0.25, 0, 0], -1),
        ],
        "Split-train/a-0.gz": [row([0, 0, 1, 2, 0, 0], [1, 0, 0], 0.125)],
    }
    for name, rows in files.items():
        path = directory / "examples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            dtypes = {name: feature.dtype.as_numpy_dtype for name, feature in SPEC.items()}
            features = {name: np.array([row[name] for row in rows], dtype) for name, dtype in dtypes.items()}
            for block in blocks.encode(features):
                writer.write(block)


def record(
    root: Path, directory: Path, state: int, component: str = "packed_transform.component.PackedTransform"
) -> None:
    """Writes an execution with the outputs that are in the directory to the root's ML Metadata."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.sqlite")
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = mlmd.MetadataStore(connection)
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(metadata_store_pb2.ExecutionType(name=f"components.{component}")),
        last_known_state=state,
    )
    execution.custom_properties["fields"].string_value = schema_fields.to_json(FIELDS)
    outputs = []
    for type_name, key, folder in (
        ("TransformGraph", "transform_graph", "graph"),
        ("Examples", "transformed_examples", "examples"),
    ):
        type_id = store.put_artifact_type(metadata_store_pb2.ArtifactType(name=type_name))
        event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
        event.path.steps.add().key = key
        event.path.steps.add().index = 0
        outputs.append((metadata_store_pb2.Artifact(type_id=type_id, uri=str(directory / folder)), event))
    store.put_execution(execution, outputs if state in (COMPLETE, CACHED) else [], [])


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A run whose Transform finished once, then was answered by the cache, then failed; other components finished."""
    path = tmp_path_factory.mktemp("[run]")
    write_outputs(path / "1", user=11)
    write_outputs(path / "2", user=70)
    record(path, path / "1", COMPLETE)
    record(path, path / "2", CACHED)
    record(path, path / "none", FAILED)
    record(path, path / "none", RUNNING)
    record(path, path / "none", COMPLETE, "other.component.Other")
    return path


def esmm_unpack(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["unpack", *map(str, arguments)], catch_exceptions=False)


def test_first_eval_example(root):
    result = esmm_unpack("--root", root)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "field\tids\tstand for\tweights\n"
        "click\t\t1\t\n"
        "conversion\t\t0\t\n"
        "user\t2\t70\t\n"
        "words\t4, 1, 3\ta\\tb\\xff, (out of vocabulary, bucket 1 of 2), [red]\t0.5, 1, -2\n"
        "age\t\t1.5\t\n"
    )


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--number", 1], ["0", "0", "3\t-4\t", "3\t[red]\t0.25", "\t-1\t"]),
        (["--number", 2], ["1", "1", "0\t(missing)\t", "0\t(missing)\t0", "\t0\t"]),
        (
            ["--split", "train"],
            ["0", "0", "1\t(out of vocabulary)\t", "2\t(out of vocabulary, bucket 2 of 2)\t1", "\t0.125\t"],
        ),
    ],
)
def test_other_examples(arguments, lines, root):
    result = esmm_unpack("--root", root, *arguments)
    click, conversion, user, words, age = lines
    assert result.stdout.splitlines()[1:] == [
        f"click\t\t{click}\t",
        f"conversion\t\t{conversion}\t",
        f"user\t{user}",
        f"words\t{words}",
        f"age\t{age}",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--number", 3], "--number should be below 3, the number of examples of split eval. Received: 3"),
        (["--number", 2**40, "--split", "train"], "--number should be below 1, the number of examples of split train"),
        (["--split", "serving"], "--split should be one of: eval, train. Received: serving"),
    ],
)
def test_no_such_example_is_one_line_and_exit_2(arguments, message, root):
    result = esmm_unpack("--root", root, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_negative_number(root):
    assert esmm_unpack("--root", root, "--number", -1).exit_code == 2


@pytest.mark.parametrize("state", [None, RUNNING, FAILED])
def test_no_finished_transform_is_one_line_and_exit_2(state, tmp_path):
    if state is not None:
        record(tmp_path, tmp_path, state)
    before = list(tmp_path.iterdir())
    result = esmm_unpack("--root", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"error: --root should be the folder of a run whose Transform finished. Received: {tmp_path}, no such run\n"
    )
    assert list(tmp_path.iterdir()) == before


def test_examples_that_are_gone(tmp_path):
    record(tmp_path, tmp_path, COMPLETE)
    result = esmm_unpack("--root", tmp_path)
    assert result.exit_code == 2
    assert f"should be in {tmp_path}/examples. Received: no split there" in result.stderr


def test_it_may_be_cut_short_by_its_reader(root):
    command = shlex.join([sys.executable, "-m", "pipeline", "unpack", "--root", str(root)])
    done = subprocess.run(f"{command} | head -n 1", shell=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("field\tids\tstand for\tweights\n", "")


def test_a_terminal_shows_values_below_each_other():
    rows = [
        Row("user", (2,), ("anna",)),
        Row("words", (13, 4), ("[red]:smile:", "x" * 40), (0.5, 1)),
    ]
    screen = io.StringIO()
    unpack.show(Console(file=screen, force_terminal=True, color_system=None, width=50), rows)
    assert [line.rstrip() for line in screen.getvalue().splitlines()] == [
        "field  ids  stand for                    weights",
        "user   2    anna",
        "words  13   [red]:smile:                 0.5",
        "       4    xxxxxxxxxxxxxxxxxxxxxxxxxxx  1",
        "            xxxxxxxxxxxxx",
    ]


def test_many_long_values_stay_in_one_line_for_a_reader():
    """In no terminal: nothing is wrapped or cut."""
    row = Row("words", tuple(range(1, 301)), tuple("x" * 50 for _ in range(300)))
    stream = io.StringIO()
    unpack.show(Console(file=stream, width=50), [row])
    _, line = stream.getvalue().splitlines()
    assert line == f"words\t{', '.join(map(str, row.ids))}\t{', '.join(row.meanings)}"
