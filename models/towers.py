"""Towers: from the input vector of an example to one logit."""

import math
from collections.abc import Sequence

import tensorflow as tf


class MlpTower(tf.keras.layers.Layer):
    """Dense layers with ReLU, then one linear unit.

    Input: float32 [B, width]. Output: logits, float32 [B, 1].
    """

    def __init__(self, hidden_units: Sequence[int], prior: float, name: str):
        """Args:
        hidden_units: Widths of the hidden layers.
        prior: Probability, in (0, 1), that the untrained tower answers with: the last bias is its logit.
        name: Of the layer.
        """
        super().__init__(name=name)
        bias = tf.keras.initializers.Constant(math.log(prior / (1 - prior)))
        self._layers = [tf.keras.layers.Dense(units, activation="relu") for units in hidden_units]
        self._layers.append(tf.keras.layers.Dense(1, bias_initializer=bias))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        hidden = inputs
        for layer in self._layers:
            hidden = layer(hidden)
        return hidden
