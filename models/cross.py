"""Cross layers below a tower. DCN-v2, Wang et al., WWW 2021."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.factored import Factored
from models.settings import CrossSettings
from models.towers import DenseLayers, MlpTower


class CrossTower(MlpTower):
    """Cross layers, then an `MlpTower`: the stacked structure of the paper.

    x₀ is the input, and xₗ₊₁ = x₀ · (W xₗ + b) + xₗ by element (equation 1); W = U V where the rank is given
    (equation 2).

    Input: float32 [B, width]. Output: logits, float32 [B, 1].
    """

    def __init__(
        self, hidden_units: Sequence[int], prior: float, name: str, dense: DenseLayers, settings: CrossSettings
    ):
        """Args:
        hidden_units: Widths of the hidden layers.
        prior: As of an `MlpTower`.
        name: Of the layer.
        dense: Makes the dense layers; the cross layers' kernels are initialised and regularised like theirs.
        settings: Of the cross layers.
        """
        super().__init__(hidden_units, prior, name, dense)
        self._crosses = [
            tfrs.layers.dcn.Cross(
                settings.projection_dim,
                kernel_initializer=dense.kernel_initializer,
                kernel_regularizer=dense.regularizer,
                dtype=dense.policy,
            )
            for _ in range(settings.layers)
        ]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        crossed = inputs
        for cross in self._crosses:
            crossed = cross(inputs, crossed)
        return super().call(crossed, training)

    def factored(self, vectors: Factored) -> tf.Tensor:
        # The first cross layer already multiplies every column with every other one.
        return self(vectors.whole())
