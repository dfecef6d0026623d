"""DeepCTR's side of measuring training, in an environment that has DeepCTR."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pipeline.bench import train_data
from pipeline.failures import ComponentFailed
from schema.errors import InputError

_ROOT = Path(__file__).parents[2]
_HAS_DEEPCTR = "import importlib.util, sys; sys.exit(not importlib.util.find_spec('deepctr'))"
# Nothing of our environment, which chooses Keras 2; and DeepCTR's question for a newer release goes nowhere.
_ENVIRONMENT = {"https_proxy": "http://127.0.0.1:9"}


def check(python: Path) -> None:
    """Finds out whether an interpreter has DeepCTR.

    Raises:
        InputError: It has not, or there is none.
    """
    try:
        subprocess.run([python.absolute(), "-c", _HAS_DEEPCTR], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise InputError(
            "--deepctr should be the interpreter of an environment with benchmarks/deepctr-requirements.txt. "
            f"Received: {python}"
        ) from None


def from_memory(python: Path, data: str, sizes: Mapping[str, int], batch_size: int, seconds: float) -> dict[str, float]:
    """Trains on arrays in memory; the other arguments, and what it returns, are those of `train_ours.from_files`.

    Raises:
        ComponentFailed: It ended with an error, the last line of which is told.
    """
    rows = json.dumps(train_data.rows(sizes))
    out = Path(data, "deepctr.json")
    arguments = [f"{data}/examples.npy", rows, str(batch_size), str(seconds), str(out)]
    command = [str(python.absolute()), "-m", "benchmarks.deepctr_esmm", *arguments]
    done = subprocess.run(command, cwd=_ROOT, env=_ENVIRONMENT, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.splitlines() or [""])[-1]
        raise ComponentFailed(f"benchmarks/deepctr_esmm.py should end well. Received: {last}")
    return json.loads(out.read_text(encoding="utf-8"))
