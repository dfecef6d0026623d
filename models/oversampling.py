"""OVERSAMPLING: conversions are copied. Weiss, SIGKDD Explorations 2004, as in Ma et al., SIGIR 2018, section 3.1."""

import tensorflow as tf

from models.base import BaseModel
from models.conversion_model import Logits, Priors
from models.network import Shape


class OversamplingModel(BaseModel):
    """BASE, with each conversion counted as often as `model.oversampling.copies` says.

    Against sparsity; its predictions are too high by about that factor.
    """

    def __init__(self, shape: Shape, priors: Priors):
        super().__init__(shape, priors)
        self._copies = shape.settings.oversampling.copies

    def conversion_weights(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor) -> tf.Tensor:
        return click * (1.0 + (self._copies - 1.0) * conversion)
