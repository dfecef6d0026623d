"""Files of a log as Arrow record batches that hold the asked columns, in the schema's types."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.log_format import LogFormat
from schema import contract, load
from schema.check import nearest
from schema.errors import InputError

# Rows of a record batch: large enough that Python's share per batch does not matter, some 10 MB in memory.
_BATCH_ROWS = 8192
_CSV_BLOCK_BYTES = 4 << 20
_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2"}

_ARROW_TYPES = {schema_pb2.INT: pa.int64(), schema_pb2.FLOAT: pa.float32(), schema_pb2.BYTES: pa.binary()}
_ACCEPTED = {
    schema_pb2.INT: ("an integer", lambda t: pa.types.is_integer(t) or pa.types.is_boolean(t)),
    schema_pb2.FLOAT: ("a number", lambda t: pa.types.is_floating(t) or pa.types.is_integer(t)),
    schema_pb2.BYTES: ("a string", lambda t: _is_text(t)),
}


@dataclass(frozen=True)
class Column:
    """A column to read.

    Attributes:
        type: Type of its values by the schema.
        multivalued: Whether a row holds a list of values.
    """

    type: "schema_pb2.FeatureType.ValueType"
    multivalued: bool

    @property
    def arrow_type(self) -> pa.DataType:
        value = _ARROW_TYPES[self.type]
        return pa.list_(value) if self.multivalued else value


def columns_to_read(schema: schema_pb2.Schema, environment: str, log: LogFormat) -> dict[str, Column]:
    """Columns of the log that examples of `environment` are made of, by their name in the log."""
    in_log = {contract.CLICK: log.labels.click, contract.CONVERSION: log.labels.conversion}
    return {
        in_log.get(name, name): Column(feature.type, load.is_multivalued(feature))
        for name, feature in load.usable_features(schema, environment).items()
    }


def check_file(path: str, log: LogFormat, columns: Mapping[str, Column]) -> None:
    """Checks, from its header or footer alone, that a file can be read and has the columns in fitting types.

    Raises:
        InputError: The message names the file, and the column.
    """
    with _told_as_input_error(path), contextlib.closing(_open(path, log)) as file:
        if log.format == "parquet":
            schema = pq.read_schema(file)
        else:
            schema = pyarrow.csv.open_csv(file, read_options=_csv_read_options()).schema
        names = schema.names
    for name, column in columns.items():
        if name not in names:
            raise InputError(f"{path} should have a column `{name}`; it has none{nearest(name, names)}")
        if names.count(name) > 1:
            raise InputError(f"{path} should have one column `{name}`. Received: {names.count(name)} of that name")
        if log.format == "parquet":  # in CSV a column has the type that it is asked to have
            _check_type(path, name, column, schema.field(name).type)


def _check_type(path: str, name: str, column: Column, found: pa.DataType) -> None:
    value_type = found.value_type if column.multivalued and _is_list(found) else found
    if pa.types.is_dictionary(value_type):
        value_type = value_type.value_type
    joined = column.multivalued and not _is_list(found) and _is_text(value_type)
    expected, accepts = _ACCEPTED[column.type]
    if not (accepts(value_type) or joined or pa.types.is_null(value_type)):
        of = "a list of values, each " if column.multivalued else ""
        raise InputError(f"{path}: column `{name}` should be {of}{expected}. Received: {found}")


def read_batches(path: str, log: LogFormat, columns: Mapping[str, Column]) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a file in order, as batches with exactly `columns`, cast to the schema's types.

    A null inside a list is left out of it. Text in a column of several values is split at `log.list_separator`.

    Raises:
        InputError: The file breaks off or holds a value of another type; the message says where.
    """
    with _told_as_input_error(path), contextlib.closing(_open(path, log)) as file:
        if log.format == "parquet":
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            batches: Iterator[pa.RecordBatch] = parquet.iter_batches(_BATCH_ROWS, columns=list(columns))
        else:
            batches = iter(
                pyarrow.csv.open_csv(file, _csv_read_options(), convert_options=_csv_convert_options(columns))
            )
        first_row = 0
        for batch in batches:
            arrays = []
            for name, column in columns.items():
                try:
                    arrays.append(_cast(batch[name], column, log.list_separator))
                except pa.ArrowInvalid as error:
                    rows = f"rows {first_row} to {first_row + batch.num_rows - 1}"
                    raise InputError(f"{rows}, column `{name}`: {error}") from None
            yield pa.RecordBatch.from_arrays(arrays, names=list(columns))
            first_row += batch.num_rows


def _cast(values: pa.Array, column: Column, separator: str) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if not column.multivalued:
        return _cast_values(values, column)
    if not _is_list(values.type):
        values = _split(values.cast(pa.string()), separator) if _is_text(values.type) else _one_each(values)
    # Slices and nulls are settled by taking the lists apart and counting anew.
    lengths = pc.fill_null(pc.list_value_length(values), 0).cast(pa.int64())
    flat = pc.list_flatten(values)
    if pa.types.is_dictionary(flat.type):
        flat = flat.dictionary_decode()
    flat = _cast_values(flat, column)
    present = np.asarray(flat.is_valid())
    ends = np.concatenate([[0], np.cumsum(present)])[np.concatenate([[0], np.cumsum(np.asarray(lengths))])]
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat.drop_null(), mask=values.is_null())


def _cast_values(values: pa.Array, column: Column) -> pa.Array:
    """Values in the schema's type. For a FLOAT feature NaN is null, and whole numbers are rounded as all others are."""
    if column.type != schema_pb2.FLOAT:
        return values.cast(_ARROW_TYPES[column.type])
    numbers = values.cast(pa.float64(), safe=False).cast(pa.float32())
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float32()), numbers)


def _split(values: pa.Array, separator: str) -> pa.ListArray:
    """Lists of the parts between separators; an empty string is an empty list, a null stays one."""
    parts = pc.split_pattern(values, separator)
    empty = pa.scalar([], parts.type)
    return pc.if_else(pc.equal(values, ""), empty, parts)


def _one_each(values: pa.Array) -> pa.ListArray:
    """Lists of one value; a null stays one."""
    offsets = pa.array(range(len(values) + 1), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=values.is_null())


def _is_list(arrow_type: pa.DataType) -> bool:
    return pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type)


def _is_text(arrow_type: pa.DataType) -> bool:
    return any(
        is_kind(arrow_type)
        for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _csv_read_options() -> pyarrow.csv.ReadOptions:
    # On one thread, because only then Arrow names the row of a bad value.
    return pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK_BYTES, use_threads=False)


def _csv_convert_options(columns: Mapping[str, Column]) -> pyarrow.csv.ConvertOptions:
    types = {name: pa.string() if column.multivalued else column.arrow_type for name, column in columns.items()}
    return pyarrow.csv.ConvertOptions(
        column_types=types, include_columns=list(columns), null_values=[""], strings_can_be_null=True
    )


def _open(path: str, log: LogFormat) -> IO[bytes]:
    # Arrow decompresses, since Beam's own decompressor takes a file that breaks off for one that ends.
    file = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    compression = next((name for suffix, name in _COMPRESSIONS.items() if path.endswith(suffix)), None)
    return pa.CompressedInputStream(file, compression) if log.format == "csv" and compression else file


@contextlib.contextmanager
def _told_as_input_error(path: str) -> Iterator[None]:
    """Puts the file's name in front of what Arrow or the file system say of it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}, {error}") from None
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} should be readable to its end. Received: {reason}") from None
