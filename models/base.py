"""BASE: a CVR network trained on clicked impressions alone. Ma et al., SIGIR 2018, section 3.1."""

import tensorflow as tf

from models import objectives
from models.conversion_model import CTR, CVR, ConversionModel, Logits, Priors, ctr_term
from models.network import Network, Shape
from models.reductions import weighted_mean


class BaseModel(ConversionModel):
    """The CVR loss is the mean cross-entropy over clicked impressions, so where nobody clicks nothing is learned.

    pCTR comes from a CTR network of the same shape; the two share nothing, so it is as if each were trained alone. The
    methods that change which impressions count, and how much, are subclasses with other `conversion_weights`.
    """

    TERMS = ("ctr_loss", "cvr_loss")

    def __init__(self, shape: Shape, priors: Priors):
        super().__init__(
            Network(shape, {CTR: priors.click}, name="ctr"), Network(shape, {CVR: priors.conversion}, name="cvr")
        )

    def conversion_weights(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor) -> tf.Tensor:
        """How much each impression counts in the CVR loss, float32 [B]; arguments are those of `terms`."""
        return click

    def terms(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor, /) -> dict[str, tf.Tensor]:
        weights = tf.stop_gradient(self.conversion_weights(logits, click, conversion))
        losses = objectives.cross_entropy(logits[CVR], conversion)
        return ctr_term(logits, click) | {"cvr_loss": weighted_mean(losses, weights)}
