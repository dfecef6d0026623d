"""Files of a log as Arrow record batches that hold the asked columns, in the schema's types."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

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

_ARROW_TYPES = {schema_pb2.INT: pa.int64(), schema_pb2.FLOAT: pa.float32(), schema_pb2.BYTES: pa.binary()}
_ACCEPTED = {
    schema_pb2.INT: ("an integer", lambda t: pa.types.is_integer(t) or pa.types.is_boolean(t)),
    schema_pb2.FLOAT: ("a number", lambda t: pa.types.is_floating(t) or pa.types.is_integer(t)),
    schema_pb2.BYTES: (
        "a string",
        lambda t: (
            pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_binary(t) or pa.types.is_large_binary(t)
        ),
    ),
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
    with _told_as_input_error(path), contextlib.closing(_open(path)) as file:
        if log.format == "parquet":
            found = {field.name: field.type for field in pq.read_schema(file)}
        else:
            found = dict.fromkeys(pyarrow.csv.open_csv(file, read_options=_csv_read_options()).schema.names)
    for name, column in columns.items():
        if name not in found:
            raise InputError(f"{path} should have a column `{name}`; it has none{nearest(name, found)}")
        if found[name] is not None:
            _check_type(path, name, column, found[name])


def _check_type(path: str, name: str, column: Column, found: pa.DataType) -> None:
    value_type = found
    is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
    if column.multivalued and is_list:
        value_type = found.value_type
    if pa.types.is_dictionary(value_type):
        value_type = value_type.value_type
    expected, accepts = _ACCEPTED[column.type]
    if not accepts(value_type) and not pa.types.is_null(value_type):
        of = "a list of values, each " if column.multivalued else ""
        raise InputError(f"{path}: column `{name}` should be {of}{expected}. Received: {found}")


def read_batches(path: str, log: LogFormat, columns: Mapping[str, Column]) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a file in order, as batches with exactly `columns`, cast to the schema's types.

    Raises:
        InputError: The file breaks off or holds a value of another type; the message says where.
    """
    with _told_as_input_error(path), contextlib.closing(_open(path)) as file:
        if log.format == "parquet":
            batches: Iterator[pa.RecordBatch] = pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=list(columns))
        else:
            batches = iter(
                pyarrow.csv.open_csv(file, _csv_read_options(), convert_options=_csv_convert_options(columns))
            )
        first_row = 0
        for batch in batches:
            yield pa.RecordBatch.from_arrays(
                [_cast(batch[name], column, name, first_row, log.list_separator) for name, column in columns.items()],
                names=list(columns),
            )
            first_row += batch.num_rows


def _cast(values: pa.Array, column: Column, name: str, first_row: int, separator: str) -> pa.Array:
    if column.multivalued and (pa.types.is_string(values.type) or pa.types.is_binary(values.type)):
        values = _split(values.cast(pa.string()), separator)
    elif column.multivalued and not pa.types.is_list(values.type) and not pa.types.is_large_list(values.type):
        values = pa.ListArray.from_arrays(pa.array(range(len(values) + 1), pa.int32()), values)
    try:
        return values.cast(column.arrow_type)
    except pa.ArrowInvalid as error:
        last_row = first_row + len(values) - 1
        raise InputError(f"rows {first_row}–{last_row}, column `{name}`: {error}") from None


def _split(values: pa.Array, separator: str) -> pa.Array:
    """Lists of the parts between separators; an empty string is an empty list, a null stays one."""
    parts = pc.split_pattern(values, separator)
    empty = pa.scalar([], parts.type)
    return pc.if_else(pc.equal(values, ""), empty, parts)


def _csv_read_options() -> pyarrow.csv.ReadOptions:
    return pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK_BYTES)


def _csv_convert_options(columns: Mapping[str, Column]) -> pyarrow.csv.ConvertOptions:
    types = {name: pa.string() if column.multivalued else column.arrow_type for name, column in columns.items()}
    return pyarrow.csv.ConvertOptions(
        column_types=types, include_columns=list(columns), null_values=[""], strings_can_be_null=True
    )


def _open(path: str) -> IO[bytes]:
    # Parquet compresses inside the file; for CSV the name's ending says how.
    return FileSystems.open(path, compression_type=CompressionTypes.AUTO)


@contextlib.contextmanager
def _told_as_input_error(path: str) -> Iterator[None]:
    """Puts the file's name in front of what Arrow, the decompressor or the file system say of it."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, InputError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} should be readable to its end. Received: {reason}") from None
