"""Adam for embedding tables."""

import tensorflow as tf

from models.sparse_gradients import sum_duplicates


class LazyAdam(tf.keras.optimizers.legacy.Adam):
    """Adam that touches only the rows of a table that a step looked up.

    Keras' Adam lets the moments of every row decay, and moves every row, at every step, so a step costs as much as the
    whole table. Here a row's moments stand still while the row is not looked up (the bias correction goes on with the
    step). Where every row is touched at every step the two are equal. Dense gradients are Keras' own.
    """

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices, **kwargs):
        slices = sum_duplicates(tf.IndexedSlices(grad, indices))
        return self._resource_apply_sparse(slices.values, handle, slices.indices, **kwargs)

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        by_device = (apply_state or {}).get((var.device, var.dtype.base_dtype))
        coefficients = by_device or self._fallback_apply_state(var.device, var.dtype.base_dtype)
        beta_1, beta_2 = coefficients["beta_1_t"], coefficients["beta_2_t"]
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        m_rows = beta_1 * tf.gather(m, indices) + (1 - beta_1) * grad
        v_rows = beta_2 * tf.gather(v, indices) + (1 - beta_2) * tf.square(grad)
        step = coefficients["lr"] * m_rows / (tf.sqrt(v_rows) + coefficients["epsilon"])
        # Written, not subtracted: on a CPU scatter_sub takes longer than gather and scatter_update together.
        var_rows = tf.gather(var, indices) - step
        return tf.group(
            m.scatter_update(tf.IndexedSlices(m_rows, indices)),
            v.scatter_update(tf.IndexedSlices(v_rows, indices)),
            var.scatter_update(tf.IndexedSlices(var_rows, indices)),
        )
