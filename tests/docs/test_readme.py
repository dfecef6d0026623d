"""The README's own-log example, run as it is written."""

import random
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


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
def test_your_own_log(tmp_path, run_document):
    header = re.search(r"<!-- file: shop/header -->\n```csv\n(.*)\n", README.read_text(encoding="utf-8"))[1]
    (tmp_path / "shop").mkdir()
    for day in (1, 2, 3):
        write_day(tmp_path / "shop" / f"day-{day}.csv", header, day)
    ran, predicted = run_document("README.md", tmp_path)
    assert "blessed       yes" in ran
    assert "allowed: " not in ran
    lines = predicted.splitlines()
    assert lines[0] == "pctr,pcvr,pctcvr"
    assert len(lines) == 1 + 600
