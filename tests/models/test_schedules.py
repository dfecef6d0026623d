"""Learning rates by step, worked out by hand and against Keras' own warm-up."""

import numpy as np
import pytest
import tensorflow as tf

from models.schedules import make_schedule
from models.settings import TrainSettings


def _rates(train: TrainSettings, steps: int, shown: int) -> list[float]:
    schedule = make_schedule(0.4, train, steps)
    return [float(schedule(tf.constant(step, tf.float32))) for step in range(shown)]


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({}, [0.4, 0.4, 0.4, 0.4, 0.4, 0.4]),
        ({"final_learning_rate": 0.0}, [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        ({"final_learning_rate": 0.5}, [0.4, 0.35, 0.3, 0.25, 0.2, 0.2]),
        ({"schedule": "constant", "final_learning_rate": 0.0}, [0.4, 0.4, 0.4, 0.4, 0.4, 0.4]),
        # 0.2 · (1 + cos(π · step / 4))
        (
            {"schedule": "cosine", "final_learning_rate": 0.0},
            [0.4, 0.2 + 0.1 * 2**0.5, 0.2, 0.2 - 0.1 * 2**0.5, 0.0, 0.0],
        ),
        (
            {"schedule": "cosine", "final_learning_rate": 0.5},
            [0.4, 0.3 + 0.05 * 2**0.5, 0.3, 0.3 - 0.05 * 2**0.5, 0.2, 0.2],
        ),
        ({"warmup_share": 0.5, "final_learning_rate": 0.0}, [0.2, 0.4, 0.4, 0.2, 0.0, 0.0]),
        ({"warmup_share": 0.75, "final_learning_rate": 0.5}, [0.4 / 3, 0.8 / 3, 0.4, 0.4, 0.2, 0.2]),
        ({"warmup_share": 0.5, "schedule": "constant"}, [0.2, 0.4, 0.4, 0.4, 0.4, 0.4]),
        ({"warmup_share": 0.2, "final_learning_rate": 0.0}, [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
    ],
)
def test_rates_of_four_steps_and_after(settings, rates):
    np.testing.assert_allclose(_rates(TrainSettings(**settings), 4, 6), rates, rtol=1e-6, atol=1e-8)


def test_after_the_warm_up_the_cosine_is_keras_own_with_warm_up():
    train = TrainSettings(schedule="cosine", final_learning_rate=0.1, warmup_share=0.1)
    keras = tf.keras.optimizers.schedules.CosineDecay(0.0, 180, alpha=0.1, warmup_target=0.4, warmup_steps=20)
    ours = _rates(train, 200, 230)
    # Keras' warm-up is one step behind: its first step has a rate of 0.
    np.testing.assert_allclose(ours[:20], [keras(step + 1) for step in range(20)], rtol=1e-6)
    np.testing.assert_allclose(ours[20:], [keras(step) for step in range(20, 230)], rtol=1e-6)


def test_linear_is_keras_own_to_the_last_bit():
    keras = tf.keras.optimizers.schedules.PolynomialDecay(0.4, 37, 0.4 * 0.3)
    steps = [tf.constant(step, tf.float32) for step in range(40)]
    assert _rates(TrainSettings(final_learning_rate=0.3), 37, 40) == [float(keras(step)) for step in steps]
