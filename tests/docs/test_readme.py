"""The README's own-log example, run as it is written."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"<!-- (file: (?P<file>\S+)|run) -->\n```\w*\n(?P<text>.*?)```", re.DOTALL)


def write_day(path: Path, header: str, day: int) -> None:
    """A day of the shop's log: people who viewed much click often, and buy what is cheap."""
    draw = random.Random(day)
    lines = [header]
    for _ in range(600):
        user, item, viewed = draw.randrange(60), draw.randrange(40), draw.randrange(8)
        clicked = int(draw.random() < 0.1 + 0.08 * viewed)
        bought = int(draw.random() < (0.5 if item < 20 else 0.1)) if clicked else int(draw.random() < 0.01)
        views = "|".join(str(draw.randrange(40)) for _ in range(viewed))
        age = draw.choice(["18-25", "26-40", "41+", ""])
        lines.append(f"{day},{user},{age},{item},{item * 0.5 + 1},{views},{draw.randrange(5)},{clicked},{bought}")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_your_own_log(tmp_path):
    commands = []
    for block in BLOCK.finditer(README.read_text(encoding="utf-8")):
        if block["file"]:
            path = tmp_path / block["file"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block["text"])
        else:
            commands += block["text"].splitlines()
    header = (tmp_path / "shop" / "header").read_text().strip()
    for day in (1, 2, 3):
        write_day(tmp_path / "shop" / f"day-{day}.csv", header, day)

    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    answers = []
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        answers.append(done.stdout)
    ran, predicted = answers
    assert "blessed       yes" in ran
    assert "allowed: " not in ran
    lines = predicted.splitlines()
    assert lines[0] == "pctr,pcvr,pctcvr"
    assert len(lines) == 1 + 600
