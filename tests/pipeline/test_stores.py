"""Addresses that can't be read or written are told before anything runs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import stores
from pipeline.cli import app
from schema.errors import InputError


@pytest.mark.parametrize("address", ["/runs", "runs/a", "gs://bucket/esmm"])
def test_where_a_pipeline_s_files_may_be(address):
    stores.check("`kubeflow.root`", address)


# Beam alone knows S3, where boto3 is installed; TensorFlow alone has a file system in memory.
@pytest.mark.parametrize("address", ["s3://bucket/esmm", "minio://bucket/esmm", "ram://esmm"])
def test_what_tensorflow_or_beam_can_t_write_to(address):
    with pytest.raises(InputError) as error:
        stores.check("`kubeflow.root`", address)
    assert str(error.value) == f"`kubeflow.root` should be a path or in gs://. Received: {address}"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("data.base=minio://bucket/log", "`data.base` should be a path or in "),
        ("vocabularies.carry_on=s3://bucket/graph", "`vocabularies.carry_on` should be a path or in gs://. "),
        ("train.warm_start=s3://bucket/model", "`train.warm_start` should be a path or in gs://. "),
    ],
)
def test_a_run_ends_before_its_first_component(option, message, small_log, write_config, tmp_path):
    command = ["run", "--config", write_config(small_log), "--root", tmp_path, "--set", option]
    result = CliRunner().invoke(app, [*map(str, command)])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {message}")
    assert line.endswith(f"Received: {option.partition('=')[2]}")
    assert "CuratedSchema" not in result.stdout


@pytest.mark.parametrize("command", ["run", "compare"])
def test_a_root_is_a_folder_of_this_machine(command, small_log, write_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = {"run": [], "compare": ["--models", "esmm", "--out", tmp_path / "out"]}[command]
    arguments = [command, "--config", write_config(small_log), "--root", "gs://bucket/esmm", *more]
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: --root should be a folder of this machine; ")
    assert not Path("gs:").exists()
