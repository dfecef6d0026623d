"""The epochs of a training: from where it is to its end."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from models import distribution, inputs
from models.best_epoch import BestEpoch
from models.checkpoints import CheckpointCallback, Saved, Schedule
from models.conversion_model import ConversionModel
from models.guards import LossGuard, OutputGuard
from models.inputs import Order, Spec
from models.position import Position
from models.progress import ProgressCallback
from models.settings import TrainSettings
from models.summaries import Summaries

_LOGGER = logging.getLogger(__name__)
# Training examples that are asked after each epoch whether the model still tells them apart.
_GUARDED_EXAMPLES = 4096
_JUDGED_AT_ONCE = 8192


@dataclass(frozen=True)
class Splits:
    """Patterns of the transformed examples' files."""

    train: Sequence[str]
    eval: Sequence[str]


@dataclass(frozen=True)
class Folders:
    """Where a training writes to while it is under way; None: nowhere.

    Attributes:
        checkpoints: What a killed training goes on from.
        summaries: What TensorBoard shows.
    """

    checkpoints: str | None = None
    summaries: str | None = None


NOTHING_KEPT = Folders()


def train_epochs(
    model: ConversionModel,
    splits: Splits,
    spec: Spec,
    examples: int,
    settings: TrainSettings,
    folders: Folders,
    watching: Sequence[tf.keras.callbacks.Callback],
) -> None:
    """Trains a compiled model, whose variables are made, to the last epoch, or until it gets no better.

    Args:
        model: Is changed.
        splits: The packed examples.
        spec: Feature spec of the transformed features.
        examples: Of the training split.
        settings: How to train.
        folders: Where to write to; with checkpoints in them training goes on from there.
        watching: Callbacks beside the training's own.

    Raises:
        InputError: See `models.guards` and `models.best_epoch`.
    """
    guarded = next(iter(inputs.read_packed(splits.train, spec, _GUARDED_EXAMPLES)))
    with distribution.own_folder(folders.checkpoints) as own:
        best_weights = os.path.join(own, "best")
        judged = inputs.read_packed(splits.eval, spec, _JUDGED_AT_ONCE)
        best = BestEpoch(model, judged, settings.patience, best_weights) if settings.patience else None
        saved = Saved(own, model, best.state if best else tf.Module())
        steps_per_epoch = -(-examples // settings.batch_size)
        position = Position(steps_per_epoch, saved.restore(folders.checkpoints or own))
        if position.place.epoch == settings.epochs or (best and best.stopped):
            _LOGGER.warning("training was finished before, after step %d", position.step)
        elif position.step:
            _LOGGER.warning("training was interrupted; it goes on after step %d", position.step)

        callbacks = [position, LossGuard(position), OutputGuard(guarded)]
        callbacks += watching
        callbacks.append(ProgressCallback(position, examples, settings.batch_size, settings.epochs))
        if best:
            callbacks.append(best)
        if folders.summaries:
            callbacks.append(Summaries(folders.summaries, position))
        if folders.checkpoints:
            minutes = settings.checkpoint_minutes if distribution.workers() == 1 else 0
            schedule = Schedule(minutes, settings.checkpoint_steps)
            callbacks.append(CheckpointCallback(saved, schedule, position))

        if alone := model.distribute_strategy.num_replicas_in_sync == 1:
            model.show_waiting()
        order = Order(settings.shuffle_buffer, settings.seed)
        while position.place.epoch < settings.epochs and not (best and best.stopped):
            place = position.place
            batches = inputs.read_shuffled(
                splits.train, spec, settings.batch_size, order, epoch=place.epoch, skipped=place.steps
            )
            # Keras needs the number of steps to do several in one execution.
            model.fit(
                batches if alone else distribution.spread(batches),
                initial_epoch=place.epoch,
                epochs=place.epoch + 1,
                steps_per_epoch=steps_per_epoch - place.steps,
                callbacks=callbacks,
                verbose=0,
            )
        if best:
            best.restore()
