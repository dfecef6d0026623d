"""The image that the Dockerfile makes, built with buildah on a base made here, and the whole pipeline in it."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]
BASE, NAME, REVISION = "localhost/python:3.11-slim-trixie", "localhost/esmm:test", "0123abc"
NEEDED_GB = 15
# pip's settings and the certificates it trusts are this machine's.
SETTINGS = [Path("/etc/pip.conf"), Path("/etc/ssl/certs/ca-certificates.crt")]

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Buildah:
    """Buildah with its images, containers and temporary files in one folder."""

    folder: Path

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
            "TMPDIR": str(self.folder),
        }

    def __call__(self, *arguments: object) -> str:
        """Runs it in mounts of its own, which end with it; gives standard output. Pytest shows standard error."""
        command = ["unshare", "--mount", "buildah", *map(str, arguments)]
        return subprocess.run(command, env=self.environment(), stdout=subprocess.PIPE, text=True, check=True).stdout


@dataclass(frozen=True)
class Image:
    """A built image, and a container of it."""

    buildah: Buildah
    seconds: float
    container: str

    def inspected(self) -> dict[str, Any]:
        return json.loads(self.buildah("inspect", "--type", "image", NAME))

    def config(self) -> dict[str, Any]:
        return self.inspected()["Docker"]["config"]

    def run(self, *command: str, volumes: dict[Path, str] | None = None) -> str:
        options = [f"--volume={source}:{target}" for source, target in (volumes or {}).items()]
        return self.buildah("run", *options, self.container, "--", *command)


def roomy_folder() -> Path | None:
    """Where to build: in memory if there is room for it, since a disk takes minutes to write and remove that much."""
    memory, disk = Path("/dev/shm"), Path(tempfile.gettempdir())
    room = {
        memory: min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) if memory.is_dir() else 0,
        disk: shutil.disk_usage(disk).free,
    }
    return next((folder for folder in room if room[folder] >= NEEDED_GB * 1e9), None)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    for command in ("buildah", "debootstrap"):
        if not shutil.which(command):
            pytest.skip(f"{command} is not installed")
    if os.geteuid() != 0:
        pytest.skip("debootstrap needs root")
    if not (place := roomy_folder()):
        pytest.skip(f"{NEEDED_GB} GB are not free, neither of memory nor of the temporary folder's disk")
    folder = Path(tempfile.mkdtemp(prefix="esmm-image-", dir=place))
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
    )
    buildah = Buildah(folder)
    try:
        subprocess.run([REPOSITORY / "requirements" / "python-image", BASE], env=buildah.environment(), check=True)
        start = time.perf_counter()
        buildah(
            *("build", "--format=docker", "--target=runtime", f"--tag={NAME}"),
            *(f"--build-arg={name}" for name in (f"PYTHON_IMAGE={BASE}", f"REVISION={REVISION}")),
            *(f"--volume={path}:{path}:ro" for path in SETTINGS if path.is_file()),
            REPOSITORY,
        )
        seconds = time.perf_counter() - start
        yield Image(buildah, seconds, buildah("from", NAME).strip())
    finally:
        shutil.rmtree(folder)


def test_size(image, capsys):
    layers = json.loads(image.inspected()["Manifest"])["layers"]
    gigabytes = sum(layer["size"] for layer in layers) / 1e9
    with capsys.disabled():
        print(f"\nimage: {gigabytes:.2f} GB, built in {image.seconds:.0f} s")
    assert gigabytes < 4


def test_labels_tell_version_and_revision(image):
    labels = image.config()["Labels"]
    assert image.run("esmm", "--version") == f"esmm {labels['org.opencontainers.image.version']}\n"
    assert labels["org.opencontainers.image.revision"] == REVISION


def test_it_runs_as_user_1000_without_a_compiler(image):
    assert image.run("id", "-u") == "1000\n"
    assert image.run("sh", "-c", "for name in sh c++ g++ cc gcc; do command -v $name; done; :") == "/usr/bin/sh\n"


def test_the_health_check_is_well(image):
    kind, *command = image.config()["Healthcheck"]["Test"]
    assert kind == "CMD"
    assert image.run(*command).startswith("name: kuairand\n")


def test_the_pipeline_runs_up_to_a_pushed_model(image, small_log, write_config, tmp_path):
    log, work = tmp_path / "log", tmp_path / "work"
    shutil.copytree(small_log, log)
    log.chmod(0o755)
    work.mkdir()
    os.chown(work, 1000, 1000)
    volumes = {log: "/log:ro", write_config(Path("/log")): "/small.yaml:ro", work: "/work"}
    shown = image.run(*image.config()["Entrypoint"], "run", "--config", "/small.yaml", volumes=volumes)
    (version,) = (work / "runs" / "small" / "serving").iterdir()
    assert (version / "saved_model.pb").stat().st_uid == 1000
    assert f"pushed        /work/runs/small/serving/{version.name}\n" in shown
