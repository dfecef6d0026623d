"""What stops a training that has gone wrong, with the reason."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from models.position import Position
from schema import contract
from schema.errors import InputError

# Beyond float32's rounding.
_LEAST_SPREAD = 1e-6
_LEAST_PCVR = 1e-9


class LossGuard(tf.keras.callbacks.Callback):
    """Stops at the first execution of steps with a loss that is no finite number.

    Raises:
        InputError: Names the step and the terms of the loss.
    """

    def __init__(self, position: Position):
        super().__init__()
        self._position = position

    def on_train_batch_end(self, batch, logs):
        # Terms are means of the epoch so far: what is no number stays so.
        terms = {name: float(logs[name]) for name in self.model.term_names}
        if not np.isfinite(list(terms.values())).all():
            told = ", ".join(f"{name} {value:g}" for name, value in terms.items())
            raise InputError(
                f"the training loss should be finite. Received: {told} by step {self._position.step}; a lower "
                "`train.learning_rate` or `train.embedding_learning_rate` may help"
            )


class OutputGuard(tf.keras.callbacks.Callback):
    """Stops after an epoch whose model answers the same to all, or expects no conversion at all.

    Raises:
        InputError: Names the output.
    """

    def __init__(self, features: Mapping[str, tf.Tensor]):
        """Args:
        features: Of some thousand training examples, as the model takes them.
        """
        super().__init__()
        self._features = features

    def on_epoch_end(self, epoch, logs=None):
        outputs = {name: values.numpy() for name, values in self.model(self._features).items()}
        rows = len(outputs[contract.PCTR])
        if outputs[contract.PCVR].max(initial=0) < _LEAST_PCVR:
            raise InputError(
                f"pcvr should be above 0 somewhere. Received: at most {outputs[contract.PCVR].max(initial=0):g} for "
                f"{rows} training examples after epoch {epoch + 1}; are there conversions in the training split?"
            )
        for name, values in outputs.items():
            if rows > 1 and np.ptp(values) <= _LEAST_SPREAD * values.max():
                raise InputError(
                    f"{name} should tell examples apart. Received: {values[0]:g} for all of {rows} training examples "
                    f"after epoch {epoch + 1}; the model collapsed: a lower `train.learning_rate` may help"
                )
