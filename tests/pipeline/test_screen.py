import logging
import os
import sys

import pytest
from rich.console import Console

from pipeline import screen
from schema import contract


@pytest.fixture
def noisy(tmp_path, capfd):
    """Runs a function under `noise_to`; gives what the screen showed and what the log holds."""

    def run(make_noise):
        log = tmp_path / "run.log"
        with screen.noise_to(log) as console:
            make_noise(console)
        shown = capfd.readouterr()
        assert shown.err == ""
        return shown.out, log.read_text()

    return run


def test_whatever_is_printed_goes_to_the_log(noisy):
    def make_noise(console):
        print("from python")
        print("from python's stderr", file=sys.stderr)
        os.write(1, b"from C's stdout\n")
        os.write(2, b"from C's stderr\n")
        logging.getLogger("tfx").info("from a library")
        logging.getLogger("absl").info("from absl")
        console.print("for the person")

    shown, log = noisy(make_noise)
    assert shown == "for the person\n"
    for line in ("from python", "from python's stderr", "C's stdout", "C's stderr", "from a library", "from absl"):
        assert line in log


def test_our_warnings_and_everybodys_errors_are_shown_by_their_first_line(noisy):
    def make_noise(console):
        logging.getLogger("components.impression_example_gen").warning("ours\nmore")
        logging.getLogger("tensorflow").warning("theirs")
        logging.getLogger("tensorflow").error("broken\ntraceback")
        logging.getLogger("apache_beam.runners").error("told again by the runner")

    shown, log = noisy(make_noise)
    assert shown == "warning: ours\nerror: broken\n"
    for line in ("more", "theirs", "traceback", "told again by the runner"):
        assert line in log


def test_everything_is_as_before_afterwards(noisy, capfd):
    handlers = logging.getLogger().handlers[:]
    with pytest.raises(ValueError, match="x"):
        noisy(lambda console: int("x"))
    assert logging.getLogger().handlers == handlers
    capfd.readouterr()
    print("seen again", flush=True)
    assert capfd.readouterr().out == "seen again\n"


def progress(step: int) -> dict[str, dict[str, float]]:
    values = {"step": step, "steps": 20, "epoch": 1, "epochs": 1, "loss": 0.5, "examples_per_second": 12345.6}
    values |= {"seconds_left": 75.4, "waiting": 0.031}
    return {"progress": values}


def test_display_without_a_terminal_prints_a_line_per_event(tmp_path):
    with (tmp_path / "screen").open("w+") as file:
        absl, ours = logging.getLogger("absl"), logging.getLogger(contract.PROGRESS_LOGGER)
        absl.setLevel(logging.INFO)
        ours.setLevel(logging.INFO)
        with screen.RunDisplay(Console(file=file, highlight=False)) as display:
            absl.info("Component %s is running.", "Transform")
            assert display.running == "Transform"
            absl.info("A cached execution %d is used.", 7)
            absl.info("Component %s is finished.", "Transform")
            absl.info("Component %s is running.", "Trainer")
            for step in range(1, 21):
                ours.info("", extra=progress(step))
            ours.info("trial %d of 9", 2, extra={"trial": True})
            absl.info("Component %s is finished.", "Trainer")
        file.seek(0)
        lines = file.read().splitlines()
    assert display.running is None
    assert display.cached == {"Transform"}
    assert set(display.seconds) == {"Transform", "Trainer"}
    assert lines[0] == "  Transform …"
    assert lines[1] == "✓ Transform 0.0 s cached"
    assert lines[3] == "     10 %  epoch 1/1  loss 0.5000  12,346 examples/s  3 % waiting for input  0:01:15 left"
    assert lines[-2] == "    trial 2 of 9"
    assert len(lines) == 2 + 1 + 10 + 1 + 1
    absl.info("Component %s is running.", "Pusher")
    assert display.running is None


def test_display_on_a_terminal_shows_a_row_per_component():
    console = Console(record=True, force_terminal=True, width=140, file=open(os.devnull, "w"), highlight=False)  # noqa: SIM115
    absl, ours = logging.getLogger("absl"), logging.getLogger(contract.PROGRESS_LOGGER)
    absl.setLevel(logging.INFO)
    ours.setLevel(logging.INFO)
    with screen.RunDisplay(console):
        absl.info("Component %s is running.", "Trainer")
        ours.info("", extra=progress(20))
        absl.info("Component %s is finished.", "Trainer")
    last = console.export_text().strip().splitlines()[-1]
    assert "✓ Trainer" in last
    assert "loss 0.5000  12,346 examples/s  3 % waiting for input  0:01:15 left" in last
