"""The candidates of one request, that share its user and context: what they share is multiplied once."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from models.factored import Factored


@dataclass(frozen=True)
class Candidates(Factored):
    """Vectors of which all rows are equal in some columns.

    Attributes:
        shared: float32 [1, width]; 0 in the other columns.
        own: The other columns, float32 [B, number of them].
        columns: Which they are.
    """

    shared: tf.Tensor
    own: tf.Tensor
    columns: np.ndarray

    def product(self, kernel: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
        shared = self.shared @ kernel
        return self.own @ tf.gather(kernel, self.columns) + (shared if bias is None else shared + bias)

    def whole(self) -> tf.Tensor:
        return self.shared + spread(self.own, self.columns, self.shared.shape[1])


def spread(some: tf.Tensor, columns: np.ndarray, width: int) -> tf.Tensor:
    """Puts columns, float32 [B, number of them], at their places among `width`, and 0 in all others."""
    places = np.full(width, len(columns), np.int32)
    places[columns] = np.arange(len(columns))
    return tf.gather(tf.pad(some, [[0, 0], [0, 1]]), places, axis=1)
