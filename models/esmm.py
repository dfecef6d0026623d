"""ESMM, the Entire Space Multi-Task Model. Ma et al., SIGIR 2018."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models import objectives
from models.embeddings import FusedEmbedding
from models.settings import ModelSettings
from models.towers import MlpTower
from schema import contract
from schema import fields as schema_fields
from schema.fields import Field


@dataclass(frozen=True)
class Priors:
    """Rates of the training split, each in (0, 1): where the towers start from.

    Attributes:
        click: Clicks per impression.
        conversion: Conversions per click.
    """

    click: float
    conversion: float


class EsmmModel(tfrs.Model):
    """A CTR and a CVR tower over one shared embedding, trained on all impressions.

    pCTCVR = pCTR · pCVR (equation 1). The loss is the CTR cross-entropy plus the CTCVR cross-entropy, both over all
    impressions (equation 4); pCVR has no loss of its own, so no tower ever sees clicked impressions alone.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        rows: Mapping[str, int],
        settings: ModelSettings,
        priors: Priors,
    ):
        """Args:
        fields: All fields.
        rows: Number of ids of each embedded field, the missing one included.
        settings: Shape of the network.
        priors: What the untrained towers answer.
        """
        super().__init__(name="esmm")
        embedded = schema_fields.embedded(fields)
        self.embedding = FusedEmbedding(embedded, rows, settings.embedding_dim, settings.embedding_stddev)
        self._ctr_tower = MlpTower(settings.hidden_units, priors.click, name="ctr_tower")
        self._cvr_tower = MlpTower(settings.hidden_units, priors.conversion, name="cvr_tower")
        self._ctr_task = tfrs.tasks.Ranking(loss=_CtrLoss(), loss_metrics=[tf.keras.metrics.Mean("ctr_loss")])
        self._ctcvr_task = tfrs.tasks.Ranking(loss=_CtcvrLoss(), loss_metrics=[tf.keras.metrics.Mean("ctcvr_loss")])

    def logits(self, features: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits of pCTR and pCVR.

        Args:
            features: `ids` int64 [B, S]; if there are weighted fields, `weights` float32 [B, W]; and if there are dense
                fields, `dense` float32 [B, N].

        Returns:
            Two float32 [B].
        """
        inputs = self.embedding(features[contract.IDS], features.get(contract.WEIGHTS))
        if contract.DENSE in features:
            inputs = tf.concat([inputs, features[contract.DENSE]], axis=1)
        return (
            tf.squeeze(self._ctr_tower(inputs), axis=1),
            tf.squeeze(self._cvr_tower(inputs), axis=1),
        )

    def call(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The three outputs `pctr`, `pcvr`, `pctcvr`, float32 [B] in [0, 1], of the features that `logits` takes."""
        ctr_logit, cvr_logit = self.logits(features)
        pctr, pcvr = tf.sigmoid(ctr_logit), tf.sigmoid(cvr_logit)
        return {contract.PCTR: pctr, contract.PCVR: pcvr, contract.PCTCVR: pctr * pcvr}

    def compute_loss(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Mean loss of a batch, float32 []. `inputs` also holds `click` and `conversion`, int64 [B]."""
        ctr_logit, cvr_logit = self.logits(inputs)
        click = tf.cast(inputs[contract.CLICK], tf.float32)
        conversion = tf.cast(inputs[contract.CONVERSION], tf.float32)
        ctr = self._ctr_task(labels=click, predictions=ctr_logit)
        ctcvr = self._ctcvr_task(labels=click * conversion, predictions=tf.stack([ctr_logit, cvr_logit], axis=1))
        return ctr + ctcvr


class _CtrLoss(tf.keras.losses.Loss):
    """Mean over the batch of `objectives.ctr_loss`."""

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return objectives.ctr_loss(y_pred, y_true)


class _CtcvrLoss(tf.keras.losses.Loss):
    """Mean over the batch of `objectives.ctcvr_loss`; `y_pred` is [B, 2], the logits of pCTR and pCVR."""

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return objectives.ctcvr_loss(y_pred[:, 0], y_pred[:, 1], y_true)
