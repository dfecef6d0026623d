"""`esmm bench ingest` on logs too small to say anything, to see that it measures what it says."""

import json
import os
import subprocess
import sys

import pytest

from pipeline.bench.measured import measure


def sleeps(seconds):
    import time

    return lambda: time.sleep(seconds)


def works(seconds):
    import time

    def work():
        while time.process_time() < seconds:
            pass

    return work


def takes_memory(megabytes):
    def work():
        b"x" * (megabytes << 20)

    return work


def test_waiting_takes_seconds_but_no_cpu():
    measured = measure(sleeps, 0.5)
    assert 0.5 <= measured.seconds < 5
    assert measured.cpu_seconds < 0.2


def test_working_takes_cpu():
    assert measure(works, 1.5).cpu_seconds > 0.2


def test_memory_is_told_beside_that_of_the_imports():
    measured = measure(takes_memory, 200)
    assert 195 < measured.peak_mb - measured.start_mb < 250


def test_each_call_has_a_process_of_its_own():
    measure(takes_memory, 300)
    assert measure(sleeps, 0.0).peak_mb < 300


@pytest.mark.slow
def test_figures_of_both_sides_and_their_ratios(tmp_path):
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "pipeline", "bench", "ingest", "--rows", "2000", "--joined", "1000"]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert set(figures["machine"]) >= {"processor", "cores", "system", "python", "tfx", "pyarrow"}
    theirs, csv, parquet, joined = figures["results"]
    assert [theirs["name"], csv["name"], parquet["name"], joined["name"]] == [
        "CsvExampleGen: csv",
        "ours: csv",
        "ours: parquet",
        "ours: ali_ccp",
    ]
    for ours in (csv, parquet):
        assert ours["ratio"] == pytest.approx(theirs["seconds"] / ours["seconds"])
    assert joined["impressions"] == 1000
    assert joined["rows_per_second"] == pytest.approx(1000 / joined["seconds"])
    assert joined["name"] in done.stdout
