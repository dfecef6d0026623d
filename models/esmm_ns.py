"""ESMM-NS: ESMM without sharing the embedding. Ma et al., SIGIR 2018, section 3.1."""

import tensorflow as tf

from models.conversion_model import CTR, CVR, ConversionModel, Logits, Priors, ctr_term
from models.esmm import ctcvr_term
from models.network import Network, Shape


class EsmmNsModel(ConversionModel):
    """The loss of ESMM; pCTR and pCVR each have an embedding of their own."""

    TERMS = ("ctr_loss", "ctcvr_loss")

    def __init__(self, shape: Shape, priors: Priors):
        super().__init__(
            Network(shape, {CTR: priors.click}, name="ctr"), Network(shape, {CVR: priors.conversion}, name="cvr")
        )

    def terms(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor, /) -> dict[str, tf.Tensor]:
        return ctr_term(logits, click) | ctcvr_term(logits, conversion)
