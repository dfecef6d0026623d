"""Asking an exported model."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.impression_example_gen import encode, readers
from components.impression_example_gen.log_format import LogFormat
from schema import contract, load
from schema.errors import InputError

_SUFFIXES: Mapping[str, Literal["parquet", "csv"]] = {".parquet": "parquet", ".csv": "csv"}


def predict_file(model_directory: str, input_file: str) -> Generator[dict[str, np.ndarray]]:
    """Gives the outputs for the rows of a Parquet or CSV file, a batch at a time, in the order of the rows.

    Args:
        model_directory: A SavedModel, or a folder of versions of which the latest is taken.
        input_file: Columns as in the log; label columns are not needed. CSV lists are separated by `|`.

    Returns:
        `pctr`, `pcvr`, `pctcvr`, float32 [B].

    Raises:
        InputError: No model there, or the file is not readable, or it lacks a column; while iterating, if the file
            breaks off.
    """
    model_path = _latest_version(Path(model_directory))
    log = LogFormat(format=_format(input_file))
    schema = load.read_schema(model_path / contract.MODEL_SCHEMA_PATH)
    columns = readers.columns_to_read(schema, contract.SERVING, log)
    readers.check_file(input_file, log, columns)
    return _answers(_signature(model_path), readers.read_batches(input_file, log, columns))


def _answers(
    signature: Callable[[tf.Tensor], Mapping[str, tf.Tensor]], batches: Iterator[pa.RecordBatch]
) -> Generator[dict[str, np.ndarray]]:
    for batch in batches:
        outputs = signature(tf.constant(encode.encode_examples(batch)))
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


def _latest_version(directory: Path) -> Path:
    versions = [path for path in directory.glob("*/saved_model.pb") if path.parent.name.isdigit()]
    if versions:
        return max(versions, key=lambda path: int(path.parent.name)).parent
    if not (directory / "saved_model.pb").is_file():
        raise InputError(f"--model should be a SavedModel, or a folder of numbered versions. Received: {directory}")
    return directory


def _format(input_file: str) -> Literal["parquet", "csv"]:
    path = Path(input_file)
    if not path.is_file():
        raise InputError(f"--input should be a file. Received: {input_file}, no such file")
    for suffix in path.suffixes:
        if suffix in _SUFFIXES:
            return _SUFFIXES[suffix]
    raise InputError(f"--input should end in .parquet or .csv (or .csv.gz). Received: {input_file}")
