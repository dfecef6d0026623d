"""One writer per format of files; each takes record batches and keeps none of them."""

from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import tensorflow as tf

from components.impression_example_gen.encode import encode_examples
from components.impression_example_gen.log_format import FlatFormat
from pipeline.simulator.text import csv_cells, joined_lines, json_lines


class BatchWriter(Protocol):
    """A file that is being written. The first batch settles its columns."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends rows: columns of int64, float32 or string, or lists of these; null where a value is missing."""

    def close(self) -> None:
        """Ends the file."""


def open_writer(path: Path, file_format: FlatFormat, list_separator: str) -> BatchWriter:
    """Starts a file of any flat format; `list_separator` is for CSV."""
    if file_format == "parquet":
        return _ParquetWriter(path)
    if file_format == "csv":
        return _CsvWriter(path, list_separator)
    return _JsonLinesWriter(path) if file_format == "jsonl" else _TFRecordWriter(path)


class _ParquetWriter:
    def __init__(self, path: Path):
        self._path = path
        self._file: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        self._file = self._file or pq.ParquetWriter(self._path, batch.schema)
        self._file.write_batch(batch)

    def close(self) -> None:
        if self._file:
            self._file.close()


class _CsvWriter:
    """With a header line; lists are joined by a separator, what is missing is empty."""

    def __init__(self, path: Path, list_separator: str):
        self._path = path
        self._separator = list_separator
        self._file: pyarrow.csv.CSVWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        cells = [csv_cells(column, self._separator) for column in batch.columns]
        table = pa.RecordBatch.from_arrays(cells, names=batch.schema.names)
        self._file = self._file or pyarrow.csv.CSVWriter(self._path, table.schema)
        self._file.write_batch(table)

    def close(self) -> None:
        if self._file:
            self._file.close()


class _JsonLinesWriter:
    """An object per line; what is missing has no key."""

    def __init__(self, path: Path):
        self._file = path.open("wb")

    def write(self, batch: pa.RecordBatch) -> None:
        self._file.write(joined_lines(json_lines(batch)))

    def close(self) -> None:
        self._file.close()


class _TFRecordWriter:
    """A tf.Example per row; what is missing has an empty feature.

    Features of a tf.Example have no order, so the bytes of equal rows may differ.
    """

    def __init__(self, path: Path):
        self._file = tf.io.TFRecordWriter(str(path))

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [_with_bytes(column) for column in batch.columns]
        for example in encode_examples(pa.RecordBatch.from_arrays(columns, names=batch.schema.names)):
            self._file.write(example)

    def close(self) -> None:
        self._file.close()


def _with_bytes(column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        return column.cast(pa.list_(pa.binary()))
    return column.cast(pa.binary()) if pa.types.is_string(column.type) else column
