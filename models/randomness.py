"""Random numbers of a training, the state of which a checkpoint holds."""

import tensorflow as tf


def random_generator() -> tf.random.Generator:
    """A generator that follows TensorFlow's global seed."""
    return tf.random.Generator.from_seed(tf.random.uniform([], maxval=2**31 - 1, dtype=tf.int32))
