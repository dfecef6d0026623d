import numpy as np
import pytest

from pipeline.compare.bootstrap import DRAWS, draw, interval


def test_draws_are_the_same_for_the_same_impressions():
    values = np.random.default_rng(1).random(1000)
    first, second = (draw(lambda weights: {"mean": float(weights @ values / weights.sum())}, 1000) for _ in range(2))
    assert first == second
    assert len(set(first["mean"])) == DRAWS


def test_the_spread_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(1).normal(0, 2, 4000)
    means = draw(lambda weights: {"mean": float(weights @ values / weights.sum())}, 4000)["mean"]
    assert np.std(means) == pytest.approx(2 / 4000**0.5, rel=0.15)
    low, high = interval([means])
    assert (high - low) / 2 == pytest.approx(1.96 * 2 / 4000**0.5, rel=0.2)
    assert low < values.mean() < high


def test_paired_differences_are_narrower_than_what_they_are_taken_of():
    values = np.random.default_rng(1).normal(0, 2, 4000)
    draws = draw(lambda weights: {"a": float(weights @ values / 4000), "b": float(weights @ (values + 1) / 4000)}, 4000)
    low, high = interval([np.subtract(draws["b"], draws["a"]).tolist()])
    assert low < 1 < high
    assert high - low < (np.percentile(draws["a"], 97.5) - np.percentile(draws["a"], 2.5)) * 0.6


def test_the_spread_over_seeds_counts():
    # Without any spread over impressions: the mean of four draws of 0, 1, 2, 3.
    low, high = interval([[float(seed)] * DRAWS for seed in range(4)])
    assert (low + high) / 2 == pytest.approx(1.5, abs=0.3)
    assert 0.25 <= low <= 0.75
    assert 2.25 <= high <= 2.75
    assert interval([[1.0] * DRAWS]) == (1.0, 1.0)


def test_nan_where_a_draw_has_no_value():
    assert np.isnan(interval([[float("nan")] + [1.0] * (DRAWS - 1)])).all()
