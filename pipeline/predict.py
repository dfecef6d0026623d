"""Asking an exported model."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.impression_example_gen import batches
from components.impression_example_gen.columns import Column, columns_to_read
from components.impression_example_gen.log_format import FlatFormat, LogFormat
from components.impression_example_gen.readers import flat
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.rows import Rows
from pipeline.versions import latest_version
from schema import contract, load
from schema.errors import InputError

_SUFFIXES: Mapping[str, FlatFormat] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".tfrecord": "tfrecord",
}


def predict_file(model_directory: str, input_file: str) -> Generator[dict[str, np.ndarray]]:
    """Gives the outputs for the rows of a file, a batch at a time, in the order of the rows.

    Args:
        model_directory: A SavedModel, or a folder of versions of which the latest is taken.
        input_file: Parquet, CSV, JSON Lines or TFRecords by its suffix. Columns as in the log; label columns are not
            needed. CSV lists are separated by `|`.

    Returns:
        `pctr`, `pcvr`, `pctcvr`, float32 [B].

    Raises:
        InputError: No model there, or the file is not readable, or it lacks a column; while iterating, if the file
            breaks off or has a value of another type.
    """
    model_path = latest_version(Path(model_directory))
    log = LogFormat(format=_format(input_file))
    schema = load.read_schema(model_path / contract.MODEL_SCHEMA_PATH)
    columns = [column.without_rules() for column in columns_to_read(schema, contract.SERVING, log)]
    flat.check_flat(input_file, _format(input_file), log, columns)
    rows = flat.read_flat(FileRange(input_file), _format(input_file), log, columns)
    return _answers(_signature(model_path), rows, columns, log)


def _answers(
    signature: Callable[[tf.Tensor], Mapping[str, tf.Tensor]],
    read: Iterator[Rows],
    columns: Sequence[Column],
    log: LogFormat,
) -> Generator[dict[str, np.ndarray]]:
    for rows in read:
        checked = batches.check_rows(rows, columns, log, labelled=False)
        if checked.dead:
            raise InputError(str(checked.dead[0]))
        outputs = signature(tf.constant(batches.to_examples(rows, checked)))
        yield {name: outputs[name].numpy() for name in contract.OUTPUTS}


def first_example(model_directory: str, examples_uri: str) -> Mapping[str, float]:
    """The three outputs and the labels of the first example of the eval split."""
    files = sorted(tf.io.gfile.glob(os.path.join(examples_uri, "Split-eval", "*.gz")))
    record = next(iter(tf.data.TFRecordDataset(files, compression_type="GZIP")))
    outputs = _signature(Path(model_directory) / "Format-Serving")(record[tf.newaxis])
    features = tf.train.Example.FromString(record.numpy()).features.feature
    labels = {name: float(features[name].int64_list.value[0]) for name in contract.LABELS}
    return {**{name: float(outputs[name][0]) for name in contract.OUTPUTS}, **labels}


def _signature(model_path: Path) -> Callable[[tf.Tensor], Mapping[str, tf.Tensor]]:
    # The model is kept: it owns the tables that the signature looks tokens up in.
    model = tf.saved_model.load(str(model_path))
    serve = model.signatures[contract.SERVING_SIGNATURE]

    def call(examples: tf.Tensor) -> Mapping[str, tf.Tensor]:
        _ = model
        return serve(**{contract.EXAMPLES: examples})

    return call


def _format(input_file: str) -> FlatFormat:
    path = Path(input_file)
    if not path.is_file():
        raise InputError(f"--input should be a file. Received: {input_file}, no such file")
    for suffix in path.suffixes:
        if suffix in _SUFFIXES:
            return _SUFFIXES[suffix]
    raise InputError(
        f"--input should end in .parquet, .csv, .jsonl or .tfrecord (text also in .gz). Received: {input_file}"
    )
