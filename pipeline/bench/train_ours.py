"""Our side of measuring training: `models.trainer`, on examples of `pipeline.bench.train_data`."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models import inputs, trainer
from models.conversion_model import ConversionModel
from models.epochs import Splits
from models.guards import LossGuard
from models.position import Position
from models.settings import ModelSettings, Precision, TrainSettings
from pipeline.bench import train_data
from pipeline.bench.clock import LEAST_TICKS, Clock
from pipeline.bench.stop_watch import StopWatch

# Steps, more than will be measured.
_MANY = 1_000_000


def from_files(
    data: str, sizes: Mapping[str, int], batch_size: int, seconds: float, precision: Precision = "float32"
) -> dict[str, float]:
    """Trains end to end, as the Trainer does.

    Args:
        data: Folder of the examples.
        sizes: Of the fields' vocabularies.
        batch_size: B.
        seconds: How long to measure at least, as far as the examples last.
        precision: Of the towers.

    Returns:
        See `pipeline.bench.clock`.
    """
    clock = Clock(seconds)
    train(data, sizes, batch_size, StopWatch(clock), precision)
    return clock.figures(batch_size)


def from_memory(data: str, sizes: Mapping[str, int], batch_size: int, seconds: float) -> dict[str, float]:
    """Trains the same model on batches that are in memory, again and again. Arguments are those of `from_files`."""
    clock = Clock(seconds)
    model = train(data, sizes, batch_size, StopWatch(Clock(0)))
    spec = tft.TFTransformOutput(f"{data}/graph").transformed_feature_spec()
    batches = inputs.read_packed([f"{data}/packed/*"], spec, batch_size).cache()
    for _ in batches:
        pass
    position = Position(_MANY)
    watching = [position, LossGuard(position), StopWatch(clock)]
    model.fit(batches.repeat(), steps_per_epoch=_MANY, verbose=0, callbacks=watching)
    return clock.figures(batch_size)


def train(
    data: str,
    sizes: Mapping[str, int],
    batch_size: int,
    watching: tf.keras.callbacks.Callback,
    precision: Precision = "float32",
) -> ConversionModel:
    """Trains once over the examples, else with the defaults: the paper's ESMM. Arguments are those of `from_files`."""
    settings = TrainSettings(batch_size=batch_size, precision=precision)
    # As many steps in an execution as leave enough executions to measure.
    steps = len(np.load(f"{data}/examples.npy", mmap_mode="r")) // batch_size
    at_once = max(1, min(settings.steps_per_execution, steps // LEAST_TICKS))
    return trainer.train(
        Splits([f"{data}/packed/*"], []),
        tft.TFTransformOutput(f"{data}/graph"),
        train_data.fields(sizes),
        ModelSettings(),
        settings.model_copy(update={"steps_per_execution": at_once}),
        watching=[watching],
    )
