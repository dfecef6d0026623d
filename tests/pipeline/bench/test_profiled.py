"""The table of where the time goes."""

import threading
import time

from pipeline.bench.profiled import profile


def spins(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def spins_in_a_thread(seconds):
    def call():
        thread = threading.Thread(target=spins, args=(seconds,))
        thread.start()
        thread.join()

    return call


def spins_before(seconds):
    spins(seconds)
    return lambda: None


def seconds_of_spins(rows):
    return sum(seconds for seconds, name in rows if name.endswith("test_profiled.py:spins"))


def test_other_threads_count_and_waiting_for_them_does_not():
    rows = profile(spins_in_a_thread, 1.0)
    assert 0.2 < seconds_of_spins(rows) <= 1.1
    assert sum(seconds for seconds, _ in rows) < 1.5
    assert [seconds for seconds, _ in rows] == sorted((seconds for seconds, _ in rows), reverse=True)


def test_what_makes_ready_does_not_count():
    assert seconds_of_spins(profile(spins_before, 0.5)) == 0


def test_paths_are_those_of_the_packages():
    names = [name for _, name in profile(spins_in_a_thread, 0.1)]
    # Beside the packages only in a checkout, not where they are installed.
    assert any(name.endswith("tests/pipeline/bench/test_profiled.py:spins") for name in names)
    assert any(name.startswith("threading.py:") for name in names)
    assert len(names) <= 20
