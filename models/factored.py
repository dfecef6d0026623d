"""Input vectors in forms that towers can multiply faster than whole ones."""

import abc

import tensorflow as tf


class Factored(abc.ABC):
    """The vectors that towers take, float32 [B, width], whose product with a kernel takes fewer multiplications.

    It goes through layers that are built: whole vectors make their variables.
    """

    @abc.abstractmethod
    def product(self, kernel: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
        """With a kernel, [width, units], plus a bias, [units], if there is one; gives [B, units] of their dtype."""

    @abc.abstractmethod
    def whole(self) -> tf.Tensor:
        """The vectors, float32 [B, width]."""

    def dense(self, layer: tf.keras.layers.Dense) -> tf.Tensor:
        """What a dense layer makes of the vectors, [B, units]."""
        bias = tf.cast(layer.bias, layer.compute_dtype) if layer.use_bias else None
        return layer.activation(self.product(tf.cast(layer.kernel, layer.compute_dtype), bias))

    def through(self, stack: tf.keras.Sequential) -> tf.Tensor:
        """What hidden layers of `towers.DenseLayers` make of the vectors, [B, units]."""
        first, *others = stack.layers
        hidden = self.dense(first)
        for layer in others:
            hidden = layer(hidden)
        return hidden
