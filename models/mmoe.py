"""Experts that the towers of a network share. MMoE, Ma et al., KDD 2018."""

from collections.abc import Iterable

import tensorflow as tf

from models.settings import MmoeSettings
from models.towers import DenseLayers


class MixtureOfExperts(tf.keras.layers.Layer):
    """Gives each tower a mean of all experts' outputs, by the weights of its own gate (equations 6 and 7).

    Input: float32 [B, width]. Output: float32 [B, U] for each tower, by name; U is the width of an expert's last layer.
    """

    def __init__(self, towers: Iterable[str], settings: MmoeSettings, dense: DenseLayers):
        """Args:
        towers: Their names.
        settings: Of the experts.
        dense: Makes the layers of experts and gates.
        """
        super().__init__(name="experts")
        self._experts = [dense.hidden(settings.hidden_units) for _ in range(settings.experts)]
        self._gates = {
            tower: dense.layer(settings.experts, use_bias=False, activation="softmax", name=f"{tower}_gate")
            for tower in towers
        }

    def call(self, inputs: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        outputs = tf.stack([expert(inputs, training=training) for expert in self._experts], axis=1)  # [B, experts, U]
        return {tower: tf.einsum("be,beu->bu", gate(inputs), outputs) for tower, gate in self._gates.items()}
