"""Losses as pure functions of logits, one value per example.

All take float32 [B] logits and float32 [B] labels, 0 or 1, and give float32 [B], at least 0 unless they say otherwise.
They are finite, with finite gradients, at logits of ±80.
"""

import functools
from collections.abc import Sequence

import tensorflow as tf


def cross_entropy(logit: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the probability sigmoid(logit) against the label."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit)


def product_logit(logits: Sequence[tf.Tensor]) -> tf.Tensor:
    """The logit of the product of the probabilities that the logits stand for.

    With a, b the logits of two and p their product, (1 - p) / p = exp(-a) + exp(-b) + exp(-a-b), a sum of positive
    terms; so the logit of p is -logsumexp(-a, -b, -a-b), exact however small p is. No probability has to be clipped.
    """
    return functools.reduce(lambda a, b: -tf.reduce_logsumexp([-a, -b, -a - b], axis=0), logits)


def ctcvr_loss(ctr_logit: tf.Tensor, cvr_logit: tf.Tensor, click_and_conversion: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of pCTCVR = pCTR · pCVR against click and conversion. Ma et al., SIGIR 2018, equation 4."""
    return cross_entropy(product_logit([ctr_logit, cvr_logit]), click_and_conversion)


def propensity(ctr_logit: tf.Tensor, floor: float) -> tf.Tensor:
    """pCTR as the probability of being observed, float32 [B] in [floor, 1]."""
    return tf.maximum(tf.sigmoid(ctr_logit), floor)


def ipw_cvr_loss(cvr_logit: tf.Tensor, conversion: tf.Tensor, click: tf.Tensor, propensities: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of pCVR on clicks, each weighted by the inverse of its propensity, 0 elsewhere.

    Its mean over all impressions estimates the mean that one would have if all were clicked. Wang et al., SIGIR 2022,
    the IPS estimator.
    """
    return click * cross_entropy(cvr_logit, conversion) / propensities


def dr_cvr_loss(
    cvr_logit: tf.Tensor, imputed: tf.Tensor, conversion: tf.Tensor, click: tf.Tensor, propensities: tf.Tensor
) -> tf.Tensor:
    """The doubly robust estimate of the cross-entropy of pCVR: its mean is right if propensities or imputations are.

    Wang et al., SIGIR 2022, the error term of the DR estimator. A value may be negative.

    Args:
        cvr_logit: Of pCVR.
        imputed: Cross-entropy that the imputation tower expects, at least 0.
        conversion: Label; read where `click` is 1.
        click: Label.
        propensities: See `propensity`.
    """
    return imputed + click * (cross_entropy(cvr_logit, conversion) - imputed) / propensities


def imputation_loss(
    cvr_logit: tf.Tensor, imputed: tf.Tensor, conversion: tf.Tensor, click: tf.Tensor, propensities: tf.Tensor
) -> tf.Tensor:
    """Squared error of the imputed cross-entropies on clicks, weighted like `ipw_cvr_loss`.

    Wang et al., SIGIR 2022, the imputation term of the DR estimator. It has no gradient for `cvr_logit`: imputation
    follows the tower, not the tower the imputation. Arguments are those of `dr_cvr_loss`.
    """
    observed = tf.stop_gradient(cross_entropy(cvr_logit, conversion))
    return click * tf.square(observed - imputed) / propensities
