"""The row-sparse Adam against Keras' Adam and against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.lazy_adam import LazyAdam

BETA_1, BETA_2 = 0.9, 0.999
# 1 - β₂ is off by 1.3e-5 in float32, in Keras too.
RTOL = 2e-5


class _NumpyLazyAdam:
    """Kingma & Ba's algorithm 1 in the order of section 2's last paragraph, for the rows that are given only."""

    def __init__(self, table: np.ndarray, rate: float, epsilon: float):
        self.table = table.astype(np.float64)
        self.m, self.v = np.zeros_like(self.table), np.zeros_like(self.table)
        self._rate, self._epsilon, self._step = rate, epsilon, 0

    def apply(self, ids, gradients) -> None:
        self._step += 1
        rate = self._rate * np.sqrt(1 - BETA_2**self._step) / (1 - BETA_1**self._step)
        for row in set(ids):
            gradient = sum(g for i, g in zip(ids, gradients, strict=True) if i == row)
            self.m[row] = BETA_1 * self.m[row] + (1 - BETA_1) * gradient
            self.v[row] = BETA_2 * self.v[row] + (1 - BETA_2) * gradient**2
            self.table[row] -= rate * self.m[row] / (np.sqrt(self.v[row]) + self._epsilon)


def _slices(ids, gradients) -> tf.IndexedSlices:
    return tf.IndexedSlices(tf.constant(gradients, tf.float32), tf.constant(ids, tf.int64), tf.constant([4, 2]))


def _table() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(4, 2)).astype(np.float32)


def test_equals_keras_adam_where_every_step_touches_every_row():
    generator = np.random.default_rng(0)
    lazy, keras = LazyAdam(0.05, epsilon=1e-8), tf.keras.optimizers.legacy.Adam(0.05, epsilon=1e-8)
    ours, theirs = tf.Variable(_table()), tf.Variable(_table())
    for _ in range(30):
        ids = np.concatenate([generator.permutation(4), generator.integers(0, 4, 3)])
        gradients = generator.normal(size=(7, 2)) * 10.0 ** generator.integers(-3, 2, (7, 1))
        lazy.apply_gradients([(_slices(ids, gradients), ours)])
        keras.apply_gradients([(_slices(ids, gradients), theirs)])
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        for slot in ("m", "v"):
            np.testing.assert_allclose(lazy.get_slot(ours, slot), keras.get_slot(theirs, slot), rtol=1e-5, atol=1e-7)
    assert np.abs(ours.numpy() - _table()).min() > 0.05


@pytest.mark.parametrize("graph", [False, True])
def test_rows_that_are_not_looked_up_stand_still(graph):
    lazy = LazyAdam(0.1, epsilon=1e-8)
    table = tf.Variable(_table())
    oracle = _NumpyLazyAdam(_table(), 0.1, 1e-8)

    def state() -> list[np.ndarray]:
        return [table.numpy(), lazy.get_slot(table, "m").numpy(), lazy.get_slot(table, "v").numpy()]

    def apply(ids, gradients):
        lazy.apply_gradients([(tf.IndexedSlices(gradients, ids, tf.constant([4, 2])), table)])

    step = tf.function(apply, reduce_retracing=True) if graph else apply
    generator = np.random.default_rng(3)
    before = [_table(), np.zeros((4, 2)), np.zeros((4, 2))]
    batches = [[0, 1], [1], [2, 2, 1], [0], [1, 2], [0, 0, 0]]
    for ids in batches:
        gradients = generator.normal(size=(len(ids), 2)).astype(np.float32)
        step(tf.constant(ids, tf.int64), tf.constant(gradients))
        oracle.apply(ids, gradients.astype(np.float64))
        untouched = [row for row in range(4) if row not in ids]
        for new, old, exact in zip(state(), before, (oracle.table, oracle.m, oracle.v), strict=True):
            np.testing.assert_allclose(new, exact, rtol=RTOL, atol=1e-6)
            np.testing.assert_array_equal(new[untouched], old[untouched])
        before = state()
    np.testing.assert_array_equal(table[3], _table()[3])
    assert lazy.iterations.numpy() == len(batches)


def test_differs_from_keras_adam_in_what_an_absent_row_does():
    """Keras moves on with the decayed moments; the lazy one does not. First two steps, by hand."""
    lazy, keras = LazyAdam(0.1, epsilon=1e-8), tf.keras.optimizers.legacy.Adam(0.1, epsilon=1e-8)
    ours, theirs = tf.Variable(np.zeros((4, 2), np.float32)), tf.Variable(np.zeros((4, 2), np.float32))
    for optimizer, table in ((lazy, ours), (keras, theirs)):
        optimizer.apply_gradients([(_slices([0], [[1.0, -2.0]]), table)])
        optimizer.apply_gradients([(_slices([1], [[1.0, 1.0]]), table)])
    # A first step has the length of the learning rate.
    np.testing.assert_allclose(ours[0], [-0.1, 0.1], rtol=1e-5)
    # m = 0.9 · 0.1 g, v = 0.999 · 0.001 g²; corrected by 1 - 0.81 and 1 - 0.998001.
    second = 0.1 * (0.09 / 0.19) / np.sqrt(0.000999 / 0.001999)
    np.testing.assert_allclose(theirs[0], [-0.1 - second, 0.1 + second], rtol=1e-4)
    # The bias correction goes on with the step: row 1 moves for the first time, at step 2.
    first_at_2 = 0.1 * (0.1 / 0.19) / np.sqrt(0.001 / 0.001999)
    np.testing.assert_allclose(ours[1], [-first_at_2] * 2, rtol=1e-4)


def test_duplicate_ids_are_summed():
    lazy = LazyAdam(0.1, epsilon=0.5)  # An epsilon this large makes the step depend on the gradient's size.
    table = tf.Variable(np.zeros((4, 2), np.float32))
    lazy.apply_gradients([(_slices([2, 0, 2, 2], [[1, 0], [1, 1], [2, 0], [-0.5, 4]]), table)])
    gradient = np.array([[1, 1], [0, 0], [2.5, 4], [0, 0]])
    rate = 0.1 * np.sqrt(1 - BETA_2) / (1 - BETA_1)
    m, v = 0.1 * gradient, 0.001 * gradient**2
    np.testing.assert_allclose(table, -rate * m / (np.sqrt(v) + 0.5), rtol=RTOL)
    np.testing.assert_allclose(lazy.get_slot(table, "m"), m, rtol=1e-5)
    np.testing.assert_allclose(lazy.get_slot(table, "v"), v, rtol=RTOL)


def test_dense_gradients_are_keras_own():
    lazy, keras = LazyAdam(0.05, epsilon=1e-8), tf.keras.optimizers.legacy.Adam(0.05, epsilon=1e-8)
    ours, theirs = tf.Variable(_table()), tf.Variable(_table())
    for step in range(5):
        gradient = tf.constant(np.random.default_rng(step).normal(size=(4, 2)), tf.float32)
        lazy.apply_gradients([(gradient, ours)])
        keras.apply_gradients([(gradient, theirs)])
    np.testing.assert_array_equal(ours, theirs)
