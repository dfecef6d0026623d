"""Values carried over from variable to variable."""

import numpy as np
import tensorflow as tf

from models.places import Places, carry_over, joined


def places(new: list[int], earlier: list[int]) -> Places:
    return Places(np.array(new, np.int64), np.array(earlier, np.int64))


def test_rows():
    variable = tf.Variable([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    carry_over(variable, tf.Variable([[10.0, 11.0], [20.0, 21.0]]), {0: places([2, 0], [0, 1])})
    np.testing.assert_array_equal(variable, [[20, 21], [1, 1], [10, 11]])


def test_rows_and_columns():
    variable = tf.Variable(tf.zeros([3, 3]))
    inputs = places([0, 2], [1, 0])
    carry_over(variable, tf.Variable([[1.0, 2.0], [3.0, 4.0]]), {0: inputs, 1: inputs})
    np.testing.assert_array_equal(variable, [[4, 0, 3], [0, 0, 0], [2, 0, 1]])


def test_without_places_it_is_all_of_it():
    variable = tf.Variable([1.0, 2.0])
    carry_over(variable, tf.Variable([3.0, 4.0]), {})
    np.testing.assert_array_equal(variable, [3, 4])


def test_no_place_is_none_of_it():
    variable = tf.Variable([[1.0], [2.0]])
    carry_over(variable, tf.Variable([[3.0]]), {0: joined([])})
    np.testing.assert_array_equal(variable, [[1], [2]])


def test_joined():
    both = joined([places([4, 5], [0, 1]), places([1], [9])])
    assert (both.new.tolist(), both.earlier.tolist()) == ([4, 5, 1], [0, 1, 9])
