"""Vectors of which some columns are chosen from few rows: the rows are multiplied instead of all examples' columns."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from models.factored import Factored


@dataclass(frozen=True)
class OneHot(Factored):
    """Vectors of which some columns are those of `chosen` @ `rows`.

    With x = [own | chosen · rows] and a kernel K = [Kₒ; Kᵣ], x K = [own | chosen] [Kₒ; rows Kᵣ]. That has a column for
    each row instead of those of the rows, and needs no gradient of `chosen`.

    Attributes:
        own: The other columns, float32 [B, number of them].
        columns: Which they are.
        chosen: One-hot, float32 [B, R].
        rows: float32 [R, number of their columns].
    """

    own: tf.Tensor
    columns: np.ndarray
    chosen: tf.Tensor
    rows: tf.Tensor

    def product(self, kernel: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
        own, chosen, rows = (tf.cast(one, kernel.dtype) for one in (self.own, self.chosen, self.rows))
        left = tf.concat([own, chosen], axis=1)

        @tf.custom_gradient
        def multiply(own: tf.Tensor, rows: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            own_kernel, row_kernel = tf.gather(kernel, self.columns), tf.gather(kernel, self._columns_of_rows)

            def gradient(of_product: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
                of_right = tf.matmul(left, of_product, transpose_a=True)
                of_own_kernel, of_rows = tf.split(of_right, [own.shape[1], rows.shape[0]])
                of_kernel = tf.concat([of_own_kernel, tf.matmul(rows, of_rows, transpose_a=True)], axis=0)
                return (
                    tf.matmul(of_product, own_kernel, transpose_b=True),
                    tf.matmul(of_rows, row_kernel, transpose_b=True),
                    tf.gather(of_kernel, self._places),
                )

            return left @ tf.concat([own_kernel, rows @ row_kernel], axis=0), gradient

        product = multiply(own, rows, kernel)
        return product if bias is None else tf.nn.bias_add(product, bias)

    def whole(self) -> tf.Tensor:
        return tf.gather(tf.concat([self.own, self.chosen @ self.rows], axis=1), self._places, axis=1)

    @property
    def _columns_of_rows(self) -> np.ndarray:
        width = self.own.shape[1] + self.rows.shape[1]
        return np.setdiff1d(np.arange(width), self.columns)

    @property
    def _places(self) -> np.ndarray:
        """Where each column stands behind each other: own ones first."""
        return np.argsort([*self.columns, *self._columns_of_rows])
