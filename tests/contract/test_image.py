"""The Dockerfile and the locks it installs, read as text: nothing is built."""

import json
import re
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
REQUIREMENTS = REPOSITORY / "requirements"
PIN = re.compile(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)")
# Words of pip's options for another place to install from; the machine that builds sets its own.
PLACE_OPTIONS = [("index", "url"), ("extra", "index", "url"), ("find", "links"), ("trusted", "host")]
PLACE = re.compile("|".join(["://", "PIP_[A-Z_]*(INDEX|LINKS)", *("--" + "-".join(words) for words in PLACE_OPTIONS)]))

Stages = dict[str, list[tuple[str, str]]]


def read_stages(dockerfile: str) -> Stages:
    """Stages by name, each a list of (instruction, arguments); what precedes the first FROM is under ""."""
    stages: Stages = {"": []}
    stage = ""
    text = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        instruction, arguments = line.split(maxsplit=1)
        if instruction == "FROM":
            stage = arguments.split()[-1]
            stages[stage] = []
        stages[stage].append((instruction, arguments))
    return stages


def installs_packages(stage: list[tuple[str, str]]) -> bool:
    return any("apt-get install" in arguments for _, arguments in stage)


def last(stage: list[tuple[str, str]], instruction: str) -> str:
    return [arguments for name, arguments in stage if name == instruction][-1]


def pins(lock: str) -> dict[str, str]:
    return dict(PIN.fullmatch(line).groups() for line in (REQUIREMENTS / lock).read_text().splitlines())


def places(text: str) -> list[str]:
    return [line for line in text.splitlines() if PLACE.search(line)]


@pytest.fixture(scope="module")
def stages() -> Stages:
    return read_stages((REPOSITORY / "Dockerfile").read_text())


def test_each_stage_is_made_of_the_one_below(stages):
    bases = {name: last(stage, "FROM").split()[0] for name, stage in stages.items() if name}
    assert bases == {"builder": "${PYTHON_IMAGE}", "runtime": "${PYTHON_IMAGE}", "gpu": "runtime"}
    assert last(stages[""], "ARG") == "PYTHON_IMAGE=python:3.11-slim-trixie"


def test_the_locks_it_names_exist(stages):
    named = {
        name: {lock for _, arguments in stage for lock in re.findall(r"requirements/[\w.-]+", arguments)}
        for name, stage in stages.items()
    }
    assert named["builder"] == {"requirements/py311.lock"}
    assert named["runtime"] == set()
    assert named["gpu"] == {"requirements/gpu.lock"}
    assert all((REPOSITORY / lock).is_file() for locks in named.values() for lock in locks)


def test_locks_are_installed_as_they_are(stages):
    commands = [arguments for stage in stages.values() for name, arguments in stage if name == "RUN"]
    installs = [command for command in commands if re.search(r"pip (install|wheel)", command)]
    assert len(installs) == 5
    assert all("--no-deps" in command for command in installs)


@pytest.mark.parametrize("stage", ["runtime", "gpu"])
def test_images_run_without_root(stages, stage):
    assert int(last(stages[stage], "USER")) > 0  # a number, which Kubernetes can tell from root
    assert re.search(rf"useradd .*--uid {last(stages[stage], 'USER')} ", " ".join(a for _, a in stages["runtime"]))


def test_the_compiler_stays_in_the_builder(stages):
    assert [name for name, stage in stages.items() if installs_packages(stage)] == ["builder"]


def test_the_runtime_is_the_command(stages):
    assert json.loads(last(stages["runtime"], "ENTRYPOINT")) == ["esmm"]
    assert json.loads(last(stages["runtime"], "HEALTHCHECK").partition("CMD ")[2])[0] == "esmm"


def test_the_label_tells_the_version_of_the_package(stages):
    released = re.search(r'version="(.+?)"', (REPOSITORY / "setup.py").read_text())[1]
    assert ("ARG", f"VERSION={released}") in stages["runtime"]
    assert 'org.opencontainers.image.version="${VERSION}"' in last(stages["runtime"], "LABEL")


def test_the_gpu_lock_agrees_with_the_runtime_lock():
    gpu, runtime = pins("gpu.lock"), pins("py311.lock")
    assert "tensorflow" in gpu
    assert {name: pin for name, pin in gpu.items() if not name.startswith("nvidia-")}.items() <= runtime.items()


def test_the_gpu_lock_has_the_cuda_libraries_that_tensorflow_asks_for():
    gpu = pins("gpu.lock")
    assert (REQUIREMENTS / "gpu.in").read_text().splitlines()[-1] == f"tensorflow[and-cuda]=={gpu['tensorflow']}"
    assert version("tensorflow") == gpu["tensorflow"]
    extra = {"extra": "and-cuda"}
    asked = [r for r in map(Requirement, requires("tensorflow")) if r.marker and r.marker.evaluate(extra)]
    assert {r.name for r in asked} == {name for name in gpu if name.startswith("nvidia-")}
    assert [r.name for r in asked if gpu[r.name] not in r.specifier] == []


@pytest.mark.parametrize("path", ["Dockerfile", *sorted(p.name for p in REQUIREMENTS.glob("*.*") if p.suffix != ".md")])
def test_no_place_to_install_from_is_named(path):
    file = REPOSITORY / path if path == "Dockerfile" else REQUIREMENTS / path
    assert places(file.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        *(f"RUN pip install --{'-'.join(words)}=there -r a.lock" for words in PLACE_OPTIONS),
        *(f"--{'-'.join(words)} there" for words in PLACE_OPTIONS),
        "ENV PIP_EXTRA_INDEX_URL=there",
        "esmm @ https://there/esmm.whl",
    ],
)
def test_the_check_of_places_sees_them(line):
    assert places(f"FROM python\n{line}\n") == [line]
