"""Measuring the steps of a training. It needs no package, so that it works in any environment."""

import statistics
import time
from itertools import pairwise

from pipeline.bench.measured import peak_mb

_WARM_UP_STEPS = 3
_LEAST_MEASURED_STEPS = 5
LEAST_STEPS = _WARM_UP_STEPS + _LEAST_MEASURED_STEPS


class Clock:
    """Measures the steps behind a warm-up, five or more; and the memory of the process, from when the clock is made."""

    def __init__(self, seconds: float):
        """Args:
        seconds: How long to measure at least.
        """
        self._seconds = seconds
        self._start_mb = peak_mb()
        self._ends: list[float] = []

    def tick(self) -> bool:
        """Notes the end of a step, and tells whether enough of them are measured."""
        self._ends.append(time.perf_counter())
        measured = self._ends[_WARM_UP_STEPS - 1 :]
        return len(measured) > _LEAST_MEASURED_STEPS and measured[-1] - measured[0] >= self._seconds

    def figures(self, batch_size: int) -> dict[str, float]:
        """What was measured.

        Returns:
            `examples_per_second`, over all measured `steps` and their `seconds`; `ms_per_step`, the median; `start_mb`,
            the memory when the clock was made; and `peak_mb`, the most memory.
        """
        measured = self._ends[_WARM_UP_STEPS - 1 :]
        steps, seconds = len(measured) - 1, measured[-1] - measured[0]
        return {
            "examples_per_second": batch_size * steps / seconds,
            "ms_per_step": 1000 * statistics.median(end - begin for begin, end in pairwise(measured)),
            "steps": steps,
            "seconds": seconds,
            "start_mb": self._start_mb,
            "peak_mb": peak_mb(),
        }
