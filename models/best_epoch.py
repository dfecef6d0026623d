"""Early stopping, with the weights of the best epoch."""

import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from models.signatures import served
from schema import contract
from schema.errors import InputError


class BestEpoch(tf.keras.callbacks.Callback):
    """Judges the model after each epoch by `ctcvr_auc_all`, and keeps the weights of the best.

    Attributes:
        state: What a checkpoint of the training holds.
    """

    def __init__(self, model: tf.keras.Model, examples: tf.data.Dataset, patience: int, prefix: str):
        """Args:
        model: Is judged.
        examples: Batches of the eval split.
        patience: Epochs without a better model after which to stop.
        prefix: Of the files with the best weights.
        """
        super().__init__()
        self._judged = model
        self._examples = examples
        self._weights = tf.train.Checkpoint(model=model)
        self._patience = patience
        self._prefix = prefix
        self.state = tf.Module()
        self.state.auc, self.state.epochs_since = tf.Variable(-1.0, dtype=tf.float64), tf.Variable(0)

    @property
    def stopped(self) -> bool:
        """Whether patience is at its end."""
        return int(self.state.epochs_since) >= self._patience

    def on_epoch_end(self, epoch, logs=None):
        auc = ctcvr_auc(self._judged, self._examples)
        if logs is not None:
            logs["ctcvr_auc_all"] = auc
        if auc > float(self.state.auc):
            self._weights.write(self._prefix)
            self.state.auc.assign(auc)
            self.state.epochs_since.assign(0)
        else:
            self.state.epochs_since.assign_add(1)

    def restore(self) -> None:
        """Gives the model the weights of its best epoch."""
        self._weights.read(self._prefix).assert_existing_objects_matched()


def ctcvr_auc(model: tf.keras.Model, examples: tf.data.Dataset) -> float:
    """AUC of pCTCVR over all impressions.

    Args:
        model: From features to the three outputs.
        examples: Batches of features and labels.

    Raises:
        InputError: There is no conversion, or nothing else.
    """
    ask = tf.function(lambda features: served(model, features)[contract.PCTCVR], reduce_retracing=True)
    labels, scores = [], []
    for batch in examples:
        labels.append(batch[contract.CLICK].numpy() * batch[contract.CONVERSION].numpy())
        scores.append(ask(batch).numpy())
    label = np.concatenate([np.zeros(0), *labels])
    if label.all() or not label.any():
        raise InputError(
            "the eval split should have impressions with and without a conversion for `train.patience`. Received: "
            f"{int(label.sum())} conversions in {len(label)} impressions"
        )
    return float(roc_auc_score(label, np.concatenate(scores)))
