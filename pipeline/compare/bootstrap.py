"""How far metrics, and their differences, could be off by chance.

Each draw counts every eval impression a Poisson(1) number of times, which of many impressions is the bootstrap. A draw
is the same for all models and seeds, which are asked about the same impressions in the same order, so differences
between models are paired without keeping any model's answers.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.compare.metrics import Metrics

DRAWS = 200

_SEED = 1
_PERCENTILES = (2.5, 97.5)


def draw(metrics: Metrics, impressions: int) -> dict[str, list[float]]:
    """The metrics under each of `DRAWS` draws, by name."""
    draws: dict[str, list[float]] = {}
    for number in range(DRAWS):
        weights = np.random.default_rng([_SEED, number]).poisson(1.0, impressions).astype(np.float64)
        for name, value in metrics(weights).items():
            draws.setdefault(name, []).append(value)
    return draws


def interval(draws: Sequence[Sequence[float]]) -> tuple[float, float]:
    """95 % interval of a mean over seeds.

    Each draw of impressions goes with a draw of seeds, with replacement, so that both count. Of few seeds the spread is
    told too low, and of one not at all. NaN where a draw has no value.

    Args:
        draws: `DRAWS` values of each seed.
    """
    values = np.asarray(draws, np.float64)
    seeds = np.random.default_rng(_SEED).integers(0, len(values), values.shape)
    means = np.take_along_axis(values, seeds, axis=0).mean(axis=0)
    low, high = np.percentile(means, _PERCENTILES)
    return float(low), float(high)
