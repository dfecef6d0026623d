"""A training on disk, so that a killed one goes on from there."""

import logging
import time
from dataclasses import dataclass

import tensorflow as tf

from models.position import Place, Position

_LOGGER = logging.getLogger(__name__)

# The last, and the one before it while the last is being written.
_KEPT = 2


@dataclass(frozen=True)
class Schedule:
    """When a checkpoint is written, besides after each epoch.

    Attributes:
        minutes: Since the last one; 0 for never.
        steps: Since the last one; 0 for never.
    """

    minutes: float
    steps: int


class Saved:
    """Model, optimizer, place, and what else has to be as it was.

    A checkpoint counts only when it is whole, so a kill at any moment leaves one to go on from, or none. The order of
    the examples follows from the place; so what goes on ends with the same weights as what was never disturbed.
    """

    def __init__(self, directory: str, model: tf.keras.Model, state: tf.Module):
        """Args:
        directory: Of the checkpoints; of several workers all but one should write elsewhere.
        model: With its optimizer.
        state: What else.
        """
        self._epoch, self._steps = tf.Variable(0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
        self._checkpoint = tf.train.Checkpoint(
            model=model, optimizer=model.optimizer, state=state, epoch=self._epoch, steps=self._steps
        )
        self._manager = tf.train.CheckpointManager(self._checkpoint, directory, max_to_keep=_KEPT)

    def restore(self, directory: str) -> Place:
        """Takes up the last whole checkpoint of a directory, and gives the place; without one it is the start."""
        state = tf.train.get_checkpoint_state(directory)
        for path in reversed(state.all_model_checkpoint_paths if state else ()):
            if problem := _problem(path):
                _LOGGER.warning("checkpoint %s can't be read, the one before it is tried: %s", path, problem)
                continue
            self._checkpoint.restore(path)
            break
        return Place(int(self._epoch), int(self._steps))

    def write(self, place: Place) -> None:
        """Writes a checkpoint, and then removes an older one."""
        self._epoch.assign(place.epoch)
        self._steps.assign(place.steps)
        self._manager.save()


def _problem(path: str) -> str | None:
    """What keeps a checkpoint from being read, on one line, if anything does."""
    # Keras reads an optimizer's part only when the first step asks for it, which would be too late to turn back.
    try:
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except Exception as error:  # of several kinds, IndexError among them
        return str(error).splitlines()[0]
    return None


class CheckpointCallback(tf.keras.callbacks.Callback):
    """Writes checkpoints while training."""

    def __init__(self, saved: Saved, schedule: Schedule, position: Position):
        """Args:
        saved: Writes them.
        schedule: When to.
        position: Of the training.
        """
        super().__init__()
        self._saved, self._schedule, self._position = saved, schedule, position
        self._written_at, self._written_step = time.monotonic(), position.step

    def on_train_batch_end(self, batch, logs=None):
        minutes = (time.monotonic() - self._written_at) / 60
        steps = self._position.step - self._written_step
        due = 0 < self._schedule.minutes <= minutes or 0 < self._schedule.steps <= steps
        # An epoch's last step is left to its end, which has things to do that are not to be skipped.
        if due and self._position.place.steps < self._position.steps_per_epoch:
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        self._write()

    def _write(self) -> None:
        self._saved.write(self._position.place)
        self._written_at, self._written_step = time.monotonic(), self._position.step
