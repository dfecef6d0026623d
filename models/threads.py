"""TensorFlow's threads on a small machine."""

import contextlib
import os

import tensorflow as tf

_CORES = 2


def one_per_core() -> None:
    """With two cores, lets the two towers' operations run side by side, each on one core.

    By default every operation is shared among all cores, which wait for each other at its end: some 15 % of a step
    (docs/benchmarks.md). With more cores, or a GPU, nothing changes. Works before TensorFlow's first operation; later
    its threads stay as they are.
    """
    if len(os.sched_getaffinity(0)) != _CORES or tf.config.list_physical_devices("GPU"):
        return
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(_CORES)
