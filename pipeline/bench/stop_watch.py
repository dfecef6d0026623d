"""A clock in a training by Keras."""

import tensorflow as tf

from pipeline.bench.clock import Clock


class StopWatch(tf.keras.callbacks.Callback):
    """Measures the steps with a clock, and stops the training when enough are measured."""

    def __init__(self, clock: Clock):
        super().__init__()
        self._clock = clock
        self._done = 0

    def on_train_batch_end(self, batch, logs=None):
        # Of an execution of several steps this is the last.
        self.model.stop_training = self._clock.tick(batch + 1 - self._done)
        self._done = batch + 1
