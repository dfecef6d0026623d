"""What all models share: how long they wait for their batches."""

import time

import numpy as np
import pytest
import tensorflow as tf

from models.conversion_model import WAITING, Priors
from models.esmm import EsmmModel
from models.network import Shape
from models.settings import ModelSettings
from schema.fields import Field

_STEPS = 8
_SECONDS = 0.05


class _SlowModel(EsmmModel):
    """Each step takes a while."""

    def terms(self, logits, click, conversion, /):
        with tf.control_dependencies([tf.numpy_function(_sleep, [], tf.int64)]):
            return super().terms(logits, click, conversion)


def _sleep() -> np.int64:
    time.sleep(_SECONDS)
    return np.int64(0)


def _waited(make_model: type[EsmmModel], batches: tf.data.Dataset, steps_per_execution: int) -> float:
    """Seconds of an epoch of eight batches, that of the tracing left out."""
    settings = ModelSettings(embedding_dim=2, hidden_units=(2,))
    shape = Shape((Field(name="user_id", entity="user"),), {"user_id": 4}, settings)
    model = make_model(shape, Priors(0.5, 0.5))
    model.compile(optimizer=tf.keras.optimizers.legacy.Adam(), steps_per_execution=steps_per_execution)
    model.show_waiting()
    history = model.fit(batches, epochs=2, steps_per_epoch=_STEPS, verbose=0).history
    return history[WAITING][1]


def _batches() -> tf.data.Dataset:
    batch = {name: tf.zeros([4, 1] if name == "ids" else [4], tf.int64) for name in ("ids", "click", "conversion")}
    return tf.data.Dataset.from_tensors(batch).repeat(2 * _STEPS)


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_seconds_that_training_waits_for_slow_batches(steps_per_execution):
    def slow(batch):
        with tf.control_dependencies([tf.numpy_function(_sleep, [], tf.int64)]):
            return {name: tf.identity(values) for name, values in batch.items()}

    waited = _waited(EsmmModel, _batches().map(slow), steps_per_execution)
    # The next batch is made while a step is under way, and a busy machine is slower.
    assert 0.6 * _STEPS * _SECONDS < waited < 5 * _STEPS * _SECONDS


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_slow_steps_wait_for_nothing(steps_per_execution):
    assert _waited(_SlowModel, _batches(), steps_per_execution) < 0.3 * _STEPS * _SECONDS
