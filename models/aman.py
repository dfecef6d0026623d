"""AMAN, "all missing as negative". Pan et al., ICDM 2008, as in Ma et al., SIGIR 2018, section 3.1."""

import tensorflow as tf

from models.base import BaseModel
from models.conversion_model import Logits, Priors
from models.network import Shape
from models.randomness import random_generator


class AmanModel(BaseModel):
    """BASE, with a share of the unclicked impressions, drawn anew in every step, as rows without conversion.

    They make up for the selection of the clicks, at the price of predictions that are too low: the clicks are fewer
    than their share of the sample tells.
    """

    def __init__(self, shape: Shape, priors: Priors):
        super().__init__(shape, priors)
        self._rate = shape.settings.aman.rate
        self._random = random_generator()

    def conversion_weights(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor) -> tf.Tensor:
        drawn = self._random.uniform(tf.shape(click)) < self._rate
        return tf.maximum(click, tf.cast(drawn, tf.float32))
