"""The clock of training steps."""

import time

import pytest

from pipeline.bench.clock import Clock


def test_warm_up_does_not_count_and_seconds_are_waited_for():
    clock = Clock(0.4)
    done = [clock.tick()]
    for seconds in [0.3, 0.3] + 8 * [0.05]:
        time.sleep(seconds)
        done.append(clock.tick())
    figures = clock.figures(batch_size=7)
    assert done == 10 * [False] + [True]
    assert figures["steps"] == 8
    assert 0.4 <= figures["seconds"] < 0.6
    assert figures["examples_per_second"] == pytest.approx(7 * 8 / figures["seconds"])
    assert 50 <= figures["ms_per_step"] < 70


def test_five_steps_are_measured_however_long_they_take():
    clock = Clock(0)
    assert [clock.tick() for _ in range(8)] == 7 * [False] + [True]
    assert clock.figures(1)["steps"] == 5


def test_several_steps_between_ticks():
    clock = Clock(0)
    for steps in [9, 9, 9, 2, 2, 2, 2, 4]:
        time.sleep(0.02 * steps)
        clock.tick(steps)
    figures = clock.figures(batch_size=3)
    assert figures["steps"] == 12
    assert figures["examples_per_second"] == pytest.approx(36 / figures["seconds"])
    assert 20 <= figures["ms_per_step"] < 60


def test_ms_per_step_is_the_median():
    clock = Clock(0)
    for seconds in [0, 0, 0, 0.02, 0.02, 0.4, 0.02, 0.02]:
        time.sleep(seconds)
        clock.tick()
    assert 20 <= clock.figures(1)["ms_per_step"] < 100


def test_memory_before_and_after():
    clock = Clock(0)
    for _ in range(8):
        clock.tick()
    b"x" * (500 << 20)
    figures = clock.figures(1)
    assert 0 < figures["start_mb"] < figures["peak_mb"]
