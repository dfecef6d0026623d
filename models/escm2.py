"""ESCM²: ESMM with a counterfactual regulariser of pCVR. Wang et al., SIGIR 2022."""

import abc

import tensorflow as tf

from models import objectives
from models.conversion_model import CTR, CVR, ConversionModel, Logits, Priors, ctr_term
from models.esmm import ctcvr_term
from models.network import Network, Shape
from models.reductions import batch_mean, weighted_mean

_IMPUTATION = "imputation"


class _Escm2Model(ConversionModel):
    """The loss is ESMM's, with a weight for CTCVR, plus a weighted CVR risk that pCTR makes that of all impressions.

    Training shows the mean propensity of the clicked impressions, and the share of them whose propensity is raised to
    `model.escm2.min_propensity`: where it is large the risk is no longer unbiased.
    """

    TERMS = ("ctr_loss", "ctcvr_loss", "cvr_risk")
    WATCHED = ("clicked_propensity", "clipped_share")

    def __init__(self, network: Network, shape: Shape):
        super().__init__(network)
        self._settings = shape.settings.escm2

    def propensities(self, logits: Logits) -> tf.Tensor:
        """pCTR as propensity, float32 [B]; without a gradient, unless it is configured."""
        propensities = objectives.propensity(logits[CTR], self._settings.min_propensity)
        return tf.stop_gradient(propensities) if self._settings.stop_gradient else propensities

    def terms(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor, /) -> dict[str, tf.Tensor]:
        ctcvr = ctcvr_term(logits, conversion)["ctcvr_loss"]
        risk = batch_mean(self.cvr_risk(logits, click, conversion))
        return ctr_term(logits, click) | {
            "ctcvr_loss": self._settings.ctcvr_weight * ctcvr,
            "cvr_risk": self._settings.cvr_weight * risk,
        }

    @abc.abstractmethod
    def cvr_risk(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor) -> tf.Tensor:
        """The counterfactual CVR risk, one value per example; arguments are those of `terms`."""

    def watched(self, logits: Logits, click: tf.Tensor) -> dict[str, tf.Tensor]:
        pctr = tf.sigmoid(logits[CTR])
        clipped = tf.cast(pctr < self._settings.min_propensity, tf.float32)
        return {
            "clicked_propensity": weighted_mean(pctr, click),
            "clipped_share": weighted_mean(clipped, click),
        }


class Escm2IpwModel(_Escm2Model):
    """The risk is the CVR cross-entropy on clicks, weighted by inverse propensities (the IPS estimator)."""

    def __init__(self, shape: Shape, priors: Priors):
        super().__init__(Network(shape, {CTR: priors.click, CVR: priors.conversion}, name="escm2_ipw"), shape)

    def cvr_risk(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor) -> tf.Tensor:
        return objectives.ipw_cvr_loss(logits[CVR], conversion, click, self.propensities(logits))


class Escm2DrModel(_Escm2Model):
    """The risk is doubly robust: a third tower imputes the cross-entropy where there is no click."""

    def __init__(self, shape: Shape, priors: Priors):
        towers = {CTR: priors.click, CVR: priors.conversion, _IMPUTATION: 0.5}
        super().__init__(Network(shape, towers, name="escm2_dr"), shape)

    def cvr_risk(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor) -> tf.Tensor:
        arguments = (
            logits[CVR],
            tf.nn.softplus(logits[_IMPUTATION]),
            conversion,
            click,
            self.propensities(logits),
        )
        return objectives.dr_cvr_loss(*arguments) + objectives.imputation_loss(*arguments)
