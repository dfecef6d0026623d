"""Sums of a row's lookups against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.sparse_gradients import sum_duplicates


@pytest.mark.parametrize("ids", [[3, 0, 3, 1, 3, 0], [5], [2, 2, 2], [4, 1, 0]])
def test_each_row_once_with_the_sum_of_its_lookups(ids):
    values = np.random.default_rng(0).normal(size=(len(ids), 2)).astype(np.float32)
    slices = tf.IndexedSlices(tf.constant(values), tf.constant(ids, tf.int64), tf.constant([6, 2], tf.int64))
    once = sum_duplicates(slices)
    by_row = np.zeros((6, 2))
    np.add.at(by_row, ids, values)
    rows = once.indices.numpy()
    assert once.indices.dtype == tf.int64
    assert list(rows) == list(dict.fromkeys(ids))
    np.testing.assert_allclose(once.values, by_row[rows], rtol=1e-6)
    np.testing.assert_allclose(tf.convert_to_tensor(once), by_row, rtol=1e-6)


def test_adds_in_the_order_of_keras():
    """To the last bit, so that trainings stay what they were."""
    generator = np.random.default_rng(1)
    indices = tf.constant(generator.zipf(1.3, 5000) % 50, tf.int64)
    values = tf.constant(generator.normal(size=(5000, 18)), tf.float32)
    once = sum_duplicates(tf.IndexedSlices(values, indices))
    rows, row_of = tf.unique(indices)
    np.testing.assert_array_equal(once.indices, rows)
    np.testing.assert_array_equal(once.values, tf.math.unsorted_segment_sum(values, row_of, len(rows)))
