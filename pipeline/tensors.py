"""Tensors in a message."""

import tensorflow as tf


def told(tensor: tf.Tensor | tf.TensorSpec) -> str:
    """Dtype and shape, as in `int64 [B, 79]`; an axis that is not known is `?`, but for the first, the batch."""
    if tensor.shape.rank is None:
        return f"{tensor.dtype.name} of any shape"
    axes = ["?" if axis is None else str(axis) for axis in tensor.shape.as_list()]
    if axes and axes[0] == "?":
        axes[0] = "B"
    return f"{tensor.dtype.name} [{', '.join(axes)}]"
