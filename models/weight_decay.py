"""Weight decay beside any of Keras' optimizers."""

from typing import Any

import tensorflow as tf


def with_weight_decay(optimizer: Any, decay: float) -> Any:
    """A class of optimizers whose steps first shrink the weights by learning rate · decay.

    The decay is decoupled from the gradient, and so from what the optimizer divides that by (Loshchilov & Hutter, ICLR
    2019, algorithm 2). Of a table only the rows that the step looked up shrink; of the variables with a dense gradient
    those with two axes or more: kernels, but neither biases nor the scale and shift of batch normalisation.

    Args:
        optimizer: A class of Keras' legacy optimizers.
        decay: λ, at least 0; with 0 the class is the optimizer's own.
    """
    if not decay:
        return optimizer

    class Decaying(optimizer):
        def _kept(self, var):
            return 1 - decay * self._decayed_lr(var.dtype.base_dtype)

        def _resource_apply_dense(self, grad, var, apply_state=None):
            if var.shape.rank < 2:
                return super()._resource_apply_dense(grad, var, apply_state)
            with tf.control_dependencies([var.assign(var * self._kept(var))]):
                return super()._resource_apply_dense(grad, var, apply_state)

        def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
            rows = tf.gather(var, indices) * self._kept(var)
            with tf.control_dependencies([var.scatter_update(tf.IndexedSlices(rows, indices))]):
                return super()._resource_apply_sparse(grad, var, indices, apply_state)

    return Decaying
