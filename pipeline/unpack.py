"""Showing a transformed example of a run as a person reads it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.packed_transform import spec
from models import inputs, vocabulary_files
from models.unpack import Row, unpack
from pipeline.root import Root
from pipeline.transformed import newest_transform
from schema import contract, vocabulary
from schema import fields as schema_fields
from schema.errors import InputError
from schema.fields import Field

_BATCH_SIZE = 8192


def read_rows(root: Root, split: str, number: int) -> list[Row]:
    """Reads an example of the newest finished Transform.

    Args:
        root: Of a run.
        split: Of the transformed examples.
        number: Of the example, from 0, in the order of the files.

    Returns:
        A row for each label, and one for each field.

    Raises:
        InputError: No finished Transform there, no such split, or no such example.
    """
    transform = newest_transform(root)
    fields = schema_fields.from_json(str(transform.properties[spec.FIELDS_KEY]))
    graph = transform.outputs[spec.TRANSFORM_GRAPH_KEY].uri
    example = _example(transform.outputs[spec.TRANSFORMED_EXAMPLES_KEY].uri, graph, split, number)
    others = example.keys() - {*contract.LABELS, contract.IDS, contract.WEIGHTS, contract.DENSE}
    labels = [Row(name, (), (str(example[name]),)) for name in (*contract.LABELS, *sorted(others))]
    return [*labels, *unpack(example, fields, _tokens(graph, fields))]


def _example(examples: str, graph: str, split: str, number: int) -> dict[str, np.ndarray]:
    """Labels int64 [], those of stages too, `ids` int64 [S], `weights` float32 [W], `dense` float32 [N]."""
    folder = "Split-"
    splits = sorted(path.name.removeprefix(folder) for path in Path(examples).glob(f"{folder}*"))
    if not splits:
        raise InputError(f"the newest Transform's examples should be in {examples}. Received: no split there")
    if split not in splits:
        raise InputError(f"--split should be one of: {', '.join(splits)}. Received: {split}")
    files = sorted(map(str, Path(examples, folder + split).glob("*.gz")))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    feature_spec = tft.TFTransformOutput(graph).transformed_feature_spec()
    count = 0
    for batch in inputs.batches(records, feature_spec, _BATCH_SIZE):
        of_batch = len(batch[contract.CLICK])
        if number < count + of_batch:
            return {name: values[number - count].numpy() for name, values in batch.items()}
        count += of_batch
    raise InputError(f"--number should be below {count}, the number of examples of split {split}. Received: {number}")


def _tokens(graph: str, fields: Sequence[Field]) -> dict[str, list[bytes]]:
    """Tokens of the fields' vocabularies, by the field that owns them, in the order of their ids."""
    if not schema_fields.vocabulary_owners(fields):
        return {}
    tokens = vocabulary_files.read_tokens(vocabulary.directory(graph))
    return {name: of_field.to_pylist() for name, of_field in tokens.items()}


def show(console: Console, rows: Sequence[Row]) -> None:
    """Prints a table; where the screen is no terminal, tab-separated lines."""
    weighted = any(row.weights for row in rows)
    titles = ("field", "ids", "stand for", *(["weights"] if weighted else []))
    cells = [
        (
            (row.name,),
            tuple(map(str, row.ids)),
            row.meanings,
            *([tuple(f"{weight:g}" for weight in row.weights)] if weighted else []),
        )
        for row in rows
    ]
    if not console.is_terminal:
        for line in (titles, *(tuple(map(", ".join, row)) for row in cells)):
            print("\t".join(line), file=console.file)  # the console itself would expand the tabs
        return
    table = Table(*titles, box=None, padding=(0, 2, 0, 0))
    for row in cells:
        table.add_row(*(Text("\n".join(values), overflow="fold") for values in row))
    console.print(table)
