"""Impressions for measuring Transform and training: ids like Ali-CCP's in number and skew, one per field."""

import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.encode import encode_examples
from components.tfrecord.frame import frame
from pipeline.simulator.sizes import ALI_CCP_VOCABULARIES
from schema import contract

# Those of Ali-CCP. The histories and 210, of several values there, have one and few here.
VOCABULARY_SIZES = ALI_CCP_VOCABULARIES | {"109_14": 80, "110_14": 70, "127_14": 60, "150_14": 50, "210": 40}

# With as many ids as the full release has in its largest fields.
FULL_VOCABULARY_SIZES = VOCABULARY_SIZES | {
    "101": 295_787,
    "205": 3_206_396,
    "207": 614_739,
    "216": 210_973,
    "509": 389_788,
    "702": 143_919,
    "853": 86_895,
}

_LARGEST_ID = 10_000_000
# An id's frequency falls with its rank to this power, as those of words and users do.
_SKEW = 1.05
_CLICKED, _CONVERTED_OF_CLICKED = 0.04, 0.05
_SHARD_ROWS = 100_000


def schema() -> schema_pb2.Schema:
    """Of the impressions: an INT with one value for each field and each label."""
    names = [*VOCABULARY_SIZES, *contract.LABELS]
    one = schema_pb2.ValueCount(min=1, max=1)
    features = [schema_pb2.Feature(name=name, type=schema_pb2.INT, value_count=one) for name in names]
    for label in features[-len(contract.LABELS) :]:
        label.not_in_environment.append(contract.SERVING)
    return schema_pb2.Schema(feature=features, default_environment=[contract.TRAINING, contract.SERVING])


def write_examples(directory: Path, rows: int, seed: int) -> None:
    """Writes impressions as gzipped TFRecords of tf.Examples, a file for every 100,000.

    Args:
        directory: Of the files; it is made.
        rows: Impressions in all.
        seed: Other seeds give other impressions.
    """
    directory.mkdir(parents=True)
    shards = -(-rows // _SHARD_ROWS)
    for number, batch in enumerate(draw(rows, seed)):
        write_records(directory / f"data_tfrecord-{number:05d}-of-{shards:05d}.gz", encode_examples(batch))


def write_records(path: Path, examples: Iterable[bytes]) -> None:
    """Writes a gzipped TFRecord file."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"".join(map(frame, examples)))


def draw(rows: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Batches of at most 100,000 impressions.

    Args:
        rows: Impressions in all.
        seed: Other seeds give other impressions.

    Returns:
        A column for each field, int64 ids below 10,000,000, and `click` and `conversion`, int64 of 0 and 1.
    """
    random = np.random.default_rng(seed)
    ids = {name: random.choice(_LARGEST_ID, size, replace=False) for name, size in VOCABULARY_SIZES.items()}
    for batch in draw_ranks(rows, VOCABULARY_SIZES, random):
        columns = {name: ids[name][batch[name].to_numpy()] for name in ids}
        yield pa.RecordBatch.from_pydict(columns | {label: batch[label] for label in contract.LABELS})


def draw_ranks(rows: int, sizes: Mapping[str, int], random: np.random.Generator) -> Iterator[pa.RecordBatch]:
    """Like `draw`, with the rank of each id among its field's, by frequency from 0, in its place.

    Args:
        rows: Impressions in all.
        sizes: Number of ids of each field.
        random: What they are drawn by.
    """
    shares = {name: _cumulated_shares(size) for name, size in sizes.items()}
    for start in range(0, rows, _SHARD_ROWS):
        count = min(_SHARD_ROWS, rows - start)
        ranks = {name: np.searchsorted(shares[name], random.random(count), "right") for name in sizes}
        click = random.random(count) < _CLICKED
        conversion = click & (random.random(count) < _CONVERTED_OF_CLICKED)
        labels = {contract.CLICK: click.astype(np.int64), contract.CONVERSION: conversion.astype(np.int64)}
        yield pa.RecordBatch.from_pydict({**ranks, **labels})


def _cumulated_shares(size: int) -> np.ndarray:
    """Share of the impressions with one of the most frequent 1, 2, …, `size` ids; float64 [size], the last is 1."""
    cumulated = np.cumsum(np.arange(1, size + 1) ** -_SKEW)
    return cumulated / cumulated[-1]
