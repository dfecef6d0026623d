"""Experts that the towers of a network share. MMoE, Ma et al., KDD 2018."""

from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from models.factored import Factored
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
        outputs = [expert(inputs, training=training) for expert in self._experts]
        return _mixed({tower: gate(inputs) for tower, gate in self._gates.items()}, outputs)

    def factored(self, vectors: Factored) -> dict[str, tf.Tensor]:
        """The same of factored vectors."""
        outputs = [vectors.through(expert) for expert in self._experts]
        return _mixed({tower: vectors.dense(gate) for tower, gate in self._gates.items()}, outputs)


def _mixed(weights: Mapping[str, tf.Tensor], outputs: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
    """The outputs' means by each tower's weights, float32 [B, experts]."""
    stacked = tf.stack(outputs, axis=1)  # [B, experts, U]
    return {tower: tf.einsum("be,beu->bu", by_expert, stacked) for tower, by_expert in weights.items()}
