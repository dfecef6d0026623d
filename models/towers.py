"""Towers: from the input vector of an example to one logit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from models.factored import Factored
from models.randomness import random_generator


@dataclass(frozen=True)
class DenseLayers:
    """Makes the dense layers of a network, all initialised and regularised in the same way.

    Attributes:
        dropout: Share of the hidden units that each training step leaves out, in [0, 1).
        l2: What the kernels' sum of squares is multiplied by in the loss.
        batch_norm: Whether hidden units are normalised before the ReLU.
        kernel_initializer: Keras' name of it.
        policy: Keras' name of the precision that the layers compute in. Their variables are float32.
    """

    dropout: float = 0.0
    l2: float = 0.0
    batch_norm: bool = False
    kernel_initializer: str = "glorot_uniform"
    policy: str = "float32"

    @property
    def regularizer(self) -> tf.keras.regularizers.Regularizer | None:
        """Of a kernel."""
        # Each replica has its part of the loss.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return tf.keras.regularizers.L2(self.l2 / replicas) if self.l2 else None

    def layer(self, units: int, **options: Any) -> tf.keras.layers.Dense:
        """One dense layer; options are Keras' own."""
        return tf.keras.layers.Dense(
            units,
            **{
                "kernel_initializer": self.kernel_initializer,
                "kernel_regularizer": self.regularizer,
                "dtype": self.policy,
                **options,
            },
        )

    def hidden(self, widths: Sequence[int]) -> tf.keras.Sequential:
        """Hidden layers with ReLU, from float32 [B, width] to float32 [B, widths[-1]]."""
        stack = tf.keras.Sequential()
        for width in widths:
            # Batch normalisation has a shift of its own.
            stack.add(self.layer(width, use_bias=not self.batch_norm))
            if self.batch_norm:
                stack.add(tf.keras.layers.BatchNormalization(dtype=self.policy, synchronized=True))
            stack.add(tf.keras.layers.ReLU(dtype=self.policy))
            if self.dropout:
                stack.add(Dropout(self.dropout, dtype=self.policy))
        return stack


class Dropout(tf.keras.layers.Layer):
    """Keras' Dropout, whose random numbers a checkpoint holds, too."""

    def __init__(self, rate: float, dtype: str):
        super().__init__(dtype=dtype)
        self.rate = rate
        self._random = random_generator()

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return inputs
        return tf.nn.experimental.general_dropout(inputs, self.rate, self._random.uniform)


class MlpTower(tf.keras.layers.Layer):
    """Dense layers with ReLU, then one linear unit.

    Input: float32 [B, width]. Output: logits, float32 [B, 1].
    """

    def __init__(self, hidden_units: Sequence[int], prior: float, name: str, dense: DenseLayers):
        """Args:
        hidden_units: Widths of the hidden layers.
        prior: Probability, in (0, 1), that the untrained tower answers with: the last bias is its logit.
        name: Of the layer.
        dense: Makes its layers.
        """
        super().__init__(name=name, dtype=dense.policy)
        bias = tf.keras.initializers.Constant(math.log(prior / (1 - prior)))
        self._hidden = dense.hidden(hidden_units)
        self._logit = dense.layer(1, bias_initializer=bias, dtype="float32")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self._logit(self._hidden(inputs, training=training))

    def factored(self, vectors: Factored) -> tf.Tensor:
        """The same of factored vectors."""
        # For profiles; Keras does so around `call`.
        with tf.name_scope(self.name):
            return self._logit(vectors.through(self._hidden))
