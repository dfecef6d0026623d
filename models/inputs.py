"""Packed transformed examples as a tf.data.Dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from schema import contract


def read_packed(
    file_patterns: Sequence[str],
    spec: Mapping[str, tf.io.FixedLenFeature],
    batch_size: int,
    shuffle_buffer: int = 0,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches of packed examples; the same order for the same files and seed.

    Args:
        file_patterns: Patterns of gzipped TFRecord files.
        spec: Feature spec of the transformed features.
        batch_size: B; the last batch may be smaller.
        shuffle_buffer: Examples to draw the next one from; 0 keeps the order of the files.
        seed: Of the order; each pass over the dataset has another one.

    Returns:
        Elements like `spec`: `ids` int64 [B, S], `weights` float32 [B, W], `dense` float32 [B, N], labels int64 [B].
    """
    files = sorted(path for pattern in file_patterns for path in tf.io.gfile.glob(pattern))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    if shuffle_buffer:
        records = records.shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=True)
    # One call parses a whole batch: much cheaper than a call per example.
    return records.batch(batch_size).map(lambda batch: parse_packed(batch, spec)).prefetch(tf.data.AUTOTUNE)


def parse_packed(examples: tf.Tensor, spec: Mapping[str, tf.io.FixedLenFeature]) -> dict[str, tf.Tensor]:
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


def count(file_patterns: Sequence[str], spec: Mapping[str, tf.io.FixedLenFeature]) -> Counts:
    """Reads a split once and counts."""
    labels_and_ids = {name: spec[name] for name in (*contract.LABELS, contract.IDS)}
    totals = tf.zeros([3], tf.int64)
    for batch in read_packed(file_patterns, labels_and_ids, batch_size=8192):
        click, conversion = batch[contract.CLICK], batch[contract.CONVERSION]
        totals += tf.stack([tf.size(click, tf.int64), tf.reduce_sum(click), tf.reduce_sum(conversion)])
    return Counts(*totals.numpy().tolist())
