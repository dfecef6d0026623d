"""The files of finished runs, by which a comparison goes on where it was stopped."""

import hashlib
import json
from pathlib import Path

from pipeline.compare import files
from pipeline.compare.runs import Result, Run
from pipeline.fingerprint import code_fingerprint
from schema import fields as schema_fields
from schema.errors import InputError


def read(folder: Path, run: Run) -> Result | None:
    """The result of a run that finished earlier, or None.

    Raises:
        InputError: It was a run with another configuration, or of other code, examples or truth.
    """
    path = _path(folder, run)
    if not path.is_file():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["fingerprint"] != _fingerprint(run):
        raise InputError(
            f"--out should be a new folder, or have results of the same configuration, data and code. "
            f"Received: {path}, which has others"
        )
    draws = {name: [_number(value) for value in values] for name, values in kept["draws"].items()}
    return Result(kept["seconds"], {name: _number(value) for name, value in kept["metrics"].items()}, draws)


def write(folder: Path, run: Run, result: Result) -> None:
    """Keeps a result, whole or not at all.

    Raises:
        InputError: The folder can't be written to.
    """
    kept = {
        "model": run.model.name,
        "seed": run.train.seed,
        "fingerprint": _fingerprint(run),
        "seconds": result.seconds,
        "metrics": result.metrics,
        "draws": result.draws,
    }
    files.write_whole(_path(folder, run), files.to_json(kept))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _path(folder: Path, run: Run) -> Path:
    return folder / "runs" / f"{run.model.name}-{run.train.seed}.json"


def _fingerprint(run: Run) -> str:
    """SHA-256 over all that the result follows from."""
    parts = [
        code_fingerprint("pipeline.compare.runs"),
        run.examples.fingerprint(),
        schema_fields.to_json(run.fields),
        run.model.model_dump_json(),
        run.train.model_dump_json(),
        str(run.user_field),
        run.truth.fingerprint() if run.truth else "",
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
