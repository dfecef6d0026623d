"""The real command on a small simulated log: the real pipeline as far as Transform, real training, real processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import tensorflow_transform as tft
import yaml
from sklearn.metrics import roc_auc_score
from tfx.orchestration import metadata
from typer.testing import CliRunner, Result

from models import trainer
from models.epochs import Splits
from pipeline.cli import app
from pipeline.compare.ask import ask, raw_pcvr
from pipeline.compare.truth import open_truth, read_truth
from pipeline.config import load_config
from pipeline.lineage import latest_run_outputs

IMPRESSIONS = 6_000


@dataclass(frozen=True)
class Log:
    """A simulated log, its truth, the configuration, and the root that all tests share."""

    config: Path
    truth: Path
    root: Path


def esmm(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Log:
    folder = tmp_path_factory.mktemp("simulated")
    tree = {
        "name": "small",
        "schema": "kuairand",
        "data": {
            "base": str(folder / "log"),
            "splits": {"train": ["impressions-train.parquet"], "eval": ["impressions-eval.parquet"]},
            "log": {"labels": {"click": "is_click", "conversion": "is_like"}},
        },
        "fields": {
            "user_id": {"entity": "user", "min_count": 2},
            "like_history": {"entity": "user", "values": 5},
            "video_id": {"entity": "item", "min_count": 2},
            "duration_ms": {"entity": "item", "encoding": "buckets", "buckets": 8},
            "tab": {"entity": "context"},
        },
        "model": {"embedding_dim": 4, "hidden_units": [16, 8]},
        "train": {"batch_size": 128, "learning_rate": 0.005, "embedding_learning_rate": 0.02},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    shares = ["--ctr", 0.4, "--cvr", 0.3, "--impressions", IMPRESSIONS]
    result = esmm("simulate", "--config", folder / "small.yaml", "--format", "parquet", "--out", folder / "log",
                  "--truth", folder / "truth.parquet", *shares)  # fmt: skip
    assert result.exit_code == 0, result.output
    return Log(folder / "small.yaml", folder / "truth.parquet", folder / "root")


def arguments(log: Log, out: Path, models: str, *more: object) -> list[str]:
    options = ["compare", "--config", log.config, "--root", log.root, "--out", out, "--models", models, *more]
    return [str(option) for option in options]


def refused(result: Result, message: str) -> None:
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_unknown_model(log, tmp_path):
    refused(esmm(*arguments(log, tmp_path / "out", "base,esmn")), "Received: esmn; did you mean `esmm`?")
    assert not (tmp_path / "out").exists()


def test_no_seeds(log, tmp_path):
    result = esmm(*arguments(log, tmp_path / "out", "base", "--seeds", 0))
    assert result.exit_code == 2
    assert "--seeds" in result.stderr


def test_a_user_field_that_is_none(log, tmp_path):
    refused(esmm(*arguments(log, tmp_path / "out", "base", "--user-field", "userid")), "did you mean `user_id`?")


def test_an_out_that_is_no_folder(log, tmp_path):
    (tmp_path / "file").touch()
    message = f"--out should be a folder to write to. Received: {tmp_path / 'file' / 'out'}: Not a directory"
    refused(esmm(*arguments(log, tmp_path / "file" / "out", "base")), message)


def test_a_root_that_is_no_folder(log, tmp_path):
    (tmp_path / "file").touch()
    options = arguments(log, tmp_path / "out", "base", "--root", tmp_path / "file" / "root")
    refused(esmm(*options), f"--root should be a folder to write to. Received: {tmp_path / 'file' / 'root'}: ")


def test_a_truth_without_a_column_is_told_before_anything_runs(log, tmp_path):
    pq.write_table(pq.read_table(log.truth).drop_columns(["true_pcvr"]), tmp_path / "truth.parquet")
    result = esmm(*arguments(log, tmp_path / "out", "base", "--truth", tmp_path / "truth.parquet"))
    refused(result, "--truth should have the column true_pcvr. Received: ")
    assert not (tmp_path / "out" / "runs").exists()


def run(log: Log, *more: object) -> list[object]:
    return ["--seeds", 1, "--user-field", "user_id", "--truth", log.truth, *more]


@pytest.fixture(scope="module")
def compared(log, tmp_path_factory) -> tuple[Path, Result]:
    """Folder and output of a first comparison."""
    out = tmp_path_factory.mktemp("out")
    return out, esmm(*arguments(log, out, "division,base", *run(log)))


@pytest.mark.slow
def test_both_models_are_compared(compared):
    out, result = compared
    assert result.exit_code == 0, result.output
    tree = json.loads((out / "results.json").read_text())
    assert [(one["model"], one["seed"]) for one in tree["runs"]] == [("base", 1), ("division", 1)]
    base, division = (one["metrics"] for one in tree["runs"])
    assert set(base) == set(division)
    for name, mean in tree["models"]["division"].items():
        assert (mean["mean"], mean["std"]) == (division[name], None)
        difference = tree["differences"]["division"][name]
        assert difference["by_seed"] == {"1": pytest.approx(division[name] - base[name])}
    # The two have the same CTR network.
    assert tree["differences"]["division"]["ctr_auc_all"]["mean"] == pytest.approx(0, abs=1e-4)
    for of_models in (tree["models"], tree["differences"]):
        auc = of_models["division"]["ctcvr_auc_all"]
        assert auc["low"] < auc["mean"] < auc["high"]
    assert {path.name for path in out.glob("*.svg")} == {"auc.svg", "pcoc.svg", "truth.svg"}
    assert yaml.safe_load(tree["config"])["train"]["batch_size"] == 128
    # The labels follow the features, by a truth that no model beats.
    for metrics in (base, division):
        assert metrics["ctr_auc_all"] > 0.55
        assert metrics["true_cvr_auc_all"] > 0.5
        assert metrics["true_cvr_auc_gap_all"] > 0


@pytest.mark.slow
def test_the_results_are_told_as_tables(compared):
    out, result = compared
    tree = json.loads((out / "results.json").read_text())
    told = (out / "results.md").read_text()
    assert told.startswith("# small\n\nMean ± standard deviation over the seeds 1.\n")
    for title in ("AUC and GAUC", "PCOC and log loss", "AUC and GAUC, less those of base", "pCVR's error against"):
        assert f"\n## {title}" in told
    for model, metrics in tree["models"].items():
        (row,) = [line for line in told.splitlines() if line.startswith(f"| {model} |")][:1]
        assert row.split(" | ")[1] == f"{metrics['ctr_auc_all']['mean']:.4f}"
    assert "GAUC is by `user_id`" in told
    assert "base, seed 1: 0 of 2 done\n" in result.stdout
    assert "division, seed 1: 1 of 2 done, " in result.stdout
    assert " left\n" in result.stdout
    assert str(out / "results.md") in result.stdout


@pytest.mark.slow
def test_killed_it_goes_on_where_it_was(compared, log, tmp_path):
    command = arguments(log, tmp_path, "base,division", *run(log))
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "pipeline", *command], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 240
        while not (tmp_path / "runs" / "base-1.json").exists():
            assert process.poll() is None, (tmp_path / "output").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        while not (children := training(process.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    finally:
        process.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["base-1.json"]
    kept = (tmp_path / "runs" / "base-1.json").stat()

    result = esmm(*command)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "runs" / "base-1.json").stat().st_mtime_ns == kept.st_mtime_ns
    assert "base, seed 1:" not in result.stdout
    assert re.search("✓ Transform .* cached\n", result.stdout)
    assert "division, seed 1: 1 of 2 done, " in result.stdout
    undisturbed = json.loads((compared[0] / "results.json").read_text())
    resumed = json.loads((tmp_path / "results.json").read_text())
    for first, second in zip(undisturbed["runs"], resumed["runs"], strict=True):
        assert first["metrics"] == pytest.approx(second["metrics"], rel=1e-3)


def training(process: int) -> list[psutil.Process]:
    """The processes that train for another."""
    children = psutil.Process(process).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_another_configuration_is_not_mixed_in(compared, log):
    out, _ = compared
    before = {path: path.read_bytes() for path in (out / "runs").iterdir()}
    result = esmm(*arguments(log, out, "base", *run(log, "--set", "train.epochs=2")))
    refused(result, f"Received: {out / 'runs' / 'base-1.json'}, which has others")
    assert {path: path.read_bytes() for path in (out / "runs").iterdir()} == before


@pytest.mark.slow
def test_one_that_fails_does_not_stop_the_others(compared, log, tmp_path):
    # A conversion that counts 1e39 times is beyond float32.
    copies = f"model.oversampling.copies={10**39}"
    result = esmm(*arguments(log, tmp_path, "oversampling,division", "--seeds", 1, "--set", copies))
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.stdout.splitlines() if " failed: " in line]
    assert line.startswith("oversampling, seed 1 failed: ")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["division-1.json"]
    tree = json.loads((tmp_path / "results.json").read_text())
    assert tree["failed"] == ["oversampling, seed 1"]
    assert [one["model"] for one in tree["runs"]] == ["division"]
    assert tree["differences"] == {}
    assert "Failed: oversampling, seed 1.\n" in (tmp_path / "results.md").read_text()


@pytest.mark.slow
def test_raw_rows_and_transformed_examples_get_the_same_answers(compared, log):
    tree = load_config(str(log.config))
    outputs = latest_run_outputs(metadata.sqlite_metadata_connection_config(str(log.root / "metadata.sqlite")))
    graph, examples = (outputs["PackedTransform", key].uri for key in ("transform_graph", "transformed_examples"))
    transform = tft.TFTransformOutput(graph)
    model = trainer.train(
        Splits([f"{examples}/Split-train/*"], [f"{examples}/Split-eval/*"]),
        transform,
        tree.fields,
        tree.model,
        tree.train,
    )

    answers = ask(model, transform, tree.fields, f"{examples}/Split-eval/*", "user_id")
    source = open_truth(log.truth, tree.schema_file, tree.fields, tree.data.log)
    beside_truth = read_truth(source, raw_pcvr(model, transform, tree.fields))
    rows = pq.read_table(log.truth)
    np.testing.assert_array_equal(beside_truth.true_pcvr, rows["true_pcvr"].to_numpy())
    # Examples are in another order than the log.
    np.testing.assert_allclose(np.sort(answers.pcvr), np.sort(beside_truth.pcvr), rtol=1e-5)
    assert len(set(np.round(answers.pcvr, 6))) > 1000
    conversion = rows["conversion"].to_numpy()[beside_truth.click]
    assert roc_auc_score(answers.conversion[answers.click], answers.pcvr[answers.click]) == pytest.approx(
        roc_auc_score(conversion, beside_truth.pcvr[beside_truth.click])
    )
    # Users seen once are out of vocabulary.
    train = pq.read_table(Path(tree.data.base) / "impressions-train.parquet")
    counts = dict(zip(*np.unique(train["user_id"].to_numpy(), return_counts=True), strict=True))
    known = sum(counts.get(user, 0) >= 2 for user in rows["user_id"].to_pylist())
    assert 0 < known == np.count_nonzero(answers.user) < len(answers.user)
