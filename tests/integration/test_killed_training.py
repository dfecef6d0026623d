"""kill -9 while the model is trained, then the same command again: it goes on, and ends with the same weights."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow_transform as tft
from tfx.orchestration import metadata

from models import signatures, trainer
from models.epochs import Splits
from pipeline.config import load_config
from pipeline.lineage import latest_run_outputs

pytestmark = pytest.mark.slow

OVERRIDES = ["train.batch_size=16", "train.checkpoint_steps=20", "train.steps_per_execution=4", "train.epochs=2"]


def start(config: Path, root: Path) -> subprocess.Popen:
    settings = [part for override in OVERRIDES for part in ("--set", override)]
    command = [sys.executable, "-c", "from pipeline.cli import app; app()", "run", "--config", str(config)]
    with (root / "output").open("wb") as output:
        return subprocess.Popen([*command, *settings, "--root", str(root / "root")], stdout=output, stderr=output)


def kill_when_so_many_are_written(number: int, config: Path, root: Path) -> None:
    process = start(config, root)
    deadline = time.monotonic() + 300
    try:
        while time.monotonic() < deadline and process.poll() is None:
            if list((root / "root" / "checkpoints").glob(f"*/ckpt-{number}.index")):
                os.kill(process.pid, signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL
                return
            time.sleep(0.002)
    finally:
        process.kill()
    raise AssertionError(f"the run was over before it could be killed: {(root / 'output').read_text()[-3000:]}")


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(small_log, write_config, tmp_path):
    config = write_config(small_log)
    # In the first epoch, and again in the second: 3,000 examples, 188 steps and 10 checkpoints each.
    kill_when_so_many_are_written(3, config, tmp_path)
    kill_when_so_many_are_written(12, config, tmp_path)
    process = start(config, tmp_path)
    output = tmp_path / "output"
    assert process.wait(timeout=300) == 0, output.read_text()[-3000:]
    (step,) = map(int, re.findall(r"training was interrupted; it goes on after step (\d+)", output.read_text()))
    assert step >= 188 + 20
    assert list((tmp_path / "root" / "checkpoints").iterdir()) == []

    found = latest_run_outputs(metadata.sqlite_metadata_connection_config(str(tmp_path / "root" / "metadata.sqlite")))
    graph, examples = (found["PackedTransform", key].uri for key in ("transform_graph", "transformed_examples"))
    tree = load_config(str(config), OVERRIDES)
    splits = Splits([f"{examples}/Split-train/*"], [f"{examples}/Split-eval/*"])
    undisturbed = trainer.train(splits, tft.TFTransformOutput(graph), tree.fields, tree.model, tree.train)
    weights = [weight.numpy() for weight in undisturbed.trainable_weights]
    # Into the same model, so that it has its variables.
    signatures.restore(undisturbed, found["Trainer", "model"].uri + "/Format-Serving")
    assert len(weights) == 1 + 2 * 2 * 3
    for went_on, weight in zip(undisturbed.trainable_weights, weights, strict=True):
        np.testing.assert_array_equal(went_on, weight)
