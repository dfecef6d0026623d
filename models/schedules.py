"""Learning rates over a training."""

import tensorflow as tf

from models.settings import TrainSettings


class WarmUp(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Raises the rate linearly, then follows another schedule.

    Of w steps of warm-up the s-th has s/w of the other schedule's first rate. None has 0, which FTRL would divide by.
    """

    def __init__(self, steps: int, then: tf.keras.optimizers.schedules.LearningRateSchedule):
        """Args:
        steps: w, above 0.
        then: Its step 0 is the first one after the warm-up.
        """
        self._steps = steps
        self._then = then

    def __call__(self, step):
        """The rate, float32 [], of a step, counted from 0."""
        step = tf.cast(step, tf.float32)
        return tf.minimum((step + 1) / self._steps, 1.0) * self._then(tf.maximum(step - self._steps, 0.0))


def make_schedule(rate: float, train: TrainSettings, steps: int) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of each step.

    Args:
        rate: The highest one.
        train: Says how it rises and falls.
        steps: Of the whole training, the warm-up included.
    """
    warmup_steps = int(train.warmup_share * steps)
    final = 1.0 if train.schedule == "constant" else train.final_learning_rate
    if train.schedule == "cosine":
        schedule = tf.keras.optimizers.schedules.CosineDecay(rate, steps - warmup_steps, final)
    else:
        schedule = tf.keras.optimizers.schedules.PolynomialDecay(rate, steps - warmup_steps, rate * final)
    return WarmUp(warmup_steps, schedule) if warmup_steps else schedule
