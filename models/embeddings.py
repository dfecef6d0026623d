"""One embedding table for all fields."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from schema.fields import Field


class FusedEmbedding(tf.keras.layers.Layer):
    """Looks all ids of an example up in one table, with one gather, and pools the fields that have several.

    Each field owns a range of the table's rows, unless it shares another's vocabulary and with it its rows; the first
    row is for a missing value. One table instead of one per
    field makes the step's cost independent of the number of fields.

    Input: ids, int64 [B, S], the packed feature of `schema.fields.embedded`.
    Output: float32 [B, F·D], a vector of length D per field, fields of one value first, then those of several.
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
        self._multi: list[tuple[str, int, int]] = []
        for field in fields:
            first_row = first_row_of[field.vocabulary_owner]
            slots = range(len(offsets), len(offsets) + field.slots)
            offsets.extend([first_row] * field.slots)
            if field.slots == 1:
                single.extend(slots)
            else:
                self._multi.append((field.pooling, slots.start, slots.stop))
        self._single_slots = np.array(single, np.int64)
        self._offsets = np.array(offsets, np.int64)
        self._num_fields = len(fields)
        self.table = self.add_weight(
            "table", (int(all_rows), dim), initializer=tf.keras.initializers.RandomNormal(stddev=stddev)
        )

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        vectors = tf.gather(self.table, ids + self._offsets)  # [B, S, D]
        single = tf.gather(vectors, self._single_slots, axis=1)
        pooled = [tf.reshape(single, [tf.shape(ids)[0], len(self._single_slots) * self._dim])]
        for pooling, start, stop in self._multi:
            pooled.append(_pool(vectors[:, start:stop], ids[:, start:stop] != 0, pooling))
        return tf.ensure_shape(tf.concat(pooled, axis=1), [None, self._num_fields * self._dim])


def _pool(vectors: tf.Tensor, present: tf.Tensor, pooling: str) -> tf.Tensor:
    """Pools the present values of a field.

    Args:
        vectors: float32 [B, L, D].
        present: bool [B, L].
        pooling: `sum`; `mean`, the sum divided by the number of values; `sqrtn`, by that number's square root.

    Returns:
        float32 [B, D]; 0 where no value is present.
    """
    weights = tf.cast(present, vectors.dtype)
    total = tf.einsum("bld,bl->bd", vectors, weights)
    if pooling == "sum":
        return total
    count = tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), 1.0)
    return total / (count if pooling == "mean" else tf.sqrt(count))
