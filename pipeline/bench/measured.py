"""Measuring a call in a process of its own."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Measured:
    """What a call took.

    Attributes:
        seconds: From its begin to its end.
        cpu_seconds: Of all of its threads.
        start_mb: Memory of the process before it, its imports included.
        peak_mb: Most memory of the process.
    """

    seconds: float
    cpu_seconds: float
    start_mb: float
    peak_mb: float


def measure(prepare: Callable[..., Callable[[], None]], *arguments: object) -> Measured:
    """Runs what `prepare` gives in a process of its own.

    Args:
        prepare: Importable; imports and makes ready, outside of the measured time.
        arguments: Of `prepare`.
    """
    return in_its_own_process(_measured, prepare, arguments)


def in_its_own_process(function: Callable[..., _Result], *arguments: object) -> _Result:
    """Calls an importable function in a fresh process, so that neither memory nor caches of earlier ones count."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_mb() -> float:
    """Most memory that this process has had."""
    # Not getrusage: its maximum begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _measured(prepare: Callable[..., Callable[[], None]], arguments: tuple[object, ...]) -> Measured:
    call = prepare(*arguments)
    start_mb, cpu, start = peak_mb(), time.process_time(), time.perf_counter()
    call()
    return Measured(time.perf_counter() - start, time.process_time() - cpu, start_mb, peak_mb())
