"""What `esmm train` refuses, on ML Metadata written by hand; tests/integration trains."""

import json
from collections.abc import Callable
from pathlib import Path

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config import load_config
from pipeline.root import Root
from pipeline.transformed import transform_fingerprint
from schema import fields as schema_fields

AGAIN = "`esmm run --to Transform` makes them anew"


def record(root: Path, properties: dict[str, str], splits: tuple[str, ...] = ("train", "eval")) -> None:
    """A run that came as far as Transform, with files that nobody reads."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.sqlite")
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = mlmd.MetadataStore(connection)
    type_name = "components.packed_transform.component.PackedTransform"
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(metadata_store_pb2.ExecutionType(name=type_name)),
        last_known_state=metadata_store_pb2.Execution.COMPLETE,
    )
    for name, text in properties.items():
        execution.custom_properties[name].string_value = text
    outputs = []
    for kind, key in (("TransformGraph", "transform_graph"), ("Examples", "transformed_examples")):
        artifact = metadata_store_pb2.Artifact(
            type_id=store.put_artifact_type(metadata_store_pb2.ArtifactType(name=kind)), uri=str(root / key)
        )
        event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
        event.path.steps.add().key = key
        event.path.steps.add().index = 0
        outputs.append((artifact, event))
    store.put_execution(execution, outputs, [])
    for split in splits:
        (root / "transformed_examples" / f"Split-{split}").mkdir(parents=True)
        (root / "transformed_examples" / f"Split-{split}" / "examples.gz").touch()


@pytest.fixture
def config(write_config, small_log) -> Path:
    return write_config(small_log)


@pytest.fixture
def properties(config) -> dict[str, str]:
    """Those of a Transform of this configuration and code."""
    fields = load_config(str(config)).fields
    return {"fields": schema_fields.to_json(fields), "fingerprint": transform_fingerprint()}


@pytest.fixture
def refusal(config, tmp_path) -> Callable[..., str]:
    def train(*overrides: str) -> str:
        settings = [part for override in overrides for part in ("--set", override)]
        command = ["train", "--config", str(config), "--root", str(tmp_path), *settings]
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 2, result.output
        assert len(result.stderr.splitlines()) == 1
        return result.stderr.removeprefix("error: ").removesuffix("\n")

    return train


def test_no_run(refusal, tmp_path):
    told = f"--root should be the folder of a run whose Transform finished. Received: {tmp_path}, no such run"
    assert refusal() == told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["fields.video_id.min_count=3", "fields.music_id.entity=item"],
            f"`fields` should be those of the last Transform in {{root}}; {AGAIN}. "
            "Received: others, music_id, video_id",
        ),
        (
            ["tuner.trials=7", "tuner.space={train.epochs: {min: 1, max: 2}}"],
            "`tuner` should not be given: what it chose in a run can be set in `model` and `train`. Received: 7 trials",
        ),
        (
            ["train.warm_start=last"],
            "`train.warm_start` should be none, or the folder of a SavedModel: only a run finds the last one. "
            "Received: last",
        ),
    ],
)
def test_another_configuration(overrides, message, properties, refusal, tmp_path):
    record(tmp_path, properties)
    assert refusal(*overrides) == message.format(root=tmp_path)


def test_fields_in_another_order(properties, refusal, tmp_path):
    reversed_fields = json.dumps(json.loads(properties["fields"])[::-1])
    record(tmp_path, {**properties, "fields": reversed_fields})
    told = f"`fields` should be those of the last Transform in {tmp_path}; {AGAIN}. Received: another order"
    assert refusal() == told


def test_other_code(properties, refusal, tmp_path):
    record(tmp_path, {**properties, "fingerprint": "0" * 64})
    told = f"the last Transform in {tmp_path} should be of this code; {AGAIN}. Received: one of other code"
    assert refusal() == told


def test_examples_that_are_gone(properties, refusal, tmp_path):
    record(tmp_path, properties, splits=("train",))
    examples = tmp_path / "transformed_examples"
    told = f"the last Transform's files should be in {examples}; {AGAIN}. Received: no split eval"
    assert refusal() == told


def test_tf_config_that_is_no_json(properties, refusal, tmp_path, monkeypatch):
    record(tmp_path, properties)
    monkeypatch.setenv("TF_CONFIG", "worker-0:2222")
    assert refusal() == (
        "TF_CONFIG should be JSON with a `cluster` and one `task` of it. "
        "Received: Expecting value: line 1 column 1 (char 0)"
    )


def test_a_root_in_use(properties, refusal, tmp_path):
    record(tmp_path, properties)
    with Root(tmp_path).only_run():
        assert refusal() == f"only one run at a time should use a root. Another one is using {tmp_path}"
