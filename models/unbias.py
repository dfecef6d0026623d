"""UNBIAS: rejection sampling by pCTR. Zhang et al., KDD 2016, as in Ma et al., SIGIR 2018, section 3.1."""

import tensorflow as tf

from models.base import BaseModel
from models.conversion_model import CTR, Logits, Priors
from models.network import Shape
from models.randomness import random_generator


class UnbiasModel(BaseModel):
    """BASE, with clicks accepted the rarer the more probable they are, so that what is left is spread like impressions.

    A click is accepted with probability min(1, c / pCTR). With c the lowest pCTR of all this would be exact, and accept
    next to nothing; c is `model.unbias.ceiling` times the training split's click rate.
    """

    def __init__(self, shape: Shape, priors: Priors):
        super().__init__(shape, priors)
        self._always_accepted = shape.settings.unbias.ceiling * priors.click
        self._random = random_generator()

    def conversion_weights(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor) -> tf.Tensor:
        accepted = self._random.uniform(tf.shape(click)) * tf.sigmoid(logits[CTR]) < self._always_accepted
        return click * tf.cast(accepted, tf.float32)
