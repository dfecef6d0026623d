"""One norm over towers and tables, by hand; SGD shows the gradients that come through."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.clipping import ClippedOptimizer


class _Clipped:
    """A table and a kernel, each with an SGD of rate 1 of its own."""

    def __init__(self, clip_norm: float, sgd=tf.keras.optimizers.legacy.SGD):
        self.table, self.kernel = tf.Variable(tf.zeros([4, 2])), tf.Variable(tf.zeros([2, 1]))
        by_variable = [(sgd(1.0), lambda: [self.table]), (sgd(1.0), lambda: [self.kernel])]
        self.optimizer = ClippedOptimizer(clip_norm, by_variable)

    def apply(self, kernel=(0.0, 4.0)) -> None:
        # Row 2 was looked up twice: its gradient is [3, 0], which with the kernel's [0, 4] has norm 5.
        values, ids = tf.constant([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0]]), tf.constant([2, 1, 2])
        slices = tf.IndexedSlices(values, ids, tf.constant([4, 2]))
        self.optimizer.apply_gradients([(slices, self.table), (tf.reshape(tf.constant(kernel), [2, 1]), self.kernel)])


@pytest.mark.parametrize(("clip_norm", "factor"), [(5.1, 1.0), (5.0, 1.0), (2.5, 0.5), (0.05, 0.01)])
@pytest.mark.parametrize("graph", [False, True])
def test_all_gradients_are_scaled_together(clip_norm, factor, graph):
    clipped = _Clipped(clip_norm)
    (tf.function(clipped.apply) if graph else clipped.apply)()
    np.testing.assert_allclose(clipped.table, -factor * np.array([[0, 0], [0, 0], [3, 0], [0, 0]]), rtol=1e-6)
    np.testing.assert_allclose(clipped.kernel, -factor * np.array([[0], [4]]), rtol=1e-6)


def test_keras_global_clipnorm_is_of_each_optimizer_alone():
    """Why it is not used: the table is clipped by a norm of √5, and the kernel by one of 4."""
    table, kernel = tf.Variable(tf.zeros([4, 2])), tf.Variable(tf.zeros([2, 1]))
    sgds = [tf.keras.optimizers.legacy.SGD(1.0, global_clipnorm=1.0) for _ in range(2)]
    keras = tfrs.experimental.optimizers.CompositeOptimizer([(sgds[0], lambda: [table]), (sgds[1], lambda: [kernel])])
    clipped = _Clipped(1.0)
    clipped.table, clipped.kernel, clipped.optimizer = table, kernel, keras
    clipped.apply()
    np.testing.assert_allclose(table[2], [-3 / 5**0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(kernel, [[0], [-1]], rtol=1e-6)


def test_variable_without_gradient_stands_still():
    clipped = _Clipped(2.5)
    other = tf.Variable(1.0)
    clipped.optimizer = ClippedOptimizer(2.0, [(tf.keras.optimizers.legacy.SGD(1.0), lambda: [clipped.kernel, other])])
    clipped.optimizer.apply_gradients([(tf.constant([[0.0], [4.0]]), clipped.kernel), (None, other)])
    np.testing.assert_allclose(clipped.kernel, [[0], [-2]], rtol=1e-6)
    assert other.numpy() == 1.0


def test_gradient_that_is_no_number_is_not_hidden():
    clipped = _Clipped(1.0)
    clipped.apply(kernel=(0.0, np.inf))
    assert not np.isfinite(clipped.kernel.numpy()).any()
