"""The configuration: one frozen, typed tree, read from a YAML preset or file and overridden on the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic import Field as Limits

from components.data_guard.settings import GuardSettings
from components.impression_example_gen.log_format import IMPRESSIONS, FlatFormat, LogFormat
from models import histories, search_space
from models.search_space import TunerSettings
from models.settings import ModelSettings, ServingSettings, TrainSettings
from pipeline.beam_config import BeamConfig
from pipeline.kubeflow_config import KubeflowConfig
from pipeline.metadata_config import MetadataConfig
from schema import fields as schema_fields
from schema.check import nearest
from schema.errors import InputError
from schema.fields import Field

PRESETS = Path(__file__).parent / "configs"

# Of `vocabularies.carry_on`, beside paths.
CARRY_ON_NONE = "none"
CARRY_ON_LAST = "last"

_Auc = Annotated[float, Limits(ge=0, le=1)]
_Patterns = Annotated[tuple[str, ...], Limits(min_length=1)]


def _by_role(files: Any) -> Any:
    return {IMPRESSIONS: files} if isinstance(files, list | tuple) else files


_FilesByRole = Annotated[dict[str, _Patterns], BeforeValidator(_by_role)]


class _Tree(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Splits(_Tree):
    """File patterns, relative to `data.base`, of the two splits. Split by time: eval days lie after train days.

    A list for a flat log; by role (`skeleton` and `common_features`; `impressions`, `clicks` and `conversions`) for
    `ali_ccp` and `events`. Kept by role.
    """

    train: _FilesByRole
    eval: _FilesByRole


class ServingSample(_Tree):
    """Logged requests to the served model, to compare the log with; they need no labels.

    Attributes:
        files: Patterns, relative to `data.base`.
        format: Of these files.
    """

    files: _Patterns
    format: FlatFormat


class DataConfig(_Tree):
    """Where the log is and how to read it.

    Attributes:
        base: Directory of the log's files, or a URI that Beam can read.
        splits: Which of them are for training and which for evaluation.
        log: Format and labels.
        serving_sample: What clients send; becomes the split `serving`, which only the data's guard looks at.
    """

    base: str
    splits: Splits
    log: LogFormat = LogFormat()
    serving_sample: ServingSample | None = None

    @model_validator(mode="after")
    def _has_files_of_each_role(self) -> Self:
        for split, files in (("train", self.splits.train), ("eval", self.splits.eval)):
            if set(files) != set(self.log.roles):
                expected = ", ".join(self.log.roles)
                raise ValueError(
                    f"splits.{split} should have files by role, {expected}, for format {self.log.format}; "
                    f"it has {', '.join(files)}"
                    if len(self.log.roles) > 1
                    else f"splits.{split} should be a list of files for format {self.log.format}"
                )
        return self


class VocabulariesConfig(_Tree):
    """Where the fields' vocabularies begin.

    Attributes:
        carry_on: `none`: the tokens are counted anew in each run. `last`: those of the last blessed model of other
            examples keep their ids and new ones are appended. Or the folder of a transform graph, whose tokens do.
    """

    carry_on: str = CARRY_ON_NONE


class EvaluationConfig(_Tree):
    """When a model is blessed, and by what the metrics are sliced.

    Attributes:
        slices: Features to slice by, one after the other.
        min_ctr_auc_all: Least AUC of pCTR over all impressions.
        min_cvr_auc_clicked: Least AUC of pCVR over clicked impressions.
        min_ctcvr_auc_all: Least AUC of pCTCVR over all impressions.
        max_ctcvr_auc_drop: Most that `ctcvr_auc_all` may lie below that of the last blessed model.
        pcoc_bounds: Lowest and highest PCOC (mean prediction over mean label) of pCTR and of pCTCVR.
    """

    slices: tuple[str, ...] = ()
    min_ctr_auc_all: _Auc = 0.5
    min_cvr_auc_clicked: _Auc = 0.5
    min_ctcvr_auc_all: _Auc = 0.5
    max_ctcvr_auc_drop: Annotated[float, Limits(ge=0)] = 0.01
    pcoc_bounds: tuple[float, float] = (0.5, 2.0)


class PushConfig(_Tree):
    """What a model has to pass, beside its evaluation, before it is pushed.

    Attributes:
        allow_breaking: Whether it may break what clients of the last pushed version do.
        model_server: That loads it first: a fresh process of TensorFlow (`none`), or TF Serving in a container on this
            machine (`docker`) or in a cluster (`kubernetes`).
        tf_serving: Tag of TF Serving's image, for such a container.
    """

    allow_breaking: bool = False
    model_server: Literal["none", "docker", "kubernetes"] = "none"
    tf_serving: str = "2.19.1"


class Config(_Tree):
    """Everything a run needs.

    Attributes:
        name: Of the pipeline; also of its folder under `runs/`.
        schema_file: A schema of the package by name, or the path of a .pbtxt file. In YAML: `schema`.
        data: The log.
        fields: The model's inputs, by name.
        vocabularies: Of the fields.
        guard: When a field stops the run before training.
        model: Shape of the network.
        train: How it is trained.
        serving: What it is exported for.
        evaluation: When it is blessed.
        push: When it is pushed.
        tuner: What of `model` and `train` is searched for first; nothing without it.
        beam: What runs the components that are made of Beam.
        metadata: The database that `esmm run` keeps ML Metadata in; without it a file in the root.
        kubeflow: The cluster to compile for; `esmm run` does without it.
    """

    name: Annotated[str, Limits(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    schema_file: Annotated[str, Limits(alias="schema")]
    data: DataConfig
    fields: Annotated[tuple[Field, ...], Limits(min_length=1)]
    vocabularies: VocabulariesConfig = VocabulariesConfig()
    guard: GuardSettings = GuardSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    serving: ServingSettings = ServingSettings()
    evaluation: EvaluationConfig = EvaluationConfig()
    push: PushConfig = PushConfig()
    tuner: TunerSettings | None = None
    beam: BeamConfig = BeamConfig()
    metadata: MetadataConfig | None = None
    kubeflow: KubeflowConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_fields(cls, values: Any) -> Any:
        """In YAML `fields` is a mapping from name to the rest of the field."""
        fields = values.get("fields") if isinstance(values, Mapping) else None
        if isinstance(fields, Mapping):
            named = [{"name": name, **(rest or {})} for name, rest in fields.items()]
            return {**values, "fields": named}
        return values

    @field_validator("model")
    @classmethod
    def _din_has_a_history(cls, model: ModelSettings, info: ValidationInfo) -> ModelSettings:
        # Without `fields` in the data they have errors of their own, which are told first.
        if "fields" in info.data:
            _check_history(model, info.data["fields"])
        return model

    @field_validator("serving")
    @classmethod
    def _serving_requires_features(cls, serving: ServingSettings, info: ValidationInfo) -> ServingSettings:
        features = schema_fields.features(info.data.get("fields", ()))
        for name in serving.required:
            if features and name not in features:
                raise ValueError(
                    f"required should be features that fields are made of. Received: {name}{nearest(name, features)}"
                )
        return serving

    @field_validator("tuner")
    @classmethod
    def _tuner_tries_settings(cls, tuner: TunerSettings | None, info: ValidationInfo) -> TunerSettings | None:
        if tuner and {"fields", "model", "train"} <= info.data.keys():
            for model, _ in search_space.candidates(tuner.space, info.data["model"], info.data["train"]):
                _check_history(model, info.data["fields"])
        return tuner


def _check_history(model: ModelSettings, fields: Sequence[Field]) -> None:
    if model.tower == "din" and not histories.candidates(fields):
        raise ValueError(
            "tower din should have a field of several values whose `vocabulary` is a field of one value. "
            f"Received: {len(fields)} fields, none of them such"
        )


def load_config(name_or_path: str, overrides: Sequence[str] = ()) -> Config:
    """Reads a preset by name, or a file, and applies `a.b=value` overrides; values are YAML.

    Raises:
        InputError: No such preset or file, not YAML, an unknown key, or a value out of its range; the message names the
            key, and the nearest known one.
    """
    path = PRESETS / f"{name_or_path}.yaml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PRESETS.glob("*.yaml")))
        raise InputError(f"--config should be a file or one of: {known}. Received: {name_or_path}, no such file")
    tree = _parse_yaml(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(tree, dict):
        raise InputError(f"{path} should hold keys and values. Received: {type(tree).__name__}")
    for override in overrides:
        _override(tree, override)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise InputError(f"{name_or_path}: {_explain(error, tree)}") from None


def to_yaml(config: Config) -> str:
    """The whole tree, defaults included, as YAML that `load_config` reads."""
    tree = config.model_dump(mode="json", by_alias=True)
    tree["fields"] = {field.pop("name"): field for field in tree["fields"]}
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def absolute(path: str) -> str:
    """A path of the configuration as it can be told to another process; URIs stay as they are."""
    return str(Path(path).resolve()) if "://" not in path else path


def _parse_yaml(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where} should be YAML. Received: {' '.join(str(error).split())}") from None


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise InputError(f"--set should be key=value. Received: {override}")
    node = tree
    *parents, last = key.split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise InputError(f"--set {key}: `{parent}` should have keys below it. Received: a value, {node!r}")
    node[last] = _parse_yaml(value, f"--set {key}")


def _explain(error: ValidationError, tree: Mapping[str, Any]) -> str:
    """One line for the first of pydantic's errors, with the path of the key as it is written in YAML."""
    first = error.errors()[0]
    location = list(first["loc"])
    names = list(tree.get("fields") or {})
    if location[0] == "fields" and len(location) > 1 and isinstance(location[1], int) and location[1] < len(names):
        location[1] = names[location[1]]
    path = ".".join(str(part) for part in location)
    if first["type"] == "extra_forbidden":
        return f"unknown key `{path}`{nearest(str(location[-1]), _known_keys(location))}"
    if first["type"] == "missing":
        return f"`{path}` should be given; it is missing"
    if first["type"] == "value_error":  # of ours: it says itself what came
        return f"`{path}`: {first['ctx']['error']}"
    return f"`{path}`: {first['msg']}. Received: {first['input']!r}"


def _known_keys(location: Sequence[Any]) -> list[str]:
    """Keys that are allowed beside the last part of a path."""
    model: Any = Config
    for part in location[:-1]:
        if model is Config and part == "fields":
            return list(Field.model_fields)
        if part not in model.model_fields:  # of a mapping
            continue
        annotation = model.model_fields[part].annotation
        model = next((option for option in get_args(annotation) if hasattr(option, "model_fields")), annotation)
    return [field.alias or name for name, field in model.model_fields.items()]
