"""Progress of training, as log records that a screen can show as a bar and a cluster's log as lines."""

import logging
import time

import tensorflow as tf

from schema import contract

_LOGGER = logging.getLogger(contract.PROGRESS_LOGGER)
_SECONDS_BETWEEN_RECORDS = 0.5


class ProgressCallback(tf.keras.callbacks.Callback):
    """Logs, at most twice a second, how far training is.

    Each record has the attribute `progress`, a dict: `step` and `steps` (of all epochs), `epoch` and `epochs`, `loss`
    (mean of the epoch so far), `examples_per_second` (since the start).
    """

    def __init__(self, examples: int, batch_size: int, epochs: int):
        super().__init__()
        self._examples = examples
        self._batch_size = batch_size
        self._steps_per_epoch = -(-examples // batch_size)
        self._epochs = epochs
        self._epoch = 0
        self._started = self._logged = 0.0

    def on_train_begin(self, logs=None):
        self._started = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs):
        last = batch + 1 == self._steps_per_epoch
        if not last and time.monotonic() - self._logged < _SECONDS_BETWEEN_RECORDS:
            return
        self._logged = time.monotonic()
        seen = self._epoch * self._examples + min((batch + 1) * self._batch_size, self._examples)
        progress = {
            "step": self._epoch * self._steps_per_epoch + batch + 1,
            "steps": self._epochs * self._steps_per_epoch,
            "epoch": self._epoch + 1,
            "epochs": self._epochs,
            "loss": float(sum(logs[term] for term in self.model.term_names)),
            "examples_per_second": seen / (self._logged - self._started),
        }
        _LOGGER.info(
            "step %(step)d of %(steps)d, loss %(loss).4f, %(examples_per_second).0f examples/s",
            progress,
            extra={"progress": progress},
        )
