"""Where a training is."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Place:
    """How far a training is.

    Attributes:
        epoch: That is under way, counted from 0; the number of epochs when all are done.
        steps: Of it that are done.
    """

    epoch: int = 0
    steps: int = 0


class Position(tf.keras.callbacks.Callback):
    """Follows a training, of which `fit` may do a part; the first of its callbacks, for the others to look at.

    Attributes:
        place: Where training is.
        start: Where it began, or went on.
        steps_per_epoch: All of them.
    """

    def __init__(self, steps_per_epoch: int, start: Place = Place()):
        super().__init__()
        self.start = self.place = start
        self.steps_per_epoch = steps_per_epoch
        self._skipped = 0

    @property
    def step(self) -> int:
        """Steps of all epochs that are done."""
        return self.place.epoch * self.steps_per_epoch + self.place.steps

    def on_epoch_begin(self, epoch, logs=None):
        self._skipped = self.start.steps if epoch == self.start.epoch else 0
        self.place = Place(epoch, self._skipped)

    def on_train_batch_end(self, batch, logs=None):
        self.place = Place(self.place.epoch, self._skipped + batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        self.place = Place(epoch + 1)
