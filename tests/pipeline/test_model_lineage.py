"""What `esmm lineage` is asked wrongly; tests/integration asks it about a real run."""

import pytest
from tfx.orchestration import metadata
from typer.testing import CliRunner

from pipeline.cli import app


@pytest.fixture
def root(tmp_path):
    """Of a pipeline that has made nothing yet, with somebody else's model in it."""
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "root" / "metadata.sqlite"))
    with metadata.Metadata(connection):
        (tmp_path / "root" / "serving" / "7").mkdir(parents=True)
    return tmp_path / "root"


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["lineage", *map(str, arguments)])
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_no_such_folder(root):
    assert refused(root / "serving" / "8") == (
        f"error: MODEL_DIR should be the folder of a model. Received: {root}/serving/8, no such folder"
    )


@pytest.mark.parametrize("given", [False, True])
def test_a_model_that_no_run_made(root, given):
    assert refused(root / "serving" / "7", *(["--root", root] if given else [])) == (
        f"error: MODEL_DIR should be a pushed version or a Model artifact of a run in {root}. "
        f"Received: {root}/serving/7"
    )


def test_no_metadata_above(tmp_path):
    model = tmp_path / "serving" / "7"
    model.mkdir(parents=True)
    assert refused(model) == (
        "error: --root should be the folder of a run, with its metadata.sqlite or metadata.yaml. "
        f"Received: none, and none above {model}"
    )


def test_no_metadata_in_the_root(root, tmp_path):
    assert refused(root / "serving" / "7", "--root", tmp_path) == (
        "error: --root should be the folder of a run, with its metadata.sqlite or metadata.yaml. "
        f"Received: {tmp_path}, where there is none"
    )
    assert not (tmp_path / "metadata.sqlite").exists()
