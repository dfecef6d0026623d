"""Attention of the candidate item over a history. DIN, Zhou et al., KDD 2018."""

from collections.abc import Sequence

import tensorflow as tf

from models.towers import DenseLayers


class AttentionPooling(tf.keras.layers.Layer):
    """Sums a history's vectors, each by its activation weight (equation 3).

    A small network tells the weight from [value, candidate, value - candidate, value · candidate]. The weights are not
    normalised, so that their sum tells how strong the interest is. ReLU takes the place of the paper's Dice.
    """

    def __init__(self, hidden_units: Sequence[int], dense: DenseLayers):
        """Args:
        hidden_units: Widths of the small network's hidden layers.
        dense: Makes its layers. They have neither dropout nor batch normalisation: padding would count in its means.
        """
        super().__init__()
        self._activation = [*(dense.layer(units, activation="relu") for units in hidden_units), dense.layer(1)]

    def call(self, values: tf.Tensor, weights: tf.Tensor, candidate: tf.Tensor) -> tf.Tensor:
        """Pools.

        Args:
            values: float32 [B, L, D].
            weights: The values' own, float32 [B, L]; 0 where there is no value.
            candidate: float32 [B, 1, D].

        Returns:
            float32 [B, D]; 0 where no value is present.
        """
        candidates = tf.repeat(candidate, values.shape[1], axis=1)
        hidden = tf.concat([values, candidates, values - candidates, values * candidates], axis=2)
        for layer in self._activation:
            hidden = layer(hidden)
        return tf.einsum("bld,bl->bd", values, weights * tf.cast(tf.squeeze(hidden, axis=2), weights.dtype))
