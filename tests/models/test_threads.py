"""Threads, in processes of their own: TensorFlow's are set once."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
os.sched_setaffinity(0, [int(core) for core in sys.argv[1:]])
import models
import tensorflow as tf
from models import threads
{before}
threads.one_per_core()
print(tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads())
"""
CORES = [str(core) for core in sorted(os.sched_getaffinity(0))]
NOT_SET = "0 0\n"


def threads_of(cores: list[str], before: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(before=before), *cores],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")
def test_two_cores_have_an_operation_each():
    assert threads_of(CORES[:2]) == "1 2\n"
    assert threads_of(CORES[:2], before="tf.zeros([1])") == NOT_SET


def test_other_numbers_of_cores_change_nothing():
    assert threads_of(CORES[:1]) == NOT_SET
    if len(CORES) > 2:
        assert threads_of(CORES[:3]) == NOT_SET
