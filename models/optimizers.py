"""One optimizer for the embedding tables, Adam for the towers."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.clipping import ClippedOptimizer
from models.lazy_adam import LazyAdam
from models.schedules import make_schedule
from models.settings import TrainSettings
from models.weight_decay import with_weight_decay

# As in the paper; Keras' default is 1e-7. β₁ 0.9 and β₂ 0.999 are the default.
_EPSILON = 1e-8


def make_optimizer(
    model: tf.keras.Model, tables: Sequence[tf.Variable], train: TrainSettings, steps: int
) -> tf.keras.optimizers.legacy.Optimizer:
    """Composes the two by variable.

    Args:
        model: Gives the trainable variables; they may be made later than the optimizer.
        tables: The embedding tables.
        train: Optimizer of the tables, learning rates, clipping and weight decay.
        steps: Steps of the whole training, over which the learning rates change.
    """
    of_embeddings = {table.ref() for table in tables}
    adam = with_weight_decay(tf.keras.optimizers.legacy.Adam, train.weight_decay)

    def towers() -> list[tf.Variable]:
        return [variable for variable in model.trainable_variables if variable.ref() not in of_embeddings]

    by_variable = [
        (_of_tables(train, steps), lambda: list(tables)),
        (adam(make_schedule(train.learning_rate, train, steps), epsilon=_EPSILON), towers),
    ]
    if train.clip_norm is None:
        return tfrs.experimental.optimizers.CompositeOptimizer(by_variable)
    return ClippedOptimizer(train.clip_norm, by_variable)


def _of_tables(train: TrainSettings, steps: int) -> tf.keras.optimizers.legacy.Optimizer:
    optimizer, options = {
        "lazy_adam": (LazyAdam, {"epsilon": _EPSILON}),
        "adam": (tf.keras.optimizers.legacy.Adam, {"epsilon": _EPSILON}),
        "adagrad": (
            tf.keras.optimizers.legacy.Adagrad,
            {"initial_accumulator_value": train.adagrad.initial_accumulator},
        ),
        "ftrl": (
            tf.keras.optimizers.legacy.Ftrl,
            {
                "initial_accumulator_value": train.ftrl.initial_accumulator,
                "l1_regularization_strength": train.ftrl.l1,
                "l2_regularization_strength": train.ftrl.l2,
            },
        ),
    }[train.embedding_optimizer]
    rate = make_schedule(train.embedding_learning_rate, train, steps)
    return with_weight_decay(optimizer, train.weight_decay)(rate, **options)
