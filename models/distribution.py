"""The devices that a training runs on: all that are there.

The workers of a MultiWorkerMirroredStrategy all run the same code; the chief is the one whose files count.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from models import threads
from models.settings import Device
from schema.errors import InputError


def strategy(device: Device) -> tf.distribute.Strategy:
    """How training is spread: over the workers that TF_CONFIG names, else over this machine's GPUs, or its CPUs.

    With one device it is TensorFlow's default.

    Raises:
        InputError: There is no GPU, where the device is to be one, or TF_CONFIG names no workers.
    """
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise InputError("`train.device` gpu should find one. Received: a machine where TensorFlow sees no GPU")
    if workers() > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    threads.one_per_core()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def spread(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Makes batches ready for several devices: each worker reads all, and takes its part of each batch."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options)


def workers() -> int:
    """How many there are."""
    cluster = _resolver().cluster_spec().as_dict()
    return max(1, sum(len(cluster.get(job, [])) for job in ("chief", "worker")))


def is_chief() -> bool:
    """Whether this is the only worker, or the one whose files count."""
    resolver = _resolver()
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return workers() == 1 or (resolver.task_type, resolver.task_id) == (first, 0)


def _resolver() -> tf.distribute.cluster_resolver.TFConfigClusterResolver:
    """Tells the workers that TF_CONFIG names, and which of them this is.

    Raises:
        InputError: TF_CONFIG is there, and does not tell.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    try:
        cluster, task = resolver.cluster_spec().as_dict(), (resolver.task_type, resolver.task_id)
        known = not cluster or task in [(job, number) for job in cluster for number in range(len(cluster[job]))]
        problem = "" if known else f"task {task[0]} {task[1]} of {cluster}"
    except (AttributeError, TypeError, ValueError) as error:  # a text that is no JSON is a ValueError
        problem = str(error)
    if problem:
        raise InputError(f"TF_CONFIG should be JSON with a `cluster` and one `task` of it. Received: {problem}")
    return resolver


@contextmanager
def own_folder(directory: str | None) -> Iterator[str]:
    """The folder itself for the chief, for others one that goes when they leave it; so it is without a folder."""
    if directory and is_chief():
        yield directory
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield temporary
