"""The impressions that training is measured on, as each side reads them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.tf_metadata import metadata_io

from components.impression_example_gen.encode import encode_examples
from pipeline.bench import ids
from schema import blocks, contract, vocabulary
from schema.fields import Field

# Ids of a field that stand before those of its tokens: missing, and out of vocabulary.
_OTHER_IDS = 2


def fields(sizes: Mapping[str, int]) -> tuple[Field, ...]:
    """The model's inputs: an id of each."""
    return tuple(Field(name=name, entity="user") for name in sizes)


def rows(sizes: Mapping[str, int]) -> dict[str, int]:
    """Number of rows of each field's embedding."""
    return {name: size + _OTHER_IDS for name, size in sizes.items()}


def write(directory: Path, examples: int, sizes: Mapping[str, int]) -> None:
    """Draws impressions as `ids.draw_ranks` does and writes the same ones three times.

    `packed/*.gz`: transformed examples as `components.packed_transform` writes them, beside a `graph` with which
    `models.trainer` reads them. `stock/*.gz`: tf.Examples with a feature per field. `examples.npy`: int64
    [examples, 2 + fields], the labels and the ids. All ids of a field are in its vocabulary, by falling frequency.

    Args:
        directory: Of the files; it is made.
        examples: How many.
        sizes: Of the fields' vocabularies.
    """
    for name in ("packed", "stock"):
        (directory / name).mkdir(parents=True)
    _write_graph(directory / "graph", sizes)
    matrices = []
    for number, ranks in enumerate(ids.draw_ranks(examples, sizes, np.random.default_rng(1))):
        by_field = {name: ranks[name].to_numpy() + _OTHER_IDS for name in sizes}
        labels = {name: ranks[name].to_numpy() for name in contract.LABELS}
        columns = pa.RecordBatch.from_pydict(labels | by_field)
        ids.write_records(directory / "stock" / f"{number:05d}.gz", encode_examples(columns))
        packed = labels | {contract.IDS: np.stack(list(by_field.values()), axis=1)}
        ids.write_records(directory / "packed" / f"{number:05d}.gz", blocks.encode(packed))
        matrices.append(np.stack([*labels.values(), *by_field.values()], axis=1))
    np.save(directory / "examples.npy", np.concatenate(matrices))


def _write_graph(directory: Path, sizes: Mapping[str, int]) -> None:
    """What a training reads of a transform graph: the transformed features, and how many tokens a field has."""
    spec = {label: tf.io.FixedLenFeature([], tf.int64) for label in contract.LABELS}
    spec[contract.IDS] = tf.io.FixedLenFeature([len(sizes)], tf.int64)
    metadata = tft.DatasetMetadata.from_feature_spec(spec)
    metadata_io.write_metadata(metadata, str(directory / tft.TFTransformOutput.TRANSFORMED_METADATA_DIR))
    entries = [
        vocabulary.Entry(
            field=name,
            number=number,
            feature=name,
            dtype="int64",
            file=vocabulary.INTEGERS_FILE,
            first_line=0,
            size=size,
            oov_buckets=1,
        )
        for number, (name, size) in enumerate(sizes.items(), 1)
    ]
    assets = Path(vocabulary.directory(str(directory)))
    assets.mkdir(parents=True)
    (assets / vocabulary.ENTRIES_FILE).write_text(vocabulary.to_json(entries), encoding="utf-8")
