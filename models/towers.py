"""Towers: from the input vector of an example to one logit."""

import math
from collections.abc import Sequence

import tensorflow as tf


class MlpTower(tf.keras.layers.Layer):
    """Dense layers with ReLU and dropout, then one linear unit.

    Input: float32 [B, width]. Output: logits, float32 [B, 1].
    """

    def __init__(self, hidden_units: Sequence[int], dropout: float, prior: float, name: str):
        """Args:
        hidden_units: Widths of the hidden layers.
        dropout: Share of their units that is left out in training.
        prior: Probability, in (0, 1), that the untrained tower answers with: the last bias is its logit.
        name: Of the layer.
        """
        super().__init__(name=name)
        self._layers = []
        for units in hidden_units:
            self._layers.append(tf.keras.layers.Dense(units, activation="relu"))
            self._layers.append(tf.keras.layers.Dropout(dropout))
        bias = math.log(prior / (1 - prior))
        self._layers.append(tf.keras.layers.Dense(1, bias_initializer=tf.keras.initializers.Constant(bias)))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        hidden = inputs
        for layer in self._layers:
            hidden = layer(hidden, training=training) if isinstance(layer, tf.keras.layers.Dropout) else layer(hidden)
        return hidden
