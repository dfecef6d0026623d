"""One embedding table for all fields."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from models import histories
from models.attention import AttentionPooling
from models.lookup import Lookup
from models.narrow_table import NarrowTable
from models.settings import Stored
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
        table: float32 [rows of all fields, D]; a narrower one can't be trained.
        rows: Number of ids of each field with rows of its own, by name, the missing one included.
        dim: D.
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
        stored: Stored = "float32",
    ):
        """Args:
        fields: The embedded fields, in the order of their slots.
        rows: Number of ids of each field with a vocabulary of its own, the missing one included.
        dim: D.
        stddev: Standard deviation of the initial values.
        attention: Makes what pools a history (see `histories`); without it histories are pooled like other fields.
        stored: What the table is kept in.
        """
        super().__init__(name="embedding")
        self.rows = rows
        self._fields = fields
        self.dim = dim
        owners = [field for field in fields if not field.vocabulary]
        *first_rows, all_rows = np.cumsum([0] + [rows[field.name] for field in owners])
        self.first_rows = {field.name: int(first_row) for field, first_row in zip(owners, first_rows, strict=True)}
        self.attentions = {name: attention() for name in histories.candidates(fields)} if attention else {}
        self._lookup = self.lookup(fields)
        self.order = self._lookup.order
        if stored == "float32":
            initializer = tf.keras.initializers.RandomNormal(stddev=stddev)
            self.table = self.add_weight("table", (int(all_rows), dim), initializer=initializer)
        else:
            self.table = NarrowTable(int(all_rows), dim, stored)

    def lookup(self, fields: Sequence[Field]) -> Lookup:
        """What looks some of the fields up; they stand in their order among all of them."""
        return Lookup(fields, self._fields, self.first_rows, self.dim, self.attentions)

    def call(self, ids: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        return self._lookup(self.vectors, ids, weights)

    def vectors(self, rows: tf.Tensor) -> tf.Tensor:
        """Of rows of the table, float32 [..., D]."""
        return self.table.gather(rows) if isinstance(self.table, NarrowTable) else tf.gather(self.table, rows)

    def all_vectors(self) -> tf.Tensor:
        """The table, float32 [rows of all fields, D], in whatever it is kept."""
        return self.vectors(tf.range(sum(self.rows.values())))
