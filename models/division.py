"""DIVISION: pCVR as a quotient. Ma et al., SIGIR 2018, section 3.1."""

import tensorflow as tf

from models import objectives
from models.conversion_model import CTCVR, CTR, ConversionModel, Logits, Priors, ctr_term
from models.network import Network, Shape
from models.reductions import batch_mean
from schema import contract


class DivisionModel(ConversionModel):
    """A CTR and a CTCVR network, both trained on all impressions, that share nothing; pCVR = pCTCVR / pCTR.

    The quotient may pass 1, up to 1 / pCTR; only the served model clips it.
    """

    TERMS = ("ctr_loss", "ctcvr_loss")

    def __init__(self, shape: Shape, priors: Priors):
        super().__init__(
            Network(shape, {CTR: priors.click}, name="ctr"),
            Network(shape, {CTCVR: priors.click * priors.conversion}, name="ctcvr"),
        )

    def probabilities(self, logits: Logits) -> dict[str, tf.Tensor]:
        # As a difference of logarithms, which divides no 0 by 0.
        quotient = tf.exp(tf.math.log_sigmoid(logits[CTCVR]) - tf.math.log_sigmoid(logits[CTR]))
        return {
            contract.PCTR: tf.sigmoid(logits[CTR]),
            contract.PCVR: quotient,
            contract.PCTCVR: tf.sigmoid(logits[CTCVR]),
        }

    def terms(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor, /) -> dict[str, tf.Tensor]:
        ctcvr = objectives.cross_entropy(logits[CTCVR], conversion)
        return ctr_term(logits, click) | {"ctcvr_loss": batch_mean(ctcvr)}
