"""From the features of a training batch to their vectors, with fields that have few ids one-hot."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from models import histories
from models.embeddings import FusedEmbedding
from models.field_vectors import FieldVectors
from models.one_hot import OneHot
from schema import contract, layout
from schema import fields as schema_fields
from schema.fields import Field


def small_fields(embedding: FusedEmbedding, fields: Sequence[Field]) -> list[Field]:
    """Those of one value, without weight, that have no more ids than an embedding's vector has numbers."""
    embedded = schema_fields.embedded(fields)
    candidates = histories.candidates(embedded)
    attended = {candidates[name] for name in embedding.attentions}
    return [
        field
        for field in embedded
        if field.slots == 1
        and not field.weights
        and field.name not in attended
        and embedding.rows[field.vocabulary_owner] <= embedding.dim
    ]


class TrainingVectors:
    """Makes `OneHot` of the features that a network takes.

    A row of the table gets a gradient when an example has its id, and only then, as if it had been looked up.
    """

    def __init__(
        self, embedding: FusedEmbedding, small: Sequence[Field], fields: Sequence[Field], inputs: Mapping[str, range]
    ):
        """Args:
        embedding: Of the network.
        small: Of the fields those to be one-hot; not all of them.
        fields: All fields.
        inputs: Where each field's numbers stand in the vectors, by name.
        """
        self._own = FieldVectors(embedding, [field for field in fields if field not in small], fields)
        self._vectors_of = embedding.vectors
        slots = layout.slots(schema_fields.embedded(fields))
        self._slots = [slots[field.name].start for field in small]
        self._counts = [embedding.rows[field.vocabulary_owner] for field in small]
        first_rows = [embedding.first_rows[field.vocabulary_owner] for field in small]
        of_fields = zip(first_rows, self._counts, strict=True)
        self._rows = np.concatenate([first + np.arange(count) for first, count in of_fields])
        # A field's rows stand in its own columns alone: a block for each field.
        self._blocks = np.repeat(np.eye(len(small), dtype=np.float32), self._counts, axis=0)[:, :, np.newaxis]
        self._shape = [len(self._rows), len(small) * embedding.dim]
        self._columns = self._own.columns(inputs)

    def __call__(self, features: Mapping[str, tf.Tensor]) -> OneHot:
        ids = features[contract.IDS]
        one_hot = [tf.one_hot(ids[:, slot], count) for slot, count in zip(self._slots, self._counts, strict=True)]
        chosen = tf.concat(one_hot, axis=1)
        # The gradient of rows that no example has is 0; another row takes it, so that the optimizer leaves them alone.
        present = tf.reduce_max(chosen, axis=0) > 0
        another = tf.reduce_max(tf.where(present, self._rows, 0))
        vectors = self._vectors_of(tf.where(present, self._rows, another))
        rows = tf.reshape(vectors[:, tf.newaxis] * self._blocks, self._shape)
        return OneHot(self._own(features), self._columns, chosen, rows)
