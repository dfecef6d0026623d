"""The files for Kubeflow: by Kubernetes' own schemas, by the training operator's, and by our command line."""

import re
import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import typer
import yaml
from pydantic import TypeAdapter
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.image import PinnedImage

FILES = Path(__file__).parents[2] / "deploy" / "kubeflow"
KUBERNETES = "1.34"


def of(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


# A TFJob by the resource definition of the training operator 1.9 (kubeflow.org_tfjobs.yaml), with the values that its
# controller knows. A pod's template is Kubernetes' own.
REPLICA = of(
    {
        "replicas": {"type": "integer", "minimum": 1},
        "restartPolicy": {"enum": ["Always", "OnFailure", "Never", "ExitCode"]},
        "template": {"type": "object"},
    },
    "template",
)
RUN_POLICY = of(
    {
        "activeDeadlineSeconds": {"type": "integer"},
        "backoffLimit": {"type": "integer"},
        "cleanPodPolicy": {"enum": ["All", "Running", "None"]},
        "managedBy": {"type": "string"},
        "schedulingPolicy": {"type": "object"},
        "suspend": {"type": "boolean"},
        "ttlSecondsAfterFinished": {"type": "integer"},
    }
)
TFJOB = of(
    {
        "apiVersion": {"const": "kubeflow.org/v1"},
        "kind": {"const": "TFJob"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": of(
            {
                "enableDynamicWorker": {"type": "boolean"},
                "runPolicy": RUN_POLICY,
                "successPolicy": {"enum": ["", "AllWorkers"]},
                "tfReplicaSpecs": {
                    "type": "object",
                    "propertyNames": {"enum": ["PS", "Worker", "Chief", "Master", "Evaluator"]},
                    "additionalProperties": REPLICA,
                },
            },
            "tfReplicaSpecs",
        ),
    },
    "apiVersion",
    "kind",
    "metadata",
    "spec",
)


def document(name: str) -> dict[str, Any]:
    return yaml.safe_load((FILES / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return document("config.yaml")


@pytest.fixture(scope="module")
def cron_job() -> dict[str, Any]:
    return document("daily_run.yaml")


@pytest.fixture(scope="module")
def tfjob() -> dict[str, Any]:
    return document("tfjob.yaml")


@pytest.fixture
def mounted(config, tmp_path) -> Path:
    """The ConfigMap's files, and where they are mounted instead of /etc/esmm."""
    for name, text in config["data"].items():
        (tmp_path / name).write_text(text.replace("/etc/esmm", str(tmp_path)))
    return tmp_path


@pytest.fixture
def submitted(cron_job, tmp_path) -> list[str]:
    """What the CronJob's container calls `esmm` with."""
    (tmp_path / "esmm").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (tmp_path / "esmm").chmod(0o755)
    (container,) = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    path = {"PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(container["command"], env=path, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def pods(cron_job: dict[str, Any], tfjob: dict[str, Any]) -> list[dict[str, Any]]:
    """The CronJob's, and the TFJob's."""
    replicas = tfjob["spec"]["tfReplicaSpecs"].values()
    return [one["template"]["spec"] for one in (cron_job["spec"]["jobTemplate"]["spec"], *replicas)]


def options(arguments: list[str]) -> dict[str, Any]:
    """A call of `esmm` as its command line takes it; nothing is run."""
    name, *rest = arguments
    return typer.main.get_command(app).commands[name].make_context(name, rest).params


def test_kubernetes_takes_them(config, cron_job, tfjob):
    for one in (config, cron_job):
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    for replica in tfjob["spec"]["tfReplicaSpecs"].values():
        head = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "worker"}}
        kubernetes_validate.validate({**head, "template": replica["template"]}, KUBERNETES, strict=True)


def test_the_training_operator_takes_it(tfjob):
    jsonschema.validate(tfjob, TFJOB)
    replicas = tfjob["spec"]["tfReplicaSpecs"]
    assert replicas["Chief"]["replicas"] == 1
    for replica in replicas.values():
        (container,) = replica["template"]["spec"]["containers"]
        assert container["name"] == "tensorflow"
        assert container["ports"] == [{"name": "tfjob-port", "containerPort": 2222}]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert replica["restartPolicy"] == "OnFailure"
    # A lost worker takes all others along.
    assert tfjob["spec"]["runPolicy"]["backoffLimit"] >= sum(replica["replicas"] for replica in replicas.values())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["spec", "runPolicy", "backofLimit"], 3),
        (["spec", "runPolicy", "cleanPodPolicy"], "Alle"),
        (["spec", "tfReplicaSpecs", "Workers"], {"template": {}}),
        (["spec", "tfReplicaSpecs", "Chief", "restartPolicy"], "Often"),
    ],
)
def test_a_wrong_key_is_seen(path, value):
    wrong = document("tfjob.yaml")
    node = wrong
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, TFJOB)


def test_images_are_pinned_and_nobody_is_root(cron_job, tfjob):
    for one in pods(cron_job, tfjob):
        assert one["securityContext"]["runAsNonRoot"]
        assert one["securityContext"]["runAsUser"] == 1000  # of the image
        for container in one["containers"]:
            TypeAdapter(PinnedImage).validate_python(container["image"])
            assert not container["securityContext"]["allowPrivilegeEscalation"]


def test_the_configuration_is_mounted_where_it_is_read(config, cron_job, tfjob, submitted):
    (train,) = {tuple(one["containers"][0]["args"]) for one in pods(cron_job, tfjob)[1:]}
    for arguments in (submitted, list(train)):
        folder, _, name = options(arguments)["config"].rpartition("/")
        assert folder == "/etc/esmm"
        assert name in config["data"]
    for one in pods(cron_job, tfjob):
        volumes = {volume["name"]: volume for volume in one["volumes"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in one["containers"][0]["volumeMounts"]}
        assert volumes[mounts["/etc/esmm"]]["configMap"]["name"] == config["metadata"]["name"]


def test_the_runs_around_the_training_are_of_its_root(tfjob):
    """Checkpoints are found by the root and the configuration."""
    head = (FILES / "tfjob.yaml").read_text(encoding="utf-8").partition("apiVersion")[0]
    prepare, push = (options(line.split()) for line in re.findall(r"^#   esmm (run .*)$", head, re.MULTILINE))
    assert (prepare.pop("to"), push.pop("to")) == ("Transform", None)
    (container,) = tfjob["spec"]["tfReplicaSpecs"]["Chief"]["template"]["spec"]["containers"]
    assert container["args"][0] == "train"
    assert options(container["args"]) == prepare == push
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert any(prepare["root"].is_relative_to(mount) for mount in mounts)


def test_the_submitted_run_compiles(submitted, mounted):
    parsed = options(submitted)
    assert parsed["target"] == "kubeflow"
    today = date.fromisoformat(parsed["run_id"])
    overrides = [part for override in parsed["overrides"] for part in ("--set", override)]
    out = mounted / "pipeline.yaml"
    command = ["compile", "--config", str(mounted / "shop.yaml"), "--target", "kubeflow", "--out", str(out), *overrides]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    compiled = out.read_text()
    for days_ago in (1, 2):
        assert f"{today - timedelta(days_ago)}/*.parquet" in compiled
    assert "WarmStart" in compiled
    assert "CarriedOn" in compiled
