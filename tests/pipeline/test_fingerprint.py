import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.fingerprint import code_fingerprint

PACKAGES = {
    "models/__init__.py": "",
    "models/trainer.py": "from models import towers\nimport schema.fields\n",
    "models/towers.py": "UNITS = 1\n",
    "models/other.py": "X = 1\n",
    "schema/__init__.py": "",
    "schema/fields.py": "import os\n",
}


@pytest.fixture
def fingerprint_in(tmp_path: Path):
    """Fingerprints a module of a project made of PACKAGES, in a process of its own."""
    for name, text in PACKAGES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    source = Path(code_fingerprint.__code__.co_filename)

    def fingerprint(module: str) -> str:
        script = f"exec(open({str(source)!r}).read()); print(code_fingerprint({module!r}))"
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return tmp_path, fingerprint


def test_a_comment_in_an_imported_module_changes_it(fingerprint_in):
    project, fingerprint = fingerprint_in
    before = fingerprint("models.trainer")
    assert fingerprint("models.trainer") == before
    (project / "models/towers.py").write_text("UNITS = 1  # a comment\n")
    assert fingerprint("models.trainer") != before


def test_modules_that_are_not_imported_do_not_matter(fingerprint_in):
    project, fingerprint = fingerprint_in
    before = fingerprint("models.trainer")
    (project / "models/other.py").write_text("X = 2\n")
    assert fingerprint("models.trainer") == before


def test_imports_of_imports_and_package_files_matter(fingerprint_in):
    project, fingerprint = fingerprint_in
    before = fingerprint("models.trainer")
    (project / "schema/__init__.py").write_text("# changed\n")
    assert fingerprint("models.trainer") != before


def test_towers_touch_the_trainer_and_not_the_transform():
    # The real modules: what the pipeline hands to the cache.
    assert code_fingerprint("models.trainer") != code_fingerprint("models.preprocessing")
    sources = code_fingerprint("models.preprocessing", "models.towers")
    assert sources != code_fingerprint("models.preprocessing")
    assert code_fingerprint("models.trainer", "models.towers") == code_fingerprint("models.trainer")
