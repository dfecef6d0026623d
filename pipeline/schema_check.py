"""What `esmm schema check` checks: the curated schema against all that stands on it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline import data_check, model_check, transform_check
from pipeline.config import Config
from schema import check, compatibility, contract, load
from schema.compatibility import Change
from schema.errors import InputError


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Attributes:
        message: The line.
        breaks: Who a change of the schema breaks, of `training` and `serving clients`; empty where it is compatible, or
            where the line is of no change.
        feature: The feature that changed, if it is of a change of one.
    """

    message: str
    breaks: tuple[str, ...] = ()
    feature: str = ""


@dataclass(frozen=True)
class Check:
    """A check, whether it was passed, and what it found; compatible changes are found, and do no harm."""

    name: str
    ok: bool
    findings: tuple[Finding, ...]


def run_checks(
    config: Config,
    schema: schema_pb2.Schema,
    base: schema_pb2.Schema | None = None,
    data: Mapping[str, Sequence[str]] | None = None,
    model: Path | None = None,
) -> list[Check]:
    """Runs every check that something is given for, whatever the others find.

    Args:
        config: For the labels, the fields and the slices.
        schema: The curated schema.
        base: The schema that it should be a compatible change of.
        data: File patterns by role, of a log that it should fit.
        model: A SavedModel whose clients should be able to ask a model that is trained on it.
    """
    checks = [
        _of_problems("well-formed", check.schema_problems(schema, config.data.log.labels.model_dump())),
        _of_problems("fields", _field_problems(config, schema)),
    ]
    if all(passed.ok for passed in checks):
        checks.append(_of_problems("transform", transform_check.problems(schema, config.fields)))
    else:
        checks.append(_of_problems("transform", ["not traced: `well-formed` and `fields` should pass first"]))
    if base is not None:
        checks.append(_of_changes("base", compatibility.compare(base, schema)))
    if data is not None:
        checks.append(_of_problems("data", data_check.problems(config, schema, data)))
    if model is not None:
        checks.append(_of_problems("signature", model_check.problems(model)))
        checks.append(_of_model("clients", model, schema))
    return checks


def to_json(checks: Sequence[Check]) -> str:
    """One object: `ok`, and `checks`, each with its `name`, `ok` and `findings`."""
    return json.dumps({"ok": all(one.ok for one in checks), "checks": [asdict(one) for one in checks]})


def to_lines(checks: Iterable[Check]) -> list[str]:
    """A line per check, and its findings, each in a line, below it."""
    lines = []
    for one in checks:
        lines.append(f"{'✓' if one.ok else '✗'} {one.name}")
        lines += [f"    {_told(finding)}" for finding in one.findings]
    return lines


def _field_problems(config: Config, schema: schema_pb2.Schema) -> list[str]:
    try:
        return [
            *check.field_problems(schema, config.fields),
            *check.slice_problems(schema, config.evaluation.slices),
            *check.allowed_problems(schema, config.guard.allow),
        ]
    except InputError as error:
        return [str(error)]


def _of_problems(name: str, problems: Iterable[str]) -> Check:
    findings = tuple(Finding(problem) for problem in problems)
    return Check(name, not findings, findings)


def _of_changes(name: str, changes: Iterable[Change]) -> Check:
    findings = tuple(Finding(change.message, change.breaks, change.feature) for change in changes)
    return Check(name, not any(finding.breaks for finding in findings), findings)


def _of_model(name: str, model: Path, schema: schema_pb2.Schema) -> Check:
    """Compares with the schema that travels with a model; what breaks the training alone is nothing to its clients."""
    path = model / contract.MODEL_SCHEMA_PATH
    try:
        if not path.is_file():
            raise InputError(f"{model} should hold its schema, {contract.MODEL_SCHEMA_PATH}. Received: no such file")
        changes = compatibility.compare(load.read_schema(path), schema)
    except InputError as error:
        return _of_problems(name, [str(error)])
    return _of_changes(
        name, (change for change in changes if not change.breaks or compatibility.SERVING_CLIENTS in change.breaks)
    )


def _told(finding: Finding) -> str:
    return finding.message + (f" (breaks {', '.join(finding.breaks)})" if finding.breaks else "")
