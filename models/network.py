"""The network that every model is made of: an embedding, and towers that share it."""

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from models.embeddings import FusedEmbedding
from models.settings import ModelSettings
from models.towers import MlpTower
from schema import contract
from schema import fields as schema_fields
from schema.fields import Field


@dataclass(frozen=True)
class Shape:
    """What a network's shape follows from.

    Attributes:
        fields: All fields.
        rows: Number of ids of each embedded field with rows of its own, the missing one included.
        settings: Of the model.
    """

    fields: tuple[Field, ...]
    rows: Mapping[str, int]
    settings: ModelSettings


class Network(tf.keras.layers.Layer):
    """From features to the logits of its towers, which share the embedding.

    Input: `ids` int64 [B, S]; if there are weighted fields, `weights` float32 [B, W]; and if there are dense fields,
    `dense` float32 [B, N].
    Output: float32 [B] of each tower, by name.

    Attributes:
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
        settings = shape.settings
        embedded = schema_fields.embedded(shape.fields)
        self.embedding = FusedEmbedding(embedded, shape.rows, settings.embedding_dim, settings.embedding_stddev)
        self.towers = {
            name: MlpTower(settings.hidden_units, prior, name=f"{name}_tower") for name, prior in priors.items()
        }

    def call(self, features: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        inputs = self.embedding(features[contract.IDS], features.get(contract.WEIGHTS))
        if contract.DENSE in features:
            inputs = tf.concat([inputs, features[contract.DENSE]], axis=1)
        return {name: tf.squeeze(tower(inputs), axis=1) for name, tower in self.towers.items()}
