"""What TensorBoard shows of a training."""

import tensorflow as tf

from models.position import Position

_STEPS_BETWEEN = 100


class Summaries(tf.keras.callbacks.Callback):
    """Writes what training shows, such as the terms of the loss, every hundred steps and after each epoch."""

    def __init__(self, directory: str, position: Position):
        """Args:
        directory: Of TensorBoard's files.
        position: Of the training.
        """
        super().__init__()
        self._writer = tf.summary.create_file_writer(directory)
        self._position = position
        self._written = position.step

    def on_train_batch_end(self, batch, logs):
        if self._position.step - self._written >= _STEPS_BETWEEN:
            self._write(logs)

    def on_epoch_end(self, epoch, logs):
        self._write(logs)
        self._writer.flush()

    def _write(self, logs: dict[str, float]) -> None:
        self._written = self._position.step
        with self._writer.as_default(self._written):
            for name, value in logs.items():
                tf.summary.scalar(name, value)
