"""What made a model: its data, schema, vocabularies, configuration and code, on one screen."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tfx.types import standard_component_specs
from tfx.utils import path_utils

from components.impression_example_gen import report, spec
from components.packed_transform import spec as transform_spec
from components.serving_guard import spec as guard_spec
from components.serving_guard.serving_contract import ServingContract
from models import trainer
from models.settings import WARM_START_LAST, WARM_START_NONE
from pipeline import metadata_store
from pipeline.ancestors import PUSHED_TO, Step, steps_of_model
from pipeline.root import Root
from schema import contract
from schema.errors import InputError

# A model that ended before it was evaluated, or whose folders were cleared away.
_GONE = "not there"
_COUNTS = (report.ROWS_IN, report.EXAMPLES, report.CLICKS, report.CONVERSIONS)


def read_steps(model: Path, root: Root | None) -> dict[str, Step]:
    """The executions that made a model, by component.

    Args:
        model: Folder of a pushed version, or of a Model artifact.
        root: Of the runs; without it the nearest one above the model.

    Raises:
        InputError: No such folder, no metadata, a database that can't be asked, or no run made the model.
    """
    if not model.is_dir():
        raise InputError(f"MODEL_DIR should be the folder of a model. Received: {model}, no such folder")
    root = root or next((above for folder in model.parents if (above := Root(folder)).has_metadata), None)
    # Asked first, because a connection would make the file.
    if root is None or not root.has_metadata:
        raise InputError(
            "--root should be the folder of a run, with its metadata.sqlite or metadata.yaml. Received: "
            + (f"{root.path}, where there is none" if root else f"none, and none above {model}")
        )
    # By its place in the root, which may have been moved since.
    in_root = model.is_relative_to(root.path)
    ending = f"/{model.relative_to(root.path)}" if in_root else str(model)
    steps = steps_of_model(metadata_store.of_root(root), ending)
    if not steps:
        raise InputError(
            f"MODEL_DIR should be a pushed version or a Model artifact of a run in {root.path}. Received: {model}"
        )
    return steps


def show(console: Console, model: Path, steps: Mapping[str, Step]) -> None:
    """Prints what made the model.

    Args:
        console: The screen.
        model: Its folder.
        steps: The executions that made it, by component.
    """
    for name, value in _lines(model, steps):
        console.print(Text(f"{name.ljust(14)}{value}"), soft_wrap=True)
    console.print(_step_table(steps))
    console.print("\nConfiguration")
    console.print(Text(yaml.safe_dump(_configuration(steps), sort_keys=False, allow_unicode=True)), soft_wrap=True)


def _lines(model: Path, steps: Mapping[str, Step]) -> Iterator[tuple[str, str]]:
    trained, ingested, transformed = steps["Trainer"], steps["ImpressionExampleGen"], steps["Transform"]
    promised = _contract(model, steps)
    yield "model", trained.outputs[standard_component_specs.MODEL_KEY].uri
    yield "run", f"{trained.run} of the pipeline {trained.pipeline}"
    if "Pusher" in steps:
        pushed = steps["Pusher"]
        destination = pushed.outputs[standard_component_specs.PUSHED_MODEL_KEY].properties[PUSHED_TO]
        yield "pushed", f"{destination}, {pushed.ended:%Y-%m-%d %H:%M:%S}"
    yield "data", f"{ingested.properties[spec.INPUT_BASE_KEY]}, version {ingested.properties[spec.DATA_VERSION_KEY]}"
    yield from _counts(ingested)
    yield "schema", _with_digest(ingested.inputs[spec.SCHEMA_KEY].uri, promised.schema_sha256 if promised else None)
    graph = transformed.outputs[transform_spec.TRANSFORM_GRAPH_KEY].uri
    yield "vocabularies", _with_digest(graph, promised.vocabulary_sha256 if promised else None)
    if earlier := transformed.inputs.get(transform_spec.CARRIED_ON_KEY):
        yield "carried on", earlier.uri
    yield "warm start", _warm_start(trained)
    if chosen := trained.inputs.get(standard_component_specs.HYPERPARAMETERS_KEY):
        yield "tuned", chosen.uri
    yield "git revision", (promised.git_revision or "none, the code was not in a checkout") if promised else _GONE
    metrics = promised.metrics if promised else {}
    yield "metrics", ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()) or _GONE


def _contract(model: Path, steps: Mapping[str, Step]) -> ServingContract | None:
    """It is in what ServingGuard made of the model, and in the pushed version."""
    folders = [str(model)]
    if "ServingGuard" in steps:
        folders.append(path_utils.stamped_model_path(steps["ServingGuard"].outputs[guard_spec.BLESSING_KEY].uri))
    for folder in folders:
        path = Path(folder, contract.SERVING_CONTRACT_PATH)
        if path.is_file():
            return ServingContract.model_validate_json(path.read_bytes())
    return None


def _counts(ingested: Step) -> Iterator[tuple[str, str]]:
    counts = ingested.outputs[spec.EXAMPLES_KEY].properties
    for split in (*contract.LABELLED_SPLITS, contract.SERVING_SPLIT):
        found = {name: counts[key] for name in _COUNTS if (key := f"{split}_{name}") in counts}
        if found:
            yield f"  {split}", ", ".join(f"{int(count):,} {name.replace('_', ' ')}" for name, count in found.items())


def _with_digest(uri: str, digest: str | None) -> str:
    return f"{uri}, SHA-256 {digest}" if digest else uri


def _warm_start(trained: Step) -> str:
    base = trained.inputs.get(standard_component_specs.BASE_MODEL_KEY)
    if base:
        return base.uri
    asked = json.loads(_custom_config(trained)[trainer.TRAIN_KEY]).get("warm_start", WARM_START_NONE)
    return "none, trained from scratch" if asked in (WARM_START_NONE, WARM_START_LAST) else asked


def _custom_config(trained: Step) -> dict[str, str]:
    return json.loads(str(trained.properties[standard_component_specs.CUSTOM_CONFIG_KEY]))


def _configuration(steps: Mapping[str, Step]) -> dict[str, Any]:
    """What was configured of the data and the training, as in YAML; the Tuner may have changed it."""
    ingested, config = steps["ImpressionExampleGen"].properties, _custom_config(steps["Trainer"])
    fields = json.loads(config[trainer.FIELDS_KEY])
    return {
        "data": {
            "base": ingested[spec.INPUT_BASE_KEY],
            "splits": json.loads(str(ingested[spec.SPLITS_KEY])),
            "log": json.loads(str(ingested[spec.LOG_FORMAT_KEY])),
        },
        "fields": {field.pop("name"): field for field in fields},
        **{key: json.loads(config[key]) for key in (trainer.MODEL_KEY, trainer.TRAIN_KEY, trainer.SERVING_KEY)},
    }


def _step_table(steps: Mapping[str, Step]) -> Table:
    table = Table("component", title="\nMade by", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("execution", "ended", "code"):
        table.add_column(name)
    for step in steps.values():
        table.add_row(step.component, str(step.number), f"{step.ended:%Y-%m-%d %H:%M:%S}", _code(step))
    return table


def _code(step: Step) -> str:
    """Fingerprint of the component's own code; TFX's own components have none."""
    config = json.loads(str(step.properties.get(standard_component_specs.CUSTOM_CONFIG_KEY, "null"))) or {}
    return str(step.properties.get(spec.FINGERPRINT_KEY) or config.get(spec.FINGERPRINT_KEY, ""))[:12]
