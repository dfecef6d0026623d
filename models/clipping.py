"""Clipping of all gradients by one norm."""

from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.sparse_gradients import sum_duplicates


class ClippedOptimizer(tfrs.experimental.optimizers.CompositeOptimizer):
    """Scales all gradients down together where their global norm is above a limit (Pascanu et al., ICML 2013).

    The norm is of the whole batch's gradient, over towers and tables: summed over replicas first, and over a row's
    lookups. The `global_clipnorm` of Keras' optimizers is over the variables of each optimizer alone, with a row that
    was looked up twice as two.
    """

    def __init__(self, clip_norm: float, *args: Any, **options: Any):
        """Args:
        clip_norm: The limit, above 0.
        *args: Of the composite optimizer.
        **options: Of the composite optimizer.
        """
        super().__init__(*args, **options)
        self._clip_norm = clip_norm

    def apply_gradients(self, grads_and_vars, name=None, experimental_aggregate_gradients=True):
        if experimental_aggregate_gradients:
            grads_and_vars = self.gradient_aggregator(grads_and_vars)
        gradients, variables = zip(*grads_and_vars, strict=True)
        once = [sum_duplicates(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]
        clipped, _ = tf.clip_by_global_norm(once, self._clip_norm)
        super().apply_gradients(zip(clipped, variables, strict=True), name, experimental_aggregate_gradients=False)
