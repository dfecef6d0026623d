"""Rules of the architecture, read from the syntax trees of the sources: nothing is imported."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# Where the packages under test are: the checkout, or the installed wheel.
ROOT = Path(find_spec("schema").origin).parents[1]
PACKAGES = ("schema", "components", "models", "pipeline")

# What a package may import of the others; itself always.
ALLOWED = {
    "schema": set(),
    "components": {"schema"},
    "models": {"schema"},
    "pipeline": {"schema", "components", "models"},
}
PURE = (
    "models.objectives",
    "models.towers",
    "models.randomness",
    "models.factored",
    "models.candidates",
    "models.one_hot",
)
# They see tensors alone, too.
PURE_MAY_IMPORT = ("models.randomness", "models.factored")
VAGUE = re.compile(r"(^|_)(utils?|helpers?|managers?|common|misc)($|_)")
MAY_READ_ENVIRONMENT = "pipeline.cli"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> dict[str, str]:
    return {
        module_name(path): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def imports(module: str, source: str, is_package: bool = False) -> Iterator[str]:
    """Dotted names that a module imports; a `from` import gives the module and each name in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".")
                above = here[: len(here) - node.level + is_package]
                base = ".".join([*above, *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def ours(module: str, source: str, is_package: bool = False) -> set[str]:
    return {name for name in imports(module, source, is_package) if name.split(".")[0] in PACKAGES}


def direction_errors(module: str, source: str, is_package: bool = False) -> list[str]:
    package = module.split(".")[0]
    errors = []
    for name in sorted(ours(module, source, is_package)):
        other = name.split(".")[0]
        if module in PURE and name.startswith(PURE_MAY_IMPORT):
            continue
        if module in PURE:
            errors.append(f"{module} should import nothing of ours. Received: {name}")
        elif other != package and other not in ALLOWED[package]:
            errors.append(f"{module} should not import {other}. Received: {name}")
        elif (name + ".").startswith("pipeline.runners.") and package != "pipeline":
            errors.append(f"{module} should not know runners. Received: {name}")
    return errors


def environment_reads(source: str) -> list[int]:
    """Lines that read the environment. `os.environ.setdefault(...)` as a statement and assignments are writes."""
    tree = ast.parse(source)
    writes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and function.attr == "setdefault":
                writes.add(id(function.value))
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            writes.add(id(node.value))
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb"):
            if id(node) not in writes:
                lines.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            lines += [node.lineno for a in node.names if a.name in ("environ", "environb", "getenv", "getenvb")]
    return lines


def is_package(module: str) -> bool:
    return (ROOT / module.replace(".", "/") / "__init__.py").is_file()


def test_sources_are_found():
    found = sources()
    assert {"schema.check", "components", "models.towers", "models.objectives", "pipeline.runners.local"} <= set(found)
    assert sum(bool(ours(m, s, is_package(m))) for m, s in found.items()) > 10


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_follow_the_direction(package):
    errors = [
        error
        for module, source in sources().items()
        if module.split(".")[0] == package
        for error in direction_errors(module, source, is_package(module))
    ]
    assert errors == []


def test_no_vague_module_names():
    vague = [m for m in sources() if any(VAGUE.search(part) for part in m.split("."))]
    assert vague == []


def test_environment_is_read_in_the_command_line_alone():
    reads = {m: lines for m, s in sources().items() if m != MAY_READ_ENVIRONMENT and (lines := environment_reads(s))}
    assert reads == {}


def test_environment_is_written_in_models_alone():
    writers = {m for m, s in sources().items() if re.search(r"\b(environ|putenv)\b", s)}
    assert writers <= {"models", MAY_READ_ENVIRONMENT}


@pytest.mark.parametrize(
    ("module", "source", "error"),
    [
        ("schema.check", "import models", "schema.check should not import models. Received: models"),
        ("components.x", "from models import towers", "components.x should not import models."),
        ("components.x.y", "def f():\n    import pipeline.cli", "components.x.y should not import pipeline."),
        ("components.x", "from pipeline.runners import local", "components.x should not import pipeline."),
        ("models.esmm", "from components.a import b", "models.esmm should not import components."),
        ("models.esmm", "from ..pipeline import beam", "models.esmm should not import pipeline."),
        ("models.towers", "from schema import contract", "models.towers should import nothing of ours."),
        ("models.objectives", "from . import towers", "models.objectives should import nothing of ours."),
    ],
)
def test_the_direction_check_sees_offenders(module, source, error):
    assert direction_errors(module, source)[0].startswith(error)


def test_the_direction_check_lets_the_good_pass():
    assert direction_errors("schema.check", "import os, modelsx\nfrom schema import load") == []
    assert direction_errors("models.esmm", "from models import towers\nfrom schema.fields import Field") == []
    assert (
        direction_errors("pipeline.cli", "import schema, models, components\nfrom pipeline.runners import local") == []
    )


@pytest.mark.parametrize(
    "source",
    [
        "import os\nx = os.environ['A']",
        "import os\nx = os.environ.get('A')",
        "import os\nx = os.getenv('A')",
        "from os import environ",
        "import os\nx = os.environ.setdefault('A', '1')",
        "import os\nif 'A' in os.environ: pass",
    ],
)
def test_the_environment_check_sees_reads(source):
    assert len(environment_reads(source)) == 1


@pytest.mark.parametrize("source", ["os.environ['A'] = '1'", "os.environ.setdefault('A', '1')", "del os.environ['A']"])
def test_the_environment_check_lets_writes_pass(source):
    assert environment_reads("import os\n" + source) == []


@pytest.mark.parametrize("name", ["utils", "helper", "helpers", "manager", "common", "misc", "io_utils", "misc_io"])
def test_the_name_check_sees_vague_names(name):
    assert VAGUE.search(name)


@pytest.mark.parametrize("name", ["commonality", "readers", "report", "futile"])
def test_the_name_check_lets_good_names_pass(name):
    assert not VAGUE.search(name)
