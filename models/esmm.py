"""ESMM, the Entire Space Multi-Task Model. Ma et al., SIGIR 2018."""

import tensorflow as tf

from models import objectives
from models.conversion_model import CTR, CVR, ConversionModel, Logits, Priors, ctr_term
from models.network import Network, Shape
from models.reductions import batch_mean


class EsmmModel(ConversionModel):
    """A CTR and a CVR tower over one shared embedding, trained on all impressions.

    pCTCVR = pCTR · pCVR (equation 1). The loss is the CTR cross-entropy plus the CTCVR cross-entropy, both over all
    impressions (equation 4); pCVR has no loss of its own, so no tower ever sees clicked impressions alone.
    """

    TERMS = ("ctr_loss", "ctcvr_loss")

    def __init__(self, shape: Shape, priors: Priors):
        super().__init__(Network(shape, {CTR: priors.click, CVR: priors.conversion}, name="esmm"))

    def terms(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor, /) -> dict[str, tf.Tensor]:
        return ctr_term(logits, click) | ctcvr_term(logits, conversion)


def ctcvr_term(logits: Logits, conversion: tf.Tensor) -> dict[str, tf.Tensor]:
    """Cross-entropy of pCTR · pCVR over all impressions."""
    return {"ctcvr_loss": batch_mean(objectives.ctcvr_loss(logits[CTR], logits[CVR], conversion))}
