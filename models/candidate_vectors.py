"""From the features of a request's candidates to their vectors, with what they share looked up once."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from models import histories
from models.candidates import Candidates, spread
from models.embeddings import FusedEmbedding
from models.field_vectors import FieldVectors
from schema import contract, layout
from schema import fields as schema_fields
from schema.fields import Field


class CandidateVectors:
    """Makes `Candidates` of the features that a network takes, of which it reads some in the first row alone."""

    def __init__(self, embedding: FusedEmbedding, fields: Sequence[Field], inputs: Mapping[str, range]):
        """Args:
        embedding: Of the network.
        fields: All fields.
        inputs: Where each field's numbers stand in the vectors, by name.
        """
        shared = schema_fields.of_request(fields)
        # Attention makes of a history that candidates share a vector for each of them.
        candidates = histories.candidates(schema_fields.embedded(fields))
        attended = {
            field.name
            for field in shared
            if field.name in embedding.attentions and candidates[field.name] not in {one.name for one in shared}
        }
        self._shared = FieldVectors(embedding, [one for one in shared if one.name not in attended], fields)
        self._own = FieldVectors(
            embedding, [one for one in fields if one not in shared or one.name in attended], fields
        )
        self._width = max(places.stop for places in inputs.values())
        self._shared_columns = self._shared.columns(inputs)
        self._own_columns = self._own.columns(inputs)
        self._attended = {
            contract.IDS: _slots(attended, schema_fields.embedded(fields)),
            contract.WEIGHTS: _slots(attended, schema_fields.weighted(fields)),
        }

    def __call__(self, features: Mapping[str, tf.Tensor]) -> Candidates:
        """Of the features of B candidates; what they share stands in the first row."""
        of_request = {name: feature[:1] for name, feature in features.items()}
        of_candidates = {
            name: tf.where(self._attended[name], of_request[name], feature)
            if name in self._attended and any(self._attended[name])
            else feature
            for name, feature in features.items()
        }
        shared = spread(self._shared(of_request), self._shared_columns, self._width)
        return Candidates(shared, self._own(of_candidates), self._own_columns)


def _slots(names: Iterable[str], fields: Sequence[Field]) -> np.ndarray:
    """Which slots are those of the named fields, bool [S]."""
    slots = layout.slots(fields)
    chosen = np.zeros(sum(field.slots for field in fields), bool)
    for name in names:
        chosen[slots.get(name, slice(0, 0))] = True
    return chosen
