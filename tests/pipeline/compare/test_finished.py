import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from models.settings import ModelSettings, TrainSettings
from pipeline.compare import finished
from pipeline.compare.examples import TransformedExamples
from pipeline.compare.runs import Result, Run
from schema.errors import InputError
from schema.fields import Field

FIELDS = (Field(name="user_id", entity="user"),)
NAN = float("nan")


@pytest.fixture
def run(tmp_path) -> Run:
    split = tmp_path / "examples" / "Split-eval"
    split.mkdir(parents=True)
    (split / "a.gz").write_bytes(b"examples")
    examples = TransformedExamples(str(tmp_path / "graph"), str(tmp_path / "examples"))
    return Run(examples, FIELDS, ModelSettings(name="base"), TrainSettings(seed=2), "user_id", None)


def test_what_was_written_is_read(run, tmp_path):
    assert finished.read(tmp_path / "out", run) is None
    written = Result(12.5, {"ctr_auc_all": 0.75, "cvr_auc_clicked": NAN}, {"ctr_auc_all": [0.5, NAN]})
    finished.write(tmp_path / "out", run, written)
    assert [path.name for path in (tmp_path / "out" / "runs").iterdir()] == ["base-2.json"]
    read = finished.read(tmp_path / "out", run)
    assert read.seconds == 12.5
    np.testing.assert_equal(read.metrics, written.metrics)
    np.testing.assert_equal(read.draws, written.draws)


def test_another_seed_or_model_is_another_run(run, tmp_path):
    finished.write(tmp_path / "out", run, Result(1.0, {}, {}))
    for others in ({"train": TrainSettings(seed=3)}, {"model": ModelSettings(name="esmm")}):
        assert finished.read(tmp_path / "out", dataclasses.replace(run, **others)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"train": TrainSettings(seed=2, epochs=2)},
        {"model": ModelSettings(name="base", embedding_dim=3)},
        {"fields": (Field(name="user_id", entity="user", min_count=2),)},
        {"user_field": None},
    ],
)
def test_results_of_another_configuration_are_refused(changes, run, tmp_path):
    finished.write(tmp_path / "out", run, Result(1.0, {}, {}))
    refused(tmp_path / "out", dataclasses.replace(run, **changes))


def test_results_of_other_examples_are_refused(run, tmp_path):
    finished.write(tmp_path / "out", run, Result(1.0, {}, {}))
    (tmp_path / "examples" / "Split-eval" / "a.gz").write_bytes(b"other examples")
    refused(tmp_path / "out", run)


def test_results_of_other_code_are_refused(run, tmp_path):
    finished.write(tmp_path / "out", run, Result(1.0, {}, {}))
    path = tmp_path / "out" / "runs" / "base-2.json"
    path.write_text(re.sub('"fingerprint": "[0-9a-f]{64}"', f'"fingerprint": "{"0" * 64}"', path.read_text()))
    refused(tmp_path / "out", run)


def refused(out: Path, run: Run) -> None:
    message = (
        "--out should be a new folder, or have results of the same configuration, data and code. "
        f"Received: {out / 'runs' / 'base-2.json'}, which has others"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        finished.read(out, run)
