"""What docs/operations.md shows, as far as it goes without a cluster."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import beam
from pipeline.config import load_config

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
ROOT, VERSION = "/runs/shop", "1763830000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands(name: str) -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith(f"esmm {name} ")]


@pytest.fixture
def shop(small_log, write_config, tmp_path):
    """Folder of a configuration shop.yaml with all parts that are shown, the first of a kind."""
    tree = yaml.safe_load(write_config(small_log).read_text())
    for part in map(yaml.safe_load, blocks("yaml")):
        tree |= {key: value for key, value in part.items() if key not in tree and key != "metadata"}
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(tree | {"name": "shop"}))
    return tmp_path


def run(command: str, directory: Path) -> str:
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    done = subprocess.run(shlex.split(command), cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("part", blocks("yaml"))
def test_each_part_of_the_configuration_is_taken(part, write_config, tmp_path):
    tree = yaml.safe_load(write_config(tmp_path).read_text())
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump(tree | yaml.safe_load(part)))
    config = load_config(str(path))
    assert beam.arguments(config.beam, "beam")


@pytest.mark.slow
def test_the_pipeline_is_compiled_for_both(shop):
    compiled = commands("compile")
    for command in compiled:
        run(command, shop)
    assert [(shop / shlex.split(command)[-1]).stat().st_size > 10_000 for command in compiled] == [True, True]


@pytest.mark.slow
def test_lineage_of_a_model_that_was_trained_alone(shop):
    transform, rest = (command for command in commands("run") if ROOT in command)
    root = shop / "runs" / "shop"
    for command in (transform, f"esmm train --config shop.yaml --root {ROOT}", rest):
        run(command.replace(ROOT, str(root)), shop)
    (version,) = (root / "serving").iterdir()
    (lineage,) = commands("lineage")
    printed = run(lineage.replace(VERSION, version.name), shop)
    (shown,) = (block for block in blocks("text") if block.startswith("model "))
    assert first_words(printed)[: len(first_words(shown))] == first_words(shown)


def first_words(lines: str) -> list[str]:
    return [line[:14].strip() for line in lines.splitlines() if line[:14].strip()]
