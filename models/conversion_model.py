"""What all models have in common: three outputs, and a loss that is a sum of named terms."""

import abc
import itertools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models import objectives
from models.network import Network, Shape
from models.reductions import batch_mean
from schema import contract
from schema import fields as schema_fields

# Names of towers and of their logits.
CTR = "ctr"
CVR = "cvr"
CTCVR = "ctcvr"

# Key of the seconds of the epoch so far that were spent waiting for input, in what a step shows.
WAITING = "seconds_waiting"

Logits = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class Priors:
    """Rates of the training split, each in (0, 1): where the towers start from.

    Attributes:
        click: Clicks per impression.
        conversion: Conversions per click.
    """

    click: float
    conversion: float


class ConversionModel(tfrs.Model, abc.ABC):
    """A model says which networks it has, and what its loss is made of.

    Attributes:
        TERMS: Names of the loss's terms, whose means training shows.
        WATCHED: Names of what training shows besides.
        networks: Share nothing with each other.
        term_names: `TERMS`, unless the settings say otherwise.
    """

    TERMS: tuple[str, ...] = ()
    WATCHED: tuple[str, ...] = ()

    def __init__(self, *networks: Network, terms: Sequence[str] = ()):
        """Args:
        networks: Their logits' names differ.
        terms: Names of the loss's terms, where they depend on the settings; else `TERMS`.
        """
        super().__init__()
        self.networks = networks
        self.term_names = tuple(terms) or self.TERMS
        self._waiting: tf.keras.metrics.Sum | None = None
        self._means = [tf.keras.metrics.Mean(name) for name in (*self.term_names, *self.WATCHED)]
        # They are means over all replicas, of which Keras would show the sum over the workers.
        self.distribute_reduction_method = "first"

    @property
    def shape(self) -> Shape:
        """Of each of the networks."""
        return self.networks[0].shape

    @property
    def tables(self) -> list[tf.Variable]:
        """The embedding tables."""
        return [network.embedding.table for network in self.networks]

    def make_variables(self) -> None:
        """Makes all variables now; else layers make theirs when they are first called."""
        fields = self.shape.fields
        embedded, weighted = schema_fields.embedded(fields), schema_fields.weighted(fields)
        features = {contract.IDS: tf.zeros([1, sum(field.slots for field in embedded)], tf.int64)}
        if weighted:
            features[contract.WEIGHTS] = tf.zeros([1, sum(field.slots for field in weighted)])
        if dense := schema_fields.dense(fields):
            features[contract.DENSE] = tf.zeros([1, len(dense)])
        self.logits(features)

    def logits(self, features: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """The towers' logits, float32 [B], by name; of the features that `network.Network` takes."""
        logits: dict[str, tf.Tensor] = {}
        for network in self.networks:
            logits.update(network(features, training=training))
        return logits

    def call(self, features: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """The three outputs `pctr`, `pcvr`, `pctcvr`, float32 [B], of the features that `logits` takes."""
        return self.probabilities(self.logits(features, training))

    def rank(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What `call` gives for the candidates of one request; see `network.Network.rank`."""
        logits: dict[str, tf.Tensor] = {}
        for network in self.networks:
            logits.update(network.rank(features))
        return self.probabilities(logits)

    def probabilities(self, logits: Logits) -> dict[str, tf.Tensor]:
        """The three outputs of the logits; pCTCVR = pCTR · pCVR."""
        pctr, pcvr = tf.sigmoid(logits[CTR]), tf.sigmoid(logits[CVR])
        return {contract.PCTR: pctr, contract.PCVR: pcvr, contract.PCTCVR: pctr * pcvr}

    def labels(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        """The labels that `terms` takes, each 1 only where those before it are."""
        return cumulative_labels(inputs, contract.LABELS)

    @abc.abstractmethod
    def terms(self, logits: Logits, click: tf.Tensor, conversion: tf.Tensor, /) -> dict[str, tf.Tensor]:
        """The loss of a batch as terms to be summed, float32 [], by their names; means are of `models.reductions`.

        Args:
            logits: Of the towers, by name, float32 [B].
            click: Label, float32 [B].
            conversion: Label, float32 [B]; 0 without click.
        """

    def watched(self, logits: Logits, click: tf.Tensor) -> dict[str, tf.Tensor]:
        """Means of a batch to be shown, float32 [], by `WATCHED`. Arguments are those of `terms`."""
        return {}

    def show_waiting(self) -> None:
        """From now on training shows how long it waited for its batches."""
        self._waiting = tf.keras.metrics.Sum(WAITING)

    def train_step(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """A step, of inputs like those of `compute_loss`; gives what is shown of the epoch so far, by its names."""
        if self._waiting is None:
            return super().train_step(inputs)
        # Nothing holds this up: it is when the step begins, which is when it asks for its batch.
        asked = tf.timestamp()
        with tf.control_dependencies(list(inputs.values())):
            came = tf.timestamp()
        self._waiting.update_state(came - asked)
        return super().train_step(inputs) | {WAITING: self._waiting.result()}

    def compute_loss(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Loss of a batch, or a replica's part of it, float32 []. `inputs` also holds the labels, int64 [B]."""
        labels = self.labels(inputs)
        logits = self.logits(inputs, training)
        terms = self.terms(logits, *labels)
        shown = terms | self.watched(logits, labels[0])
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        for mean in self._means:
            # Of a replica's part; the metric is the mean over the replicas.
            mean.update_state(replicas * shown[mean.name])
        return tf.add_n(list(terms.values()))


def cumulative_labels(inputs: Mapping[str, tf.Tensor], stages: Sequence[str]) -> tuple[tf.Tensor, ...]:
    """For each stage 1 where it and all before it were reached, float32 [B]; of labels int64 [B]."""
    return tuple(itertools.accumulate((tf.cast(inputs[stage], tf.float32) for stage in stages), operator.mul))


def ctr_term(logits: Logits, click: tf.Tensor) -> dict[str, tf.Tensor]:
    """Cross-entropy of pCTR over all impressions."""
    return {"ctr_loss": batch_mean(objectives.cross_entropy(logits[CTR], click))}
