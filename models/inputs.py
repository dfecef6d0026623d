"""Packed transformed examples as a tf.data.Dataset."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from schema import blocks, contract

Spec = Mapping[str, tf.io.FixedLenFeature]

_COMPRESSION = "GZIP"
# Files that are read at the same time, in turn; and blocks that each gives at its turn, 1,024 examples.
_FILES_AT_ONCE = 4
_AT_A_TURN = 1024 // blocks.ROWS
# Blocks that are parsed at once, 8,192 examples. A block's go through the shuffle buffer together, and are parted among
# those of so many blocks behind it.
_PARSED_AT_ONCE = 128
# So often ahead of what is made to batches, and so many batches ahead of training.
_PARSED_AHEAD = 2
_BATCHES_AHEAD = 1
_COUNTED_AT_ONCE = 8192


@dataclass(frozen=True)
class Order:
    """The order of the examples of a training.

    Attributes:
        shuffle_buffer: Examples to draw the next ones from, a block at least; 0 keeps the order in which the files are
            read.
        seed: Other seeds give other orders.
    """

    shuffle_buffer: int
    seed: int


def read_packed(file_patterns: Sequence[str], spec: Spec, batch_size: int) -> tf.data.Dataset:
    """Batches of packed examples, in the order of the files' names.

    Args:
        file_patterns: Patterns of gzipped TFRecord files.
        spec: Feature spec of the transformed features.
        batch_size: B; the last batch may be smaller.

    Returns:
        Elements like `spec`: `ids` int64 [B, S], `weights` float32 [B, W], `dense` float32 [B, N], labels int64 [B].
    """
    return batches(tf.data.TFRecordDataset(files(file_patterns), _COMPRESSION), spec, batch_size)


def batches(records: tf.data.Dataset, spec: Spec, batch_size: int) -> tf.data.Dataset:
    """Like `read_packed`, of the blocks that `schema.blocks` serializes."""
    return _parsed(records, _PARSED_AT_ONCE, lambda _, some: parse_packed(some, spec), batch_size)


def read_shuffled(
    file_patterns: Sequence[str], spec: Spec, batch_size: int, order: Order, epoch: int, skipped: int = 0
) -> tf.data.Dataset:
    """Batches of an epoch: its files are read in an order of its own, some at once, and their examples shuffled.

    The same arguments give the same batches.

    Args:
        file_patterns: Patterns of gzipped TFRecord files.
        spec: Feature spec of the transformed features.
        batch_size: B; the last batch may be smaller.
        order: Of the examples.
        epoch: Counted from 0; each has another order.
        skipped: Batches to leave out at the start.

    Returns:
        Elements like those of `read_packed`.
    """
    generator = np.random.default_rng([order.seed, epoch])
    ordered = generator.permutation(files(file_patterns)).tolist()
    records = tf.data.Dataset.from_tensor_slices(tf.constant(ordered, tf.string)).interleave(
        lambda file: tf.data.TFRecordDataset(file, _COMPRESSION),
        cycle_length=_FILES_AT_ONCE,
        block_length=_AT_A_TURN,
        num_parallel_calls=_FILES_AT_ONCE,
        deterministic=True,
    )
    if not order.shuffle_buffer:
        return batches(records, spec, batch_size).skip(skipped)
    seed = int(generator.integers(2**31))
    held = max(1, order.shuffle_buffer // blocks.ROWS)

    def mixed(number: tf.Tensor, some: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = parse_packed(some, spec)
        places = tf.range(tf.size(rows[contract.CLICK]))
        places = tf.random.experimental.stateless_shuffle(places, [tf.constant(seed, tf.int64), number])
        return {name: tf.gather(values, places) for name, values in rows.items()}

    shuffled = records.shuffle(held, seed=seed, reshuffle_each_iteration=False)
    return _parsed(shuffled, min(held, _PARSED_AT_ONCE), mixed, batch_size).skip(skipped)


def files(file_patterns: Sequence[str]) -> list[str]:
    """Paths that match any of the patterns, sorted."""
    return sorted(path for pattern in file_patterns for path in tf.io.gfile.glob(pattern))


def _parsed(
    records: tf.data.Dataset,
    at_once: int,
    parse: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]],
    batch_size: int,
) -> tf.data.Dataset:
    """Batches of the rows of so many blocks at once, which `parse` is given with the number of the times before."""
    rows = records.batch(at_once).enumerate().map(parse, num_parallel_calls=_PARSED_AHEAD, deterministic=True)
    return rows.rebatch(batch_size).prefetch(_BATCHES_AHEAD)


def parse_packed(some: tf.Tensor, spec: Spec) -> dict[str, tf.Tensor]:
    """Transformed features of blocks of examples.

    Args:
        some: Serialized tf.Examples, string [number of blocks], as `schema.blocks` makes them.
        spec: Feature spec of the transformed features, or of some, `click` among them.

    Returns:
        Tensors like `spec`, of all rows.
    """
    lists = {name: tf.io.RaggedFeature(feature.dtype, row_splits_dtype=tf.int64) for name, feature in spec.items()}
    parsed = tf.io.parse_example(some, lists)
    rows = tf.size(parsed[contract.CLICK].values)
    return {name: tf.reshape(parsed[name].values, [rows, *feature.shape]) for name, feature in spec.items()}


@dataclass(frozen=True)
class Counts:
    """Examples, clicks, and conversions of a split."""

    examples: int
    clicks: int
    conversions: int


def count(file_patterns: Sequence[str], spec: Spec) -> Counts:
    """Reads a split once and counts."""
    labels = {name: spec[name] for name in contract.LABELS}
    totals = tf.zeros([3], tf.int64)
    for batch in read_packed(file_patterns, labels, _COUNTED_AT_ONCE):
        click, conversion = batch[contract.CLICK], batch[contract.CONVERSION]
        totals += tf.stack([tf.size(click, tf.int64), tf.reduce_sum(click), tf.reduce_sum(conversion)])
    return Counts(*totals.numpy().tolist())
