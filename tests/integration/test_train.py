"""`esmm train` on two workers, one of which is killed, between two runs: the same model as that of one run."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

LOSS = re.compile(r"100 %  epoch 2/2  loss ([\d.]+) ")
# 3,000 examples, 47 steps in each epoch.
OVERRIDES = ["train.batch_size=64", "train.checkpoint_steps=5", "train.steps_per_execution=1", "train.epochs=2"]


def start(output: Path, *arguments: object, worker: dict | None = None) -> subprocess.Popen:
    environment = {**os.environ, **({"TF_CONFIG": json.dumps(worker)} if worker else {})}
    command = [sys.executable, "-c", "from pipeline.cli import app; app()", *map(str, arguments)]
    with output.open("wb") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)


def finish(process: subprocess.Popen, output: Path) -> str:
    """What it printed."""
    try:
        assert process.wait(timeout=400) == 0, output.read_text()[-3000:]
    finally:
        process.kill()
    return output.read_text()


def esmm(output: Path, *arguments: object) -> str:
    return finish(start(output, *arguments), output)


def cluster() -> list[dict]:
    """TF_CONFIG of a chief and a worker, as the training operator writes it."""
    addresses = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            addresses.append(f"localhost:{free.getsockname()[1]}")
    jobs = {"chief": addresses[:1], "worker": addresses[1:]}
    return [{"cluster": jobs, "task": {"type": job, "index": 0}, "environment": "cloud"} for job in jobs]


def wait_for_checkpoint(root: Path, number: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 300
    while not list((root / "checkpoints").glob(f"*/ckpt-{number}.index")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def answers(root: Path, log: Path, output: Path) -> np.ndarray:
    text = esmm(output, "predict", "--model", root / "serving", "--input", log / "eval.parquet")
    return np.array([line.split(",") for line in text.splitlines()[1:]], float)


def test_two_workers_train_as_one_run(small_log, write_config, tmp_path):
    settings = ["--config", write_config(small_log), *(part for key in OVERRIDES for part in ("--set", key))]
    alone, spread = tmp_path / "alone", tmp_path / "spread"
    outputs = [tmp_path / f"output-{number}" for number in range(2)]
    (loss,) = LOSS.findall(esmm(outputs[0], "run", *settings, "--root", alone))
    told = esmm(outputs[0], "run", *settings, "--root", spread, "--to", "Transform")
    assert "✓ Transform" in told
    assert "Trainer" not in told

    def workers() -> list[subprocess.Popen]:
        both = zip(outputs, cluster(), strict=True)
        return [start(output, "train", *settings, "--root", spread, worker=worker) for output, worker in both]

    chief, worker = workers()
    try:
        wait_for_checkpoint(spread, 3, chief)
        os.kill(worker.pid, signal.SIGKILL)
        assert chief.wait(timeout=200) == 1  # it does not wait for ever
        assert "error: training failed: another worker was lost; all of them should start" in outputs[0].read_text()
    finally:
        chief.kill()
        worker.kill()

    for process, output in zip(workers(), outputs, strict=True):
        told = finish(process, output)
        (step,) = re.findall(r"training was interrupted; it goes on after step (\d+)", told)
        assert int(step) >= 15
        (of_worker,) = LOSS.findall(told)
        assert float(of_worker) == pytest.approx(float(loss), abs=2e-4)
    assert not (spread / "serving").exists()

    told = esmm(outputs[0], "run", *settings, "--root", spread)
    assert "training was finished before, after step 94" in told
    assert "epoch" not in told
    assert list((spread / "checkpoints").iterdir()) == []
    np.testing.assert_allclose(answers(spread, small_log, outputs[0]), answers(alone, small_log, outputs[1]), rtol=1e-3)
