"""Every `esmm` of a document is one that the command line takes, those too that can't be run here."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def commands(text: str) -> list[str]:
    """The arguments of `esmm` in a document's shell blocks, where it begins a line or follows a variable."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [found[1] for line in lines if (found := re.match(r"(?:\w+=\S.*\s)?esmm\s+(.*)", line))]


def told(line: str) -> tuple[int, str]:
    """Exit code and output of a command that is asked for its help, behind its own options: they are parsed first."""
    result = CliRunner().invoke(app, [*shlex.split(line, comments=True), "--help"])
    return result.exit_code, result.output


def test_all_are_taken():
    of_documents = {document.name: commands(document.read_text(encoding="utf-8")) for document in DOCUMENTS}
    assert of_documents["operations.md"]
    refused = [(name, line) for name, lines in of_documents.items() for line in lines if told(line)[0]]
    assert refused == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rum --config shop.yaml", "No such command 'rum'"),
        ("run --confg shop.yaml", "No such option: --confg"),
        ("bench trian", "No such command 'trian'"),
    ],
)
def test_others_are_not(line, message):
    code, output = told(line)
    assert code == 2
    assert message in output
