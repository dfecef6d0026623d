"""Compiles the pipeline for Kubeflow Pipelines 2 and for Vertex AI, with TFX's KubeflowV2DagRunner."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig
from tfx import v1 as tfx
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

from components.impression_example_gen import stores as log_stores
from pipeline import stores
from pipeline.beam_config import DIRECT
from pipeline.config import Config
from pipeline.earlier import FromPushes
from pipeline.kubeflow_config import KUBEFLOW, VERTEX, KubeflowConfig, Resources
from pipeline.pipeline import create_pipeline
from pipeline.target import Target
from schema.check import nearest
from schema.errors import InputError

# What each target's own tools read.
FILE_TYPES = {KUBEFLOW: (".yaml", ".yml"), VERTEX: (".json",)}

DATA_BASE = "data_base"
RUN_ID = "run_id"

_COMMAND = ("python", "-m", "pipeline.runners.entry_point")
# Kubeflow's launcher keeps copies of artifacts there, as gs://bucket/key at /gcs/bucket/key.
_ARTIFACT_COPIES = "/"

_ResourceSpec = PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec


def compile_pipeline(config: Config, platform: str, out: Path) -> None:
    """Writes the pipeline as a file that can be submitted to the platform. Nothing is uploaded, no data is read.

    For `kubeflow` that is YAML of pipeline spec 2.1, with the platform's own part, if there is one, as a second
    document; for `vertex` JSON of a PipelineJob. The runtime parameters `data_base` and `run_id` can be given anew with
    each run.

    Args:
        config: The configuration.
        platform: `kubeflow` or `vertex`.
        out: The file.

    Raises:
        InputError: Something that the platform needs is missing in the configuration, or is not of the pipeline; an
            address is in a store that can't be read with what is installed, here as in the image; or `out` can't be
            written or has another ending.
    """
    check_file(platform, out)
    settings = kubeflow_settings(config)
    stores.check("`kubeflow.root`", settings.root)
    log_stores.check("`data.base`", config.data.base)
    _check_engines(config, platform)
    pipeline = create_pipeline(config, _target(config, settings))
    _check_components(pipeline, settings, platform)
    for component in pipeline.components:
        if resources := settings.resources.get(component.id):
            component.with_platform_config(_resource_spec(resources))
    job = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            display_name=config.name,
            default_image=settings.image,
            default_commands=list(_COMMAND),
            use_pipeline_spec_2_1=platform == KUBEFLOW,
        )
    ).run(pipeline, parameter_values=runtime_parameters(config), write_out=False)
    _switch_caches(job["pipelineSpec"], settings)
    text = _yaml(job, config, settings) if platform == KUBEFLOW else json.dumps(job, indent=2, sort_keys=True) + "\n"
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"--out should be a file in a folder that is there. Received: {out}: {error.strerror}"
        ) from None


def runtime_parameters(config: Config) -> dict[str, str]:
    """What may be given anew with each run, and what it is otherwise."""
    return {DATA_BASE: config.data.base, RUN_ID: "1"}


def pipeline_name(config: Config) -> str:
    """The configuration's name, as the platforms allow it: in lower case, without dots or underscores."""
    return re.sub("[^a-z0-9]", "-", config.name.lower())


def pipeline_root(settings: KubeflowConfig) -> str:
    """Folder of all artifacts."""
    return _below(settings, "artifacts")


def kubeflow_settings(config: Config) -> KubeflowConfig:
    """The part `kubeflow` of the configuration.

    Raises:
        InputError: It has none.
    """
    if config.kubeflow is None:
        raise InputError(f"`kubeflow` should be given, with an image and a root. Received: {config.name} has none")
    return config.kubeflow


def check_file(platform: str, out: Path) -> None:
    """Raises:
    InputError: The file's ending is not that of the platform's files.
    """
    if out.suffix not in FILE_TYPES[platform]:
        raise InputError(f"--out should end in {FILE_TYPES[platform][0]} for {platform}. Received: {out}")


def _target(config: Config, settings: KubeflowConfig) -> Target:
    parameters = runtime_parameters(config)
    serving = _below(settings, "serving")
    return Target(
        name=pipeline_name(config),
        data_base=RuntimeParameter(DATA_BASE, str, parameters[DATA_BASE]),
        data_version=RuntimeParameter(RUN_ID, str, parameters[RUN_ID]),
        artifacts=pipeline_root(settings),
        serving=serving,
        checkpoints=_below(settings, "checkpoints"),
        dead_letters=_below(settings, "dead_letters"),
        earlier=FromPushes(serving),
    )


def _below(settings: KubeflowConfig, folder: str) -> str:
    return f"{settings.root.rstrip('/')}/{folder}"


def _check_engines(config: Config, platform: str) -> None:
    for engine in (config.beam, *config.beam.components.values()):
        if platform == KUBEFLOW and engine.runner != DIRECT:
            raise InputError(
                "`beam` should be direct on Kubeflow: containers work on copies of the artifacts, which no other node "
                f"sees. Received: {engine.runner}"
            )


def _check_components(pipeline: tfx.dsl.Pipeline, settings: KubeflowConfig, platform: str) -> None:
    known = {component.id for component in pipeline.components if isinstance(component, BaseComponent)}
    asked: dict[str, Mapping[str, Any]] = {"resources": settings.resources, "cached": settings.cached}
    for key, named in asked.items():
        for name in named.keys() - known:
            raise InputError(f"unknown component `kubeflow.{key}.{name}`{nearest(name, known)}")
    for name, resources in settings.resources.items():
        if resources.gpus and platform == VERTEX and "/" in resources.gpu_type:
            raise InputError(
                f"`kubeflow.resources.{name}.gpu_type` should be an accelerator of Vertex AI, as in NVIDIA_TESLA_T4. "
                f"Received: {resources.gpu_type}"
            )


def _resource_spec(resources: Resources) -> Any:
    spec = _ResourceSpec(cpu_limit=resources.cpu or 0, memory_limit=resources.memory_gb or 0)
    if resources.gpus:
        spec.accelerator.type, spec.accelerator.count = resources.gpu_type, resources.gpus
    return spec


def _switch_caches(pipeline_spec: dict[str, Any], settings: KubeflowConfig) -> None:
    """TFX has one switch for all components."""
    for name, task in pipeline_spec["root"]["dag"]["tasks"].items():
        if not settings.cached.get(name, True):
            del task["cachingOptions"]


def _yaml(job: Mapping[str, Any], config: Config, settings: KubeflowConfig) -> str:
    """What the job's form has and TFX's pipeline spec has not: the root, parameters' defaults, types of outputs."""
    pipeline_spec = job["pipelineSpec"]
    pipeline_spec["defaultPipelineRoot"] = pipeline_root(settings)
    parameters = pipeline_spec["root"]["inputDefinitions"]["parameters"]
    for name, value in runtime_parameters(config).items():
        parameters[name] |= {"defaultValue": value, "isOptional": True}
    executors = pipeline_spec["deploymentSpec"]["executors"]
    for component in pipeline_spec["components"].values():
        if container := executors[component["executorLabel"]].get("container"):
            outputs = json.dumps(component.get("outputDefinitions", {}), sort_keys=True)
            container["args"] += ["--outputs_spec", outputs, "--artifact_copies", _ARTIFACT_COPIES]
    selectors = {name: one.node_selector for name, one in settings.resources.items() if one.node_selector}
    documents = [pipeline_spec, _platform_spec(pipeline_spec, selectors)] if selectors else [pipeline_spec]
    return yaml.safe_dump_all(documents, sort_keys=True)


def _platform_spec(pipeline_spec: Mapping[str, Any], selectors: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The part of the file that Kubernetes alone knows."""
    executors = {
        pipeline_spec["components"][name]["executorLabel"]: {"nodeSelector": {"labels": dict(labels)}}
        for name, labels in selectors.items()
    }
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
