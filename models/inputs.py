"""Packed transformed examples as a tf.data.Dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from schema import contract

Spec = Mapping[str, tf.io.FixedLenFeature]

_COMPRESSION = "GZIP"
# Files that are read at the same time, in turn; and examples that each gives at its turn.
_FILES_AT_ONCE = 4
_AT_A_TURN = 1024
# Neighbours go through a large shuffle buffer together, so many at most, and are parted among so many blocks behind it:
# half the time of `Dataset.shuffle` with single examples.
_LARGEST_BLOCK = 64
_MIXED_BLOCKS = 128
# Batches that are parsed while the one before them trains.
_PARSED_AHEAD = 2
_COUNTED_AT_ONCE = 1024


@dataclass(frozen=True)
class Order:
    """The order of the examples of a training.

    Attributes:
        shuffle_buffer: Examples to draw the next ones from, fewer where files have less than 64 each; 0 keeps the order
            in which the files are read.
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
    records = tf.data.TFRecordDataset(files(file_patterns), compression_type=_COMPRESSION)
    return _parsed(records.batch(batch_size), spec)


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
    block = max(1, min(_LARGEST_BLOCK, order.shuffle_buffer // _MIXED_BLOCKS))
    blocks = tf.data.Dataset.from_tensor_slices(tf.constant(ordered, tf.string)).interleave(
        lambda file: tf.data.TFRecordDataset(file, compression_type=_COMPRESSION).batch(block),
        cycle_length=_FILES_AT_ONCE,
        block_length=_AT_A_TURN // block,
        num_parallel_calls=_FILES_AT_ONCE,
        deterministic=True,
    )
    if order.shuffle_buffer:
        blocks = _shuffled(blocks, block, order.shuffle_buffer, int(generator.integers(2**31)))
    return _parsed(blocks.rebatch(batch_size).skip(skipped), spec)


def _shuffled(blocks: tf.data.Dataset, block: int, buffer: int, seed: int) -> tf.data.Dataset:
    """Blocks of any size, of the examples in another order.

    Args:
        blocks: Serialized examples: shuffled before they are parsed, which keeps them small.
        block: How many a block has, where it is not a file's last.
        buffer: Examples to draw the next ones from.
        seed: Other seeds give other orders.
    """
    blocks = blocks.shuffle(buffer // block, seed=seed, reshuffle_each_iteration=False)
    if block == 1:
        return blocks

    def mixed(number: tf.Tensor, examples: tf.Tensor) -> tf.Tensor:
        places = tf.range(tf.size(examples))
        places = tf.random.experimental.stateless_shuffle(places, [tf.constant(seed, tf.int64), number])
        return tf.gather(examples, places)

    return blocks.rebatch(_MIXED_BLOCKS * block).enumerate().map(mixed)


def files(file_patterns: Sequence[str]) -> list[str]:
    """Paths that match any of the patterns, sorted."""
    return sorted(path for pattern in file_patterns for path in tf.io.gfile.glob(pattern))


def _parsed(batches: tf.data.Dataset, spec: Spec) -> tf.data.Dataset:
    options = tf.data.Options()
    # It would watch every single record, which makes reading a sixth longer.
    options.autotune.enabled = False
    parsed = batches.map(lambda one: parse_packed(one, spec), num_parallel_calls=_PARSED_AHEAD, deterministic=True)
    return parsed.with_options(options)


def parse_packed(examples: tf.Tensor, spec: Spec) -> dict[str, tf.Tensor]:
    """Transformed features of packed examples.

    Args:
        examples: Serialized tf.Examples, string [B], as `components.packed_transform` writes them.
        spec: Feature spec of the transformed features.

    Returns:
        Tensors like `spec`.
    """
    others = {name: feature for name, feature in spec.items() if name not in (*contract.LABELS, contract.IDS)}
    slots = spec[contract.IDS].shape[0]
    packed = tf.io.FixedLenFeature([len(contract.LABELS) + slots], tf.int64)
    features = tf.io.parse_example(examples, {contract.PACKED: packed, **others})
    all_in_one = features.pop(contract.PACKED)
    for place, name in enumerate(contract.LABELS):
        features[name] = all_in_one[:, place]
    return features | {contract.IDS: all_in_one[:, len(contract.LABELS) :]}


@dataclass(frozen=True)
class Counts:
    """Examples, clicks, and conversions of a split."""

    examples: int
    clicks: int
    conversions: int


def count(file_patterns: Sequence[str], spec: Spec) -> Counts:
    """Reads a split once and counts."""
    labels_and_ids = {name: spec[name] for name in (*contract.LABELS, contract.IDS)}
    totals = tf.zeros([3], tf.int64)
    for batch in read_packed(file_patterns, labels_and_ids, _COUNTED_AT_ONCE):
        click, conversion = batch[contract.CLICK], batch[contract.CONVERSION]
        totals += tf.stack([tf.size(click, tf.int64), tf.reduce_sum(click), tf.reduce_sum(conversion)])
    return Counts(*totals.numpy().tolist())
