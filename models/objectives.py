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

    With a, b the logits, log pCTCVR = -softplus(-a) - softplus(-b), and
    log(1 - pCTCVR) = logsumexp(-a, -b, -a-b) - softplus(-a) - softplus(-b): no product of probabilities is taken, so
    nothing has to be clipped.
    """
    log_p = -tf.math.softplus(-ctr_logit) - tf.math.softplus(-cvr_logit)
    log_not_p = tf.reduce_logsumexp([-ctr_logit, -cvr_logit, -ctr_logit - cvr_logit], axis=0) + log_p
    return -click_and_conversion * log_p - (1.0 - click_and_conversion) * log_not_p
