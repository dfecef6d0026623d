"""The vectors of some of the fields."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from models.embeddings import FusedEmbedding
from schema import contract
from schema import fields as schema_fields
from schema.fields import Field


class FieldVectors:
    """Makes the vectors of some fields, float32 [B, width], of the features that a network takes; embedded ones first.

    Attributes:
        order: Names of the fields in the order of their numbers.
    """

    def __init__(self, embedding: FusedEmbedding, some: Sequence[Field], fields: Sequence[Field]):
        """Args:
        embedding: Of the network.
        some: The fields, in their order among all.
        fields: All fields.
        """
        embedded, dense = schema_fields.embedded(some), schema_fields.dense(some)
        self._vectors_of = embedding.vectors
        self._lookup = embedding.lookup(embedded) if embedded else None
        self._dense = [schema_fields.dense(fields).index(field) for field in dense]
        self.order = (*(self._lookup.order if self._lookup else ()), *(field.name for field in dense))

    def __call__(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        vectors = []
        if self._lookup:
            vectors.append(self._lookup(self._vectors_of, features[contract.IDS], features.get(contract.WEIGHTS)))
        if self._dense:
            vectors.append(tf.gather(features[contract.DENSE], self._dense, axis=1))
        return tf.concat(vectors, axis=1) if vectors else tf.zeros([tf.shape(features[contract.IDS])[0], 0])

    def columns(self, inputs: Mapping[str, range]) -> np.ndarray:
        """Where their numbers stand in the vectors of all fields, of which `inputs` tells where each field's do."""
        return np.array([place for name in self.order for place in inputs[name]], np.int32)
