"""One embedding table for all fields."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from models import histories
from models.attention import AttentionPooling
from schema import fields as schema_fields
from schema import layout
from schema.fields import Field


class FusedEmbedding(tf.keras.layers.Layer):
    """Looks all ids of an example up in one table, with one gather, and pools the fields that have several.

    Each field owns a range of the table's rows, unless it shares another's vocabulary and with it its rows; the first
    row is for a missing value. One table instead of one per field makes the step's cost independent of the number of
    fields.

    Input: ids, int64 [B, S], the packed feature of `schema.fields.embedded`; and, if there are weighted fields,
    weights, float32 [B, W], that of `schema.fields.weighted`.
    Output: float32 [B, F·D], a vector of length D per field, first the fields of one value without weight.

    Attributes:
        table: float32 [rows of all fields, D].
        first_rows: Of each field with rows of its own, by name, the first of them.
        order: Names of the fields in the order of their vectors in the output.
        attentions: What pools the histories, by name.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        rows: Mapping[str, int],
        dim: int,
        stddev: float,
        attention: Callable[[], AttentionPooling] | None = None,
    ):
        """Args:
        fields: The embedded fields, in the order of their slots.
        rows: Number of ids of each field with a vocabulary of its own, the missing one included.
        dim: D.
        stddev: Standard deviation of the initial values.
        attention: Makes what pools a history (see `histories`); without it histories are pooled like other fields.
        """
        super().__init__(name="embedding")
        self._dim = dim
        owners = [field for field in fields if not field.vocabulary]
        *first_rows, all_rows = np.cumsum([0] + [rows[field.name] for field in owners])
        self.first_rows = {field.name: int(first_row) for field, first_row in zip(owners, first_rows, strict=True)}
        slots, weight_slots = layout.slots(fields), layout.slots(schema_fields.weighted(fields))
        candidates = histories.candidates(fields)
        self.attentions = {name: attention() for name in candidates} if attention else {}
        pooled = [field for field in fields if field.slots > 1 or field.weights]
        self._pooled = {
            field.name: _Pooled(field, slots[field.name], weight_slots.get(field.name), candidates.get(field.name))
            for field in pooled
        }
        self.order = (*(field.name for field in fields if field not in pooled), *self._pooled)
        # Fields of one value that stand side by side are one part, each of the others is one.
        self._parts = [
            tuple(field.name for field in part)
            for _, part in itertools.groupby(fields, lambda field: field.name if field in pooled else None)
        ]
        widths = {field.name: field.slots for field in fields}
        self._widths = [sum(widths[name] for name in part) for part in self._parts]
        offsets = [self.first_rows[field.vocabulary_owner] for field in fields]
        self._offsets = np.repeat(np.array(offsets, np.int64), [field.slots for field in fields])
        self._num_fields = len(fields)
        self.table = self.add_weight(
            "table", (int(all_rows), dim), initializer=tf.keras.initializers.RandomNormal(stddev=stddev)
        )

    def call(self, ids: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        vectors = tf.gather(self.table, ids + self._offsets)  # [B, S, D]
        # One split, whose gradient is one concatenation; that of a slice would be as large as all vectors.
        parts = dict(zip(self._parts, tf.split(vectors, self._widths, axis=1), strict=True))
        outputs = [
            tf.reshape(part, [tf.shape(ids)[0], len(names) * self._dim])
            for names, part in parts.items()
            if names[0] not in self._pooled
        ]
        for name, pooled in self._pooled.items():
            values = parts[name,]
            by_value = tf.cast(ids[:, pooled.slots] != 0, vectors.dtype)
            if weights is not None and pooled.weights:
                by_value *= weights[:, pooled.weights]
            if name in self.attentions:
                outputs.append(self.attentions[name](values, by_value, _of(pooled.candidate, parts)))
            else:
                outputs.append(_pool(values, by_value, pooled.field.pooling))
        return tf.ensure_shape(tf.concat(outputs, axis=1), [None, self._num_fields * self._dim])


@dataclass(frozen=True)
class _Pooled:
    """A field with several values, or with weights; where it stands in the packed features; and its candidate."""

    field: Field
    slots: slice
    weights: slice | None
    candidate: str | None


def _of(name: str | None, parts: Mapping[tuple[str, ...], tf.Tensor]) -> tf.Tensor:
    """Vectors of a field of one value, float32 [B, 1, D]."""
    names = next(names for names in parts if name in names)
    place = names.index(name)
    return parts[names][:, place : place + 1]


def _pool(vectors: tf.Tensor, weights: tf.Tensor, pooling: str) -> tf.Tensor:
    """Pools the values of a field, like `tf.nn.embedding_lookup_sparse`.

    Args:
        vectors: float32 [B, L, D].
        weights: float32 [B, L]; 0 where there is no value.
        pooling: `sum`, of the weighted vectors; `mean`, that divided by the sum of the weights; `sqrtn`, by the root of
            the sum of their squares.

    Returns:
        float32 [B, D]; 0 where no value is present.
    """
    total = tf.einsum("bld,bl->bd", vectors, weights)
    if pooling == "sum":
        return total
    if pooling == "mean":
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights, axis=1, keepdims=True))
    return tf.math.divide_no_nan(total, tf.norm(weights, axis=1, keepdims=True))
