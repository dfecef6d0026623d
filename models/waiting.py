"""How long training waits for its input."""

from collections.abc import Mapping

import tensorflow as tf

# Key of the seconds, float64 [], that a batch was waited for.
WAITED = "waited"


def timed(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Adds to each batch how long it was waited for, from when it was asked for."""
    both = tf.data.Dataset.zip((_clock(), batches, _clock())).map(_with_difference)
    options = tf.data.Options()
    # A prefetch behind the clocks would let them tell what it waits for.
    options.experimental_optimization.inject_prefetch = False
    return both.with_options(options)


def _clock() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors(0).repeat().map(lambda _: tf.timestamp())


def _with_difference(asked: tf.Tensor, batch: Mapping[str, tf.Tensor], came: tf.Tensor) -> dict[str, tf.Tensor]:
    return {**batch, WAITED: came - asked}
