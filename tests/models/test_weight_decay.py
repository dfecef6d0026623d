"""Decoupled weight decay against Keras' AdamW and by hand."""

import numpy as np
import tensorflow as tf

from models.lazy_adam import LazyAdam
from models.weight_decay import with_weight_decay

TABLE = np.arange(1.0, 9.0, dtype=np.float32).reshape(4, 2)


def _slices(ids, gradients) -> tf.IndexedSlices:
    return tf.IndexedSlices(tf.constant(gradients, tf.float32), tf.constant(ids, tf.int64), tf.constant([4, 2]))


def test_kernels_go_the_way_of_keras_adamw():
    schedule = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 20, 0.0)
    ours = with_weight_decay(tf.keras.optimizers.legacy.Adam, 0.3)(schedule, epsilon=1e-8)
    theirs = tf.keras.optimizers.AdamW(schedule, weight_decay=0.3, epsilon=1e-8, jit_compile=False)
    one, other = tf.Variable(TABLE), tf.Variable(TABLE)
    for step in range(20):
        gradient = tf.constant(np.random.default_rng(step).normal(size=(4, 2)), tf.float32)
        ours.apply_gradients([(gradient, one)])
        theirs.apply_gradients([(gradient, other)])
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert np.all(one < 0.95 * TABLE)


def test_biases_do_not_shrink():
    decaying = with_weight_decay(tf.keras.optimizers.legacy.Adam, 0.5)(0.1)
    kernel, bias = tf.Variable([[2.0]]), tf.Variable([2.0])
    decaying.apply_gradients([(tf.zeros([1, 1]), kernel), (tf.zeros([1]), bias)])
    np.testing.assert_allclose(kernel, [[2 - 2 * 0.1 * 0.5]], rtol=1e-6)
    assert bias.numpy() == [2.0]


def test_of_a_table_only_the_rows_looked_up_shrink_once_each():
    decaying, plain = with_weight_decay(LazyAdam, 0.5)(0.1), LazyAdam(0.1)
    ours, without = tf.Variable(TABLE), tf.Variable(TABLE)
    for optimizer, table in ((decaying, ours), (plain, without)):
        optimizer.apply_gradients([(_slices([2, 0, 2], [[1, -1], [0, 3], [1, 1]]), table)])
    shrunk = np.array([[0.95], [1], [0.95], [1]]) * TABLE
    np.testing.assert_allclose(ours, shrunk + (without - TABLE), rtol=1e-6)
    np.testing.assert_array_equal(ours[1::2], TABLE[1::2])


def test_adagrad_too():
    decaying = with_weight_decay(tf.keras.optimizers.legacy.Adagrad, 0.5)(0.1, initial_accumulator_value=3.0)
    table = tf.Variable(TABLE)
    decaying.apply_gradients([(_slices([1], [[1, -1]]), table)])
    np.testing.assert_allclose(table[1], 0.95 * TABLE[1] - 0.1 * np.array([1, -1]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(table[2:], TABLE[2:])


def test_without_decay_it_is_the_class_itself():
    assert with_weight_decay(LazyAdam, 0.0) is LazyAdam
