"""The network that every model is made of: an embedding, and towers that share it."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import tensorflow as tf

from models.attention import AttentionPooling
from models.candidate_vectors import CandidateVectors
from models.cross import CrossTower
from models.embeddings import FusedEmbedding
from models.factored import Factored
from models.mmoe import MixtureOfExperts
from models.settings import ModelSettings, Precision, Stored
from models.towers import DenseLayers, MlpTower
from models.training_vectors import TrainingVectors, small_fields
from schema import contract
from schema import fields as schema_fields
from schema.fields import Field


@dataclass(frozen=True)
class Compute:
    """How the layers above the embedding compute; the logits and all variables are float32.

    Attributes:
        precision: Of their matrix products.
        xla: Whether XLA compiles them.
    """

    precision: Precision = "float32"
    xla: bool = False


@dataclass(frozen=True)
class Shape:
    """What a network's shape follows from.

    Attributes:
        fields: All fields.
        rows: Number of ids of each embedded field with rows of its own, the missing one included.
        settings: Of the model.
        compute: How it computes.
        stored: What its embedding is kept in; only float32 can be trained.
    """

    fields: tuple[Field, ...]
    rows: Mapping[str, int]
    settings: ModelSettings
    compute: Compute = Compute()
    stored: Stored = "float32"


class Network(tf.keras.layers.Layer):
    """From features to the logits of its towers, which share the embedding and, of `mmoe`, the experts.

    Input: `ids` int64 [B, S]; if there are weighted fields, `weights` float32 [B, W]; and if there are dense fields,
    `dense` float32 [B, N].
    Output: float32 [B] of each tower, by name.

    Attributes:
        shape: Of the network.
        embedding: That the towers share.
        towers: By name.
    """

    def __init__(self, shape: Shape, priors: Mapping[str, float], name: str):
        """Args:
        shape: Of the network.
        priors: For each tower, by name, the probability that it answers with untrained.
        name: Of the layer.
        """
        super().__init__(name=name)
        self.shape = shape
        settings = shape.settings
        policy = "float32" if shape.compute.precision == "float32" else f"mixed_{shape.compute.precision}"
        dense = DenseLayers(**settings.mlp.model_dump(), policy=policy)
        attention = partial(AttentionPooling, settings.din.hidden_units, dense) if settings.tower == "din" else None
        self.embedding = FusedEmbedding(
            schema_fields.embedded(shape.fields),
            shape.rows,
            settings.embedding_dim,
            settings.embedding_stddev,
            attention,
            shape.stored,
        )
        self._experts = MixtureOfExperts(priors, settings.mmoe, dense) if settings.tower == "mmoe" else None
        make_tower = partial(CrossTower, settings=settings.cross) if settings.tower == "cross" else MlpTower
        self.towers = {
            name: make_tower(settings.hidden_units, prior, name=f"{name}_tower", dense=dense)
            for name, prior in priors.items()
        }
        self._candidate_vectors = CandidateVectors(self.embedding, shape.fields, self.inputs)
        self._training_vectors = self._make_training_vectors()
        self._compiled_logits = tf.function(self._logits, jit_compile=True) if shape.compute.xla else self._logits

    @property
    def inputs(self) -> dict[str, range]:
        """Where each field's numbers stand in the vector that the towers are given, by name."""
        dense = (field.name for field in schema_fields.dense(self.shape.fields))
        widths = dict.fromkeys(self.embedding.order, self.shape.settings.embedding_dim) | dict.fromkeys(dense, 1)
        ends = itertools.accumulate(widths.values())
        return {name: range(end - width, end) for (name, width), end in zip(widths.items(), ends, strict=True)}

    def call(self, features: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        if training and self._training_vectors:
            return self._factored_logits(self._training_vectors(features))
        inputs = self.embedding(features[contract.IDS], features.get(contract.WEIGHTS))
        if contract.DENSE in features:
            inputs = tf.concat([inputs, features[contract.DENSE]], axis=1)
        return self._compiled_logits(inputs, training)

    def rank(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What `call` gives for the candidates of one request, with what they share computed once.

        Args:
            features: As of `call`; of the fields of `schema.fields.of_request` only the first row is read.
        """
        return self._factored_logits(self._candidate_vectors(features))

    def _make_training_vectors(self) -> TrainingVectors | None:
        """None where one-hot columns would multiply no faster, or where XLA takes whole vectors."""
        fields = self.shape.fields
        small = small_fields(self.embedding, fields)
        # Cross layers multiply every column with every other one.
        if self.shape.settings.tower == "cross" or self.shape.compute.xla or len(small) in (0, len(fields)):
            return None
        return TrainingVectors(self.embedding, small, fields, self.inputs)

    def _factored_logits(self, vectors: Factored) -> dict[str, tf.Tensor]:
        if self._experts:
            by_tower = self._experts.factored(vectors)
            logits = {name: tower(by_tower[name]) for name, tower in self.towers.items()}
        else:
            logits = {name: tower.factored(vectors) for name, tower in self.towers.items()}
        return {name: tf.squeeze(logit, axis=1) for name, logit in logits.items()}

    def _logits(self, inputs: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        by_tower = self._experts(inputs, training=training) if self._experts else dict.fromkeys(self.towers, inputs)
        return {
            name: tf.squeeze(tower(by_tower[name], training=training), axis=1) for name, tower in self.towers.items()
        }
