"""Measuring the steps of a training. It needs no package, so that it works in any environment."""

import statistics
import time
from itertools import pairwise

from pipeline.bench.measured import peak_mb

_WARM_UP = 3
_LEAST_MEASURED = 5
LEAST_TICKS = _WARM_UP + _LEAST_MEASURED


class Clock:
    """Measures steps between ticks, behind a warm-up of three, five or more; and the memory, from when it is made."""

    def __init__(self, seconds: float):
        """Args:
        seconds: How long to measure at least.
        """
        self._seconds = seconds
        self._start_mb = peak_mb()
        self._ends: list[float] = []
        self._steps: list[int] = []

    def tick(self, steps: int = 1) -> bool:
        """Notes the end of steps, and tells whether enough of them are measured."""
        self._ends.append(time.perf_counter())
        self._steps.append(steps)
        measured = self._ends[_WARM_UP - 1 :]
        return len(measured) > _LEAST_MEASURED and measured[-1] - measured[0] >= self._seconds

    def figures(self, batch_size: int) -> dict[str, float]:
        """What was measured.

        Returns:
            `examples_per_second`, over all measured `steps` and their `seconds`; `ms_per_step`, the median; `start_mb`,
            the memory when the clock was made; and `peak_mb`, the most memory.
        """
        measured, of_tick = self._ends[_WARM_UP - 1 :], self._steps[_WARM_UP:]
        steps, seconds = sum(of_tick), measured[-1] - measured[0]
        per_step = [(end - begin) / count for (begin, end), count in zip(pairwise(measured), of_tick, strict=True)]
        return {
            "examples_per_second": batch_size * steps / seconds,
            "ms_per_step": 1000 * statistics.median(per_step),
            "steps": steps,
            "seconds": seconds,
            "start_mb": self._start_mb,
            "peak_mb": peak_mb(),
        }
