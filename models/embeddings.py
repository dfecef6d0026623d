"""One embedding table for all fields."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from schema.fields import Field


class FusedEmbedding(tf.keras.layers.Layer):
    """Looks all ids of an example up in one table, with one gather, and pools the fields that have several.

    Each field owns a range of the table's rows, unless it shares another's vocabulary and with it its rows; the first
    row is for a missing value. One table instead of one per field makes the step's cost independent of the number of
    fields.

    Input: ids, int64 [B, S], the packed feature of `schema.fields.embedded`; and, if there are weighted fields,
    weights, float32 [B, W], that of `schema.fields.weighted`.
    Output: float32 [B, F·D], a vector of length D per field, first the fields of one value without weight.
    """

    def __init__(self, fields: Sequence[Field], rows: Mapping[str, int], dim: int, stddev: float):
        """Args:
        fields: The embedded fields, in the order of their slots.
        rows: Number of ids of each field with a vocabulary of its own, the missing one included.
        dim: D.
        stddev: Standard deviation of the initial values.
        """
        super().__init__(name="embedding")
        self._dim = dim
        owners = [field for field in fields if not field.vocabulary]
        *first_rows, all_rows = np.cumsum([0] + [rows[field.name] for field in owners])
        first_row_of = {field.name: first_row for field, first_row in zip(owners, first_rows, strict=True)}
        single: list[int] = []
        offsets: list[int] = []
        self._pooled: list[_Pooled] = []
        weights = 0
        for field in fields:
            first_slot = len(offsets)
            offsets.extend([first_row_of[field.vocabulary_owner]] * field.slots)
            if field.slots == 1 and not field.weights:
                single.append(first_slot)
            else:
                self._pooled.append(_Pooled(field, first_slot, weights))
            weights += field.slots if field.weights else 0
        self._single_slots = np.array(single, np.int64)
        self._offsets = np.array(offsets, np.int64)
        self._num_fields = len(fields)
        self.table = self.add_weight(
            "table", (int(all_rows), dim), initializer=tf.keras.initializers.RandomNormal(stddev=stddev)
        )

    def call(self, ids: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        vectors = tf.gather(self.table, ids + self._offsets)  # [B, S, D]
        single = tf.gather(vectors, self._single_slots, axis=1)
        parts = [tf.reshape(single, [tf.shape(ids)[0], len(self._single_slots) * self._dim])]
        for pooled in self._pooled:
            slots = pooled.slots
            present = tf.cast(ids[:, slots] != 0, vectors.dtype)
            by_value = present if weights is None or not pooled.field.weights else present * weights[:, pooled.weights]
            parts.append(_pool(vectors[:, slots], by_value, pooled.field.pooling))
        return tf.ensure_shape(tf.concat(parts, axis=1), [None, self._num_fields * self._dim])


class _Pooled:
    """A field with several values, or with weights, and where it stands in the packed features."""

    def __init__(self, field: Field, first_slot: int, first_weight: int):
        self.field = field
        self.slots = slice(first_slot, first_slot + field.slots)
        self.weights = slice(first_weight, first_weight + field.slots)


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
