"""What is compiled: golden files, the platforms' own loaders, and each option's place in the file."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from kfp import components as kfp_components
from typer.testing import CliRunner, Result

from pipeline.cli import app

GOLDEN = Path(__file__).parent / "golden"
IMAGE = "registry.example/esmm:1.0"
KUBEFLOW = {
    "image": IMAGE,
    "root": "gs://bucket/esmm",
    "resources": {
        "Transform": {"cpu": 8, "memory_gb": 32},
        "Trainer": {"gpus": 2, "node_selector": {"pool": "gpu"}},
    },
    "cached": {"Pusher": False},
}
ON_VERTEX = {**KUBEFLOW, "resources": {"Trainer": {"gpus": 2, "gpu_type": "NVIDIA_TESLA_T4"}}}
FILES = {"kubeflow": ("pipeline.yaml", KUBEFLOW), "vertex": ("pipeline.json", ON_VERTEX)}


@pytest.fixture
def compiled(write_config, tmp_path):
    """Runs `esmm compile`; gives its result and the file."""

    def run(target: str, settings: dict[str, Any] | None = None, *overrides: str, out: str = "") -> tuple[Result, Path]:
        config = write_config(Path("gs://bucket/log"))
        tree = yaml.safe_load(config.read_text())
        tree["data"]["base"] = "gs://bucket/log"
        name, default = FILES.get(target, ("pipeline.yaml", KUBEFLOW))
        tree["kubeflow"] = default if settings is None else settings
        config.write_text(yaml.safe_dump(tree, sort_keys=False))
        path = tmp_path / (out or name)
        chosen = [part for one in overrides for part in ("--set", one)]
        arguments = ["compile", "--config", str(config), "--target", target, "--out", str(path), *chosen]
        return CliRunner().invoke(app, arguments, catch_exceptions=False), path

    return run


def spec_of(path: Path) -> dict[str, Any]:
    tree = next(iter(yaml.safe_load_all(path.read_text())))
    return tree.get("pipelineSpec", tree)


def container_of(spec: dict[str, Any], task: str) -> dict[str, Any]:
    return spec["deploymentSpec"]["executors"][spec["components"][task]["executorLabel"]]["container"]


def normalised(text: str) -> str:
    """Without what changes with each line of code and with each release of TFX."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "<fingerprint>", text)
    text = re.sub(r"tfx-\d+\.\d+\.\d+", "tfx-<version>", text)
    return re.sub(r'("tfx_(?:py_)?version": )"[^"]*"', r'\1"<version>"', text)


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_golden(target, compiled, tmp_path):
    result, path = compiled(target)
    assert result.exit_code == 0, result.output
    golden = GOLDEN / path.name
    found = tmp_path / f"normalised-{path.name}"
    found.write_text(normalised(path.read_text()))
    assert found.read_text() == golden.read_text(), f"if that is meant: cp {found} {golden}"


def test_kfp_loads_it(compiled):
    _, path = compiled("kubeflow")
    loaded = kfp_components.load_component_from_file(str(path))
    assert loaded.name == "small"
    assert {name: one.default for name, one in loaded.component_spec.inputs.items()} == {
        "data_base": "gs://bucket/log",
        "run_id": "1",
    }
    selector = loaded.platform_spec.platforms["kubernetes"].deployment_spec.executors["Trainer_executor"]
    assert json.dumps(dict(selector["nodeSelector"]["labels"])) == '{"pool": "gpu"}'


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_vertex_client_loads_it(target, compiled):
    _, path = compiled(target, ON_VERTEX)
    job = aiplatform.PipelineJob(
        display_name="small",
        template_path=str(path),
        parameter_values={"run_id": "2"},
        project="project",
        location="europe-west4",
        credentials=AnonymousCredentials(),
    )
    told = job.to_dict()["runtimeConfig"]
    assert told["gcsOutputDirectory"] == "gs://bucket/esmm/artifacts"
    assert {"runId", "run_id"} & set(told.get("parameterValues", told.get("parameters")))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("kubeflow.root=s3://bucket/esmm", "`kubeflow.root` should be a path or in gs://. Received: s3://bucket/esmm"),
        ("data.base=minio://bucket/log", "`data.base` should be a path or in "),
    ],
)
def test_a_store_that_containers_could_not_read(option, message, compiled):
    result, path = compiled("kubeflow", None, option)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {message}")
    assert not path.exists()


def test_resources_and_caches_are_where_the_platforms_look(compiled):
    _, path = compiled("kubeflow")
    spec = spec_of(path)
    assert container_of(spec, "Transform")["resources"] == {"cpuLimit": 8, "memoryLimit": 32}
    gpus = {"accelerator": {"type": "nvidia.com/gpu", "count": "2"}}
    assert container_of(spec, "Trainer")["resources"] == gpus
    assert "resources" not in container_of(spec, "Evaluator")
    cached = {name for name, task in spec["root"]["dag"]["tasks"].items() if "cachingOptions" in task}
    assert cached == set(spec["root"]["dag"]["tasks"]) - {"Pusher"}


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_nothing_is_left_to_what_vertex_alone_can_do(target, compiled):
    """Resolvers, and drivers of file-based ExampleGens."""
    _, path = compiled(target, None, "vocabularies.carry_on=last", "train.warm_start=last")
    executors = spec_of(path)["deploymentSpec"]["executors"]
    assert {"LastAccepted", "CarriedOn", "WarmStart", "Baseline"} <= spec_of(path)["root"]["dag"]["tasks"].keys()
    assert {kind for executor in executors.values() for kind in executor} == {"container"}
    assert not any("lifecycle" in executor["container"] for executor in executors.values())


def test_the_log_and_the_run_are_parameters_of_the_run(compiled):
    _, path = compiled("kubeflow")
    inputs = spec_of(path)["root"]["dag"]["tasks"]["ImpressionExampleGen"]["inputs"]["parameters"]
    assert inputs["input_base"] == {"componentInputParameter": "data_base"}
    assert inputs["data_version"] == {"componentInputParameter": "run_id"}


def test_names_are_such_as_the_platforms_allow(compiled):
    _, path = compiled("kubeflow", None, "name=Shop_2.days")
    assert spec_of(path)["pipelineInfo"]["name"] == "shop-2-days"


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("airflow", KUBEFLOW, "--target should be one of: kubeflow, vertex. Received: airflow"),
        (
            "kubeflow",
            {**KUBEFLOW, "resources": {"Trainr": {"cpu": 1}}},
            "unknown component `kubeflow.resources.Trainr`; did you mean `Trainer`?",
        ),
        (
            "kubeflow",
            {**KUBEFLOW, "cached": {"Tuner": False}},
            "unknown component `kubeflow.cached.Tuner`",
        ),
        (
            "vertex",
            KUBEFLOW,
            "`kubeflow.resources.Trainer.gpu_type` should be an accelerator of Vertex AI, as in NVIDIA_TESLA_T4. "
            "Received: nvidia.com/gpu",
        ),
    ],
)
def test_what_can_not_be_compiled_is_one_line_and_exit_2(target, settings, message, compiled):
    result, path = compiled(target, settings)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not path.exists()


def test_without_a_cluster_in_the_configuration(compiled):
    result, _ = compiled("kubeflow", None, "kubeflow=null")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: `kubeflow` should be given, with an image and a root. Received: small has none\n",
    )


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("pipeline.json", "--out should end in .yaml for kubeflow. Received: {out}"),
        ("nowhere/p.yaml", "--out should be a file in a folder that is there. Received: {out}: No such file"),
    ],
)
def test_a_file_that_can_not_be_written(out, message, compiled):
    result, path = compiled("kubeflow", out=out)
    assert result.exit_code == 2
    assert message.format(out=path) in result.stderr


def test_another_engine_of_beam(compiled):
    flink = "beam.components={Transform: {runner: flink, job_server: 'jobs:8099', worker_pool: 'localhost:50000'}}"
    result, path = compiled("kubeflow", None, flink)
    assert result.exit_code == 2
    assert result.stderr == (
        "error: `beam` should be direct on Kubeflow: containers work on copies of the artifacts, which no other node "
        "sees. Received: flink\n"
    )
    assert not path.exists()
    result, path = compiled("vertex", None, flink)
    assert result.exit_code == 0, result.output
    spec = spec_of(path)
    assert "--job_endpoint=jobs:8099" in container_of(spec, "Transform")["args"]
    assert "--runner=FnApiRunner" in container_of(spec, "Evaluator")["args"]
