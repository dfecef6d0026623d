"""Values that are carried over from one variable to another, place by place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Places:
    """Pairs of places along an axis that mean the same.

    Attributes:
        new: In the new variable, int64 [N].
        earlier: In the earlier one, int64 [N].
    """

    new: np.ndarray
    earlier: np.ndarray


def joined(places: Iterable[Places]) -> Places:
    """All pairs, one after the other."""
    found = [Places(np.arange(0), np.arange(0)), *places]
    return Places(np.concatenate([one.new for one in found]), np.concatenate([one.earlier for one in found]))


def carry_over(variable: tf.Variable, earlier: tf.Variable, places: Mapping[int, Places]) -> None:
    """Gives a variable an earlier one's values: along the axes that have places at those, along others at all."""
    if not places:
        variable.assign(earlier)
        return
    values = variable.numpy()
    every = [Places(np.arange(size), np.arange(size)) for size in variable.shape]
    along = [places.get(axis, all_of_it) for axis, all_of_it in enumerate(every)]
    values[np.ix_(*(axis.new for axis in along))] = earlier.numpy()[np.ix_(*(axis.earlier for axis in along))]
    variable.assign(values)
