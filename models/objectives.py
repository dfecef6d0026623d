"""Losses as pure functions of logits, one value per example. Ma et al., SIGIR 2018, equation 4.

All take float32 [B] logits and float32 [B] labels, 0 or 1, and give float32 [B], at least 0. They are finite, with
finite gradients, at logits of ±80.
"""

import tensorflow as tf


def ctr_loss(ctr_logit: tf.Tensor, click: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of pCTR = sigmoid(ctr_logit) against the click, first sum of equation 4."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=click, logits=ctr_logit)


def ctcvr_loss(ctr_logit: tf.Tensor, cvr_logit: tf.Tensor, click_and_conversion: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of pCTCVR = pCTR · pCVR against click and conversion, second sum of equation 4.

    With a, b the logits, (1 - pCTCVR) / pCTCVR = exp(-a) + exp(-b) + exp(-a-b), a sum of positive terms; so the logit
    of the product is -logsumexp(-a, -b, -a-b), exact however small the product is. No probability has to be clipped.
    """
    logit = -tf.reduce_logsumexp([-ctr_logit, -cvr_logit, -ctr_logit - cvr_logit], axis=0)
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=click_and_conversion, logits=logit)
