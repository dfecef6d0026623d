"""The real pipeline with a tuner: what it chooses is what is trained, judged and pushed."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from typer.testing import CliRunner, Result

from pipeline.cli import app

pytestmark = pytest.mark.slow

# None is the configuration's: D 4, and (16, 8).
TUNER = """tuner={trials: 2, validation_share: 0.4, space: {
    model.embedding_dim: {choices: [3, 5]},
    model.hidden_units: {choices: [[12], [6, 2]]},
    train.learning_rate: {min: 0.001, max: 0.01, log: true}}}"""


def _run(root: Path, config: Path, *settings: str) -> Result:
    options = [argument for setting in (TUNER, *settings) for argument in ("--set", setting)]
    return CliRunner().invoke(app, ["run", "--config", str(config), "--root", str(root), *options])


@pytest.fixture(scope="module")
def tuned(small_log: Path, write_config, tmp_path_factory) -> tuple[Path, Path, Result]:
    """Root, configuration and output of a run."""
    root, config = tmp_path_factory.mktemp("root"), write_config(small_log)
    return root, config, _run(root, config)


def _only_file(root: Path, output: str) -> list | dict:
    (path,) = (root / "artifacts" / "Tuner").glob(f"{output}/*/*")
    return json.loads(path.read_text())


def test_the_trainer_trains_with_the_best_values(tuned):
    root, _, run = tuned
    assert run.exit_code == 0, run.output
    trials, best = _only_file(root, "tuner_results"), _only_file(root, "best_hyperparameters")["values"]
    assert len(trials) == 2
    greatest = max(trials, key=lambda trial: trial["score"])
    assert best == {key: value for key, value in greatest.items() if key not in ("trial_id", "score")}
    dim, units = json.loads(best["model.embedding_dim"]), json.loads(best["model.hidden_units"])
    (version,) = (root / "serving").glob("*")
    shapes = [
        variable.shape.as_list()
        for network in tf.saved_model.load(str(version))._networks
        for variable in network.variables
    ]
    assert dim in (3, 5)
    assert any(shape[1:] == [dim] and shape[0] > 1000 for shape in shapes)  # the embedding table
    widths = [*units, 1]
    kernels = [shape[1] for shape in shapes if len(shape) == 2 and shape[0] < 1000]
    assert kernels == 2 * widths


def test_trials_and_choice_are_told(tuned):
    root, _, run = tuned
    best = _only_file(root, "best_hyperparameters")["values"]
    score = max(trial["score"] for trial in _only_file(root, "tuner_results"))
    lines = run.stdout.splitlines()
    for number in (1, 2):
        (line,) = (line for line in lines if f"trial {number} of 2: ctr_auc_all 0." in line)
        assert "; model.embedding_dim " in line
        assert any(line.strip() in logged for logged in next((root / "logs").glob("*.log")).read_text().splitlines())
    (line,) = (line for line in lines if line.startswith("tuned"))
    assert f"model.embedding_dim {best['model.embedding_dim']}, model.hidden_units {best['model.hidden_units']}" in line
    assert line.endswith(f"; AUC {score:.4f} on examples held out, best of 2")


def test_nothing_is_held_out_of_the_training_itself(tuned):
    """The last trial trained on some 60 % of the 3,000 examples, the Trainer on all."""
    root, _, _ = tuned
    log = next((root / "logs").glob("*.log")).read_text()
    steps = {line.partition("step ")[2].partition(",")[0] for line in log.splitlines() if "esmm.progress: step" in line}
    assert "12 of 12" in steps
    assert steps & {"7 of 7", "8 of 8"}


def test_an_unchanged_rerun_does_not_tune_again_and_another_space_does(tuned):
    root, config, _ = tuned
    again = _run(root, config)
    cached = [line.split()[1] for line in again.stdout.splitlines() if line.startswith("✓") and "cached" in line]
    assert {"Tuner", "Trainer", "Evaluator", "Pusher"} <= set(cached)
    (line,) = (line for line in again.stdout.splitlines() if line.startswith("tuned"))
    assert line.endswith("best of 2")
    other = _run(root, config, "tuner.trials=1")
    assert "✓ Transform 0." in other.stdout
    (line,) = (line for line in other.stdout.splitlines() if line.startswith("✓ Tuner"))
    assert "cached" not in line


def test_a_tuner_whose_trials_all_fail_is_one_line_and_pushes_nothing(tuned):
    root, config, _ = tuned
    before = set((root / "serving").glob("*"))
    run = _run(root, config, "tuner.space={train.learning_rate: {choices: [1.0e+30]}}")
    assert run.exit_code == 2
    assert run.stderr.startswith("error: one of the Tuner's trials at least should succeed. Received: 1 that failed, ")
    assert len(run.stderr.splitlines()) == 1
    assert set((root / "serving").glob("*")) == before
