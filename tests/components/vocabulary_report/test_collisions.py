"""The estimate of the collision rate, by hand and against hashed tokens."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from components.vocabulary_report.collisions import collision_rate

BUCKETS = 1000


def hashed(tokens: int, prefix: str) -> np.ndarray:
    """How many of so many distinct tokens fall into each bucket, hashed as the transform does."""
    texts = tf.strings.join([prefix, tf.strings.as_string(tf.range(tokens))])
    return np.bincount(tf.strings.to_hash_bucket_fast(texts, BUCKETS), minlength=BUCKETS)


def true_rate(sizes: np.ndarray) -> float:
    return sizes[sizes > 1].sum() / sizes.sum()


# By simulation, the standard deviation of the estimate from the true rate.
@pytest.mark.parametrize(("tokens", "deviation"), [(200, 0.039), (1000, 0.025), (3000, 0.008)])
def test_hashed_tokens(tokens, deviation):
    errors = []
    for number in range(50):
        sizes = hashed(tokens, f"{number} ")
        errors.append(collision_rate(np.count_nonzero(sizes), BUCKETS) - true_rate(sizes))
    assert np.max(np.abs(errors)) < 4 * deviation
    assert abs(np.mean(errors)) < 4 * deviation / 50**0.5


def test_if_all_buckets_are_taken_nearly_all_tokens_collide():
    sizes = hashed(10_000, "")
    assert collision_rate(np.count_nonzero(sizes), BUCKETS) == 1.0
    assert true_rate(sizes) > 1 - 3 / BUCKETS


@pytest.mark.parametrize(
    ("taken", "buckets", "rate"),
    [
        (0, 10, None),
        (1, 10, 0.00563),  # n = 10 ln(10 / 9) = 1.05361; 1 - 0.9^0.05361
        (5, 10, 0.46471),  # n = 10 ln 2 = 6.93147; 1 - 0.9^5.93147
        (9, 10, 0.90179),  # n = 10 ln 10 = 23.02585; 1 - 0.9^22.02585
        (10, 10, 1.0),
        (0, 1, None),
        (1, 1, 1.0),
        (1, 2**31, 0.0),
    ],
)
def test_by_hand(taken, buckets, rate):
    assert collision_rate(taken, buckets) == (None if rate is None else pytest.approx(rate, abs=1e-5))


@pytest.mark.parametrize("buckets", [2, 3, 10, 1000])
def test_the_more_are_taken_the_higher_it_is(buckets):
    rates = [collision_rate(taken, buckets) for taken in range(1, buckets + 1)]
    assert all(0 <= lower < higher <= 1 for lower, higher in itertools.pairwise(rates))
