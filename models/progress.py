"""Progress of training, as log records that a screen can show as a bar and a cluster's log as lines."""

import logging
import time

import tensorflow as tf

from models.conversion_model import WAITING
from models.position import Place, Position
from schema import contract

_LOGGER = logging.getLogger(contract.PROGRESS_LOGGER)
_SECONDS_BETWEEN_RECORDS = 0.5


class ProgressCallback(tf.keras.callbacks.Callback):
    """Logs, at most twice a second, how far training is.

    Each record has the attribute `progress`, a dict: `step` and `steps` (of all epochs), `epoch` and `epochs`, `loss`
    (mean of the epoch so far), `examples_per_second` and `seconds_left` (both by what was done since training began or
    went on) and, on one device, `waiting` (share of the epoch's time that was spent waiting for input).
    """

    def __init__(self, position: Position, examples: int, batch_size: int, epochs: int):
        """Args:
        position: Of the training.
        examples: Of an epoch.
        batch_size: B.
        epochs: In all.
        """
        super().__init__()
        self._position = position
        self._examples = examples
        self._batch_size = batch_size
        self._epochs = epochs
        self._started = time.monotonic()
        self._epoch_started = self._logged = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_started = time.monotonic()

    def on_train_batch_end(self, batch, logs):
        last = self._position.place.steps == self._position.steps_per_epoch
        if not last and time.monotonic() - self._logged < _SECONDS_BETWEEN_RECORDS:
            return
        self._logged = time.monotonic()
        seen = self._seen(self._position.place)
        rate = (seen - self._seen(self._position.start)) / (self._logged - self._started)
        progress = {
            "step": self._position.step,
            "steps": self._epochs * self._position.steps_per_epoch,
            "epoch": self._position.place.epoch + 1,
            "epochs": self._epochs,
            "loss": float(sum(logs[term] for term in self.model.term_names)),
            "examples_per_second": rate,
            "seconds_left": (self._epochs * self._examples - seen) / rate,
        }
        text = "step %(step)d of %(steps)d, loss %(loss).4f, %(examples_per_second).0f examples/s"
        if WAITING in logs:
            progress["waiting"] = float(logs[WAITING]) / (self._logged - self._epoch_started)
            text += ", waiting %(waiting).2f of the time"
        _LOGGER.info(text, progress, extra={"progress": progress})

    def _seen(self, place: Place) -> int:
        return place.epoch * self._examples + min(place.steps * self._batch_size, self._examples)
