"""Two days of a simulated log with a truth to learn, on the real LocalDagRunner."""

import re
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
import yaml
from tfx.orchestration import metadata
from typer.testing import CliRunner, Result

from models import warm_start_report
from pipeline.cli import app
from pipeline.lineage import latest_run_outputs

pytestmark = pytest.mark.slow

SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "click" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 0 max: 1 } not_in_environment: "SERVING" }
feature { name: "conversion" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 0 max: 1 } not_in_environment: "SERVING" }
feature { name: "user" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 1 max: 300 } }
feature { name: "item" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 1 max: 200 } }
feature { name: "page" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 1 max: 9 } }
"""
CONFIG = {
    "name": "days",
    "schema": "shop.pbtxt",
    "data": {"splits": {"train": ["train.parquet"], "eval": ["eval.parquet"]}},
    "fields": {
        "user": {"entity": "user", "min_count": 2},
        "item": {"entity": "item", "min_count": 2},
        "page": {"entity": "context"},
    },
    "model": {"embedding_dim": 8, "hidden_units": [32]},
    "train": {"batch_size": 128, "epochs": 2, "embedding_learning_rate": 0.01},
    "evaluation": {
        "min_ctr_auc_all": 0,
        "min_cvr_auc_clicked": 0,
        "min_ctcvr_auc_all": 0,
        "max_ctcvr_auc_drop": 1,
        "pcoc_bounds": [0, 100],
    },
}
DAYS = {"day-1": slice(0, 18_000), "day-2": slice(18_000, 20_000)}
LAST = ("train.warm_start=last", "vocabularies.carry_on=last")


def run(config: Path, log: Path, root: Path, *settings: str) -> Result:
    chosen = [argument for one in (f"data.base={log}", *settings) for argument in ("--set", one)]
    arguments = ["run", "--config", str(config), "--root", str(root), *chosen]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def ctr_auc(result: Result) -> float:
    assert result.exit_code == 0, result.output
    return float(re.search(r"^ctr_auc_all +([0-9.]+)", result.stdout, re.MULTILINE)[1])


def trainer_outputs(root: Path) -> dict[str, str]:
    """Folders that the latest run's Trainer, or the cache in its place, gave."""
    outputs = latest_run_outputs(metadata.sqlite_metadata_connection_config(str(root / "metadata.sqlite")))
    return {name: artifact.uri for (component, name), artifact in outputs.items() if component == "Trainer"}


class Days(NamedTuple):
    """Runs of both days in one root, each after the other, and the Trainer's folders of each."""

    config: Path
    folder: Path
    results: list[Result]
    trained: list[dict[str, str]]

    @property
    def root(self) -> Path:
        return self.folder / "root"


@pytest.fixture(scope="module")
def days(tmp_path_factory) -> Days:
    folder = tmp_path_factory.mktemp("days")
    (folder / "shop.pbtxt").write_text(SCHEMA)
    config = folder / "shop.yaml"
    base = {**CONFIG, "schema": str(folder / "shop.pbtxt"), "data": {"base": str(folder), **CONFIG["data"]}}
    config.write_text(yaml.safe_dump(base))
    arguments = ["simulate", "--config", config, "--format", "parquet", "--impressions", 40_000, "--ctr", 0.3]
    arguments += ["--cvr", 0.3, "--out", folder / "log", "--truth", folder / "truth.parquet"]
    simulated = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert simulated.exit_code == 0, simulated.output
    train, evaluation = (pq.read_table(folder / "log" / f"impressions-{half}.parquet") for half in ("train", "eval"))
    made = Days(config, folder, [], [])
    for name, rows in DAYS.items():
        (folder / name).mkdir()
        pq.write_table(train[rows], folder / name / "train.parquet")
        pq.write_table(evaluation, folder / name / "eval.parquet")
        made.results.append(run(config, folder / name, made.root, *LAST))
        assert made.results[-1].exit_code == 0, made.results[-1].output
        made.trained.append(trainer_outputs(made.root))
    return made


@pytest.fixture(scope="module")
def alone(days, tmp_path_factory) -> Result:
    """The second day from scratch."""
    return run(days.config, days.folder / "day-2", tmp_path_factory.mktemp("alone"))


def test_the_first_day_says_that_it_begins_from_scratch(days):
    assert (
        "warm start    none: there is no blessed model of other examples yet; trained from scratch\n"
        in days.results[0].stdout
    )


def test_the_second_day_begins_with_the_first_days_model(days):
    report = warm_start_report.read(days.trained[1]["model_run"])
    assert report.earlier == f"{days.trained[0]['model']}/Format-Serving"
    # Carried on, so that all of the first day's tokens are still there.
    assert {(one.field, one.vanished) for one in report.fields} == {("user", 0), ("item", 0), ("page", 0)}
    assert sum(one.kept for one in report.fields) > 300
    assert f"warm start    {warm_start_report.told(report)}\n" in days.results[1].stdout


def test_it_is_better_than_the_second_day_alone(days, alone):
    assert "warm start" not in alone.stdout
    assert ctr_auc(days.results[1]) > ctr_auc(alone) + 0.03


def test_an_unchanged_rerun_is_cached_and_does_not_begin_with_itself(days):
    pushed = sorted((days.root / "serving").iterdir())
    result = run(days.config, days.folder / "day-2", days.root, *LAST)
    assert result.exit_code == 0
    ran = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("✓") and "cached" not in line]
    assert sorted(ran) == ["Baseline", "CarriedOn", "LastAccepted", "WarmStart"]
    assert trainer_outputs(days.root) == days.trained[1]
    assert sorted((days.root / "serving").iterdir()) == pushed


def test_a_pushed_model_that_is_named_with_vocabularies_counted_anew(days, alone, tmp_path):
    first = min((days.root / "serving").iterdir())
    result = run(days.config, days.folder / "day-2", tmp_path, f"train.warm_start={first}")
    report = warm_start_report.read(trainer_outputs(tmp_path)["model_run"])
    assert report.earlier == str(first)
    assert {one.field for one in report.fields if one.vanished} == {"user", "item"}
    assert ctr_auc(result) > ctr_auc(alone) + 0.01


def test_a_model_of_another_size_is_told_before_any_component_runs(days, tmp_path):
    first = min((days.root / "serving").iterdir())
    result = run(days.config, days.folder / "day-2", tmp_path, f"train.warm_start={first}", "model.embedding_dim=4")
    assert (result.exit_code, result.stderr) == (
        2,
        f"error: `model.embedding_dim` should stay 8 while training begins with {first}. Received: 4; train from "
        "scratch: train.warm_start=none\n",
    )
    assert "ImpressionExampleGen" not in result.stdout


def test_the_last_model_of_another_size_is_told_before_anything_is_trained(days):
    first = f"{days.trained[0]['model']}/Format-Serving"
    result = run(days.config, days.folder / "day-2", days.root, *LAST, "model.embedding_dim=4")
    assert (result.exit_code, result.stderr) == (
        2,
        f"error: `model.embedding_dim` should stay 8 while training begins with {first}. Received: 4; train from "
        "scratch: train.warm_start=none\n",
    )
    assert "%" not in result.stdout
