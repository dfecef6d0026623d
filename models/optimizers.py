"""Adam for the towers, row-sparse Adam for the embeddings."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.settings import TrainSettings


class LazyAdam(tf.keras.optimizers.legacy.Adam):
    """Adam that touches only the rows of a table that a step looked up.

    Keras' Adam lets the moments of every row decay, and moves every row, at every step, so a step costs as much as the
    whole table. Here a row's moments stand still while the row is not looked up (the bias correction goes on with the
    step). Where every row is touched at every step the two are equal. Dense gradients are Keras' own.
    """

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        # Keras calls this with each index once, duplicates summed.
        by_device = (apply_state or {}).get((var.device, var.dtype.base_dtype))
        coefficients = by_device or self._fallback_apply_state(var.device, var.dtype.base_dtype)
        beta_1, beta_2 = coefficients["beta_1_t"], coefficients["beta_2_t"]
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        m_rows = beta_1 * tf.gather(m, indices) + (1 - beta_1) * grad
        v_rows = beta_2 * tf.gather(v, indices) + (1 - beta_2) * tf.square(grad)
        step = coefficients["lr"] * m_rows / (tf.sqrt(v_rows) + coefficients["epsilon"])
        return tf.group(
            m.scatter_update(tf.IndexedSlices(m_rows, indices)),
            v.scatter_update(tf.IndexedSlices(v_rows, indices)),
            var.scatter_sub(tf.IndexedSlices(step, indices)),
        )


def make_optimizer(
    model: tf.keras.Model, tables: Sequence[tf.Variable], train: TrainSettings, steps: int
) -> tf.keras.optimizers.legacy.Optimizer:
    """Composes the two by variable.

    Args:
        model: Gives the trainable variables; they may be made later than the optimizer.
        tables: The embedding tables.
        train: Learning rates. β₁ 0.9, β₂ 0.999, ε 1e-8 as in the paper.
        steps: Steps of the whole training, over which the learning rates fall.
    """

    of_embeddings = {table.ref() for table in tables}

    def falling(rate: float) -> tf.keras.optimizers.schedules.LearningRateSchedule:
        return tf.keras.optimizers.schedules.PolynomialDecay(rate, steps, rate * train.final_learning_rate)

    def towers() -> list[tf.Variable]:
        return [variable for variable in model.trainable_variables if variable.ref() not in of_embeddings]

    return tfrs.experimental.optimizers.CompositeOptimizer(
        [
            (LazyAdam(falling(train.embedding_learning_rate), epsilon=1e-8), lambda: list(tables)),
            (tf.keras.optimizers.legacy.Adam(falling(train.learning_rate), epsilon=1e-8), towers),
        ]
    )
