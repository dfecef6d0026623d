"""`esmm bench transform` on logs too small to say anything, to see that it measures what it says."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.bench import ids, parsing, transform
from pipeline.cli import app
from pipeline.failures import ComponentFailed

TOKENS = {name: [b"7", b"12", b"3"] for name in ids.VOCABULARY_SIZES}


def test_equal_vocabularies_pass():
    transform.check_vocabularies(TOKENS, TOKENS)


@pytest.mark.parametrize(
    ("stock", "ours", "place"),
    [
        ([b"7", b"12", b"3"], [b"7", b"3", b"12"], r"line 2 on, \[b'3'\] for \[b'12'\]"),
        ([b"7", b"12", b"3"], [b"7", b"12"], r"line 3 on, \[\] for \[b'3'\]"),
        ([b"7", b"12"], [b"7", b"12", b"3"], r"line 3 on, \[b'3'\] for \[\]"),
    ],
)
def test_another_vocabulary_is_told(stock, ours, place):
    with pytest.raises(ComponentFailed, match=f"field 206 .* {place}"):
        transform.check_vocabularies(TOKENS | {"206": stock}, TOKENS | {"206": ours})


def test_an_out_in_a_folder_that_is_not_there_is_told_at_once(tmp_path):
    result = CliRunner().invoke(app, ["bench", "transform", "--out", str(tmp_path / "no" / "figures.json")])
    assert result.exit_code == 2
    assert "--out should be a file in a folder that is there" in result.stderr


@pytest.mark.slow
def test_figures_of_both_sides_and_their_ratios(tmp_path, monkeypatch):
    monkeypatch.setattr(transform, "_MOST_STOCK_ROWS", 1500)
    monkeypatch.setattr(parsing, "_ROUNDS", 1)
    out = tmp_path / "figures.json"
    command = ["bench", "transform", "--rows", "3000", "--rows", "1500", "--profile", "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_text())
    assert set(figures) == {"machine", "transform", "parsing", "memory", "profile"}
    assert set(figures["machine"]) >= {"processor", "cores", "system", "python", "tfx", "tensorflow"}

    stock, ours, more = figures["transform"]
    assert [(run["side"], run["rows"]) for run in (stock, ours, more)] == [
        ("stock", 1500),
        ("ours", 1500),
        ("ours", 3000),
    ]
    for run in (stock, ours, more):
        assert run["rows_per_second"] == pytest.approx(run["rows"] / run["seconds"])
        assert 0 < run["start_mb"] < run["peak_mb"]
        assert run["cpu_seconds"] > 0
    assert ours["ratio"] == pytest.approx(stock["seconds"] / ours["seconds"])
    assert "ratio" not in more
    assert "vocabularies, 1,500: equal in all 23 fields" in done.output
    (step,) = figures["memory"]
    assert step == {"rows": 3000, "than_rows": 1500, "ratio": pytest.approx(more["peak_mb"] / ours["peak_mb"])}

    keys = [(side["side"], side["batch_size"]) for side in figures["parsing"]]
    assert keys == [("stock", 1024), ("ours", 1024), ("stock", 8192), ("ours", 8192)]
    for theirs, mine in (figures["parsing"][:2], figures["parsing"][2:]):
        for what in ("parse", "read"):
            assert theirs[what] > 0
            assert mine[f"{what}_ratio"] == pytest.approx(mine[what] / theirs[what])

    seconds = [row["seconds"] for row in figures["profile"]]
    assert len(seconds) == 20
    assert min(seconds) > 0
    assert figures["profile"][0]["function"] in done.output
