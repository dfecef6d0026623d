"""Means over the seeds, and differences to BASE."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.settings import ModelName
from pipeline.compare.bootstrap import interval
from pipeline.compare.runs import Result

# What the others are compared with.
BASE: ModelName = "base"

# Results by model and seed.
Results = Mapping[tuple[ModelName, int], Result]


@dataclass(frozen=True)
class Spread:
    """A metric over a model's seeds.

    Attributes:
        mean: Over the seeds.
        std: Standard deviation over the seeds (n − 1), NaN of one.
        low: Begin of the 95 % interval of the mean, see `pipeline.compare.bootstrap`.
        high: End of it.
    """

    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A metric less that of BASE, over the seeds that both have.

    Attributes:
        by_seed: Of the same seed.
        mean: Over the seeds.
        low: Begin of the 95 % interval of the mean, see `pipeline.compare.bootstrap`.
        high: End of it.
    """

    by_seed: Mapping[int, float]
    mean: float
    low: float
    high: float


def spreads(results: Results) -> dict[ModelName, dict[str, Spread]]:
    """Each metric of each model."""
    found: dict[ModelName, dict[str, Spread]] = {}
    for model, seeds in _seeds(results).items():
        for metric in results[model, seeds[0]].metrics:
            values = [results[model, seed].metrics[metric] for seed in seeds]
            std = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
            ends = interval([results[model, seed].draws[metric] for seed in seeds])
            found.setdefault(model, {})[metric] = Spread(float(np.mean(values)), std, *ends)
    return found


def differences(results: Results) -> dict[ModelName, dict[str, Difference]]:
    """Each metric of each model that shares a seed with BASE, but BASE itself."""
    found: dict[ModelName, dict[str, Difference]] = {}
    for model, seeds in _seeds(results).items():
        shared = [seed for seed in seeds if (BASE, seed) in results]
        if model == BASE or not shared:
            continue
        for metric in results[model, shared[0]].metrics:
            by_seed, draws = {}, []
            for seed in shared:
                ours, base = results[model, seed], results[BASE, seed]
                by_seed[seed] = ours.metrics[metric] - base.metrics[metric]
                draws.append(np.subtract(ours.draws[metric], base.draws[metric]).tolist())
            mean = float(np.mean(list(by_seed.values())))
            found.setdefault(model, {})[metric] = Difference(by_seed, mean, *interval(draws))
    return found


def _seeds(results: Results) -> dict[ModelName, list[int]]:
    """Seeds of each model, in the order of the results."""
    seeds: dict[ModelName, list[int]] = {}
    for model, seed in results:
        seeds.setdefault(model, []).append(seed)
    return seeds
