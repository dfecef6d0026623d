"""Parquet: typed columns, checked once for a file."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.cast import expected, is_list, is_text
from components.impression_example_gen.columns import Column
from components.impression_example_gen.readers.opening import open_file, told_as_input_error
from components.impression_example_gen.rows import Rows
from schema.errors import InputError

# Large enough that Python's share per batch does not matter, some 10 MB in memory.
_BATCH_ROWS = 8192

_ACCEPTED = {
    schema_pb2.INT: lambda t: pa.types.is_integer(t) or pa.types.is_boolean(t),
    schema_pb2.FLOAT: lambda t: pa.types.is_floating(t) or pa.types.is_integer(t),
    schema_pb2.BYTES: is_text,
}


def arrow_schema(path: str) -> pa.Schema:
    """Columns and types, from the file's footer."""
    with told_as_input_error(path), open_file(path) as file:
        return pq.read_schema(file)


def check_type(path: str, column: Column, found: pa.DataType) -> None:
    """Checks that a column of the file can hold what it should.

    Raises:
        InputError: It can't; the message names file and column.
    """
    value_type = found.value_type if column.multivalued and is_list(found) else found
    if pa.types.is_dictionary(value_type):
        value_type = value_type.value_type
    joined = column.multivalued and not is_list(found) and is_text(value_type)
    if not (_ACCEPTED[column.type](value_type) or joined or pa.types.is_null(value_type)):
        raise InputError(f"{path}: column `{column.name}` should be {expected(column)}. Received: {found}")


def read_parquet(path: str, columns: Sequence[Column]) -> Iterator[Rows]:
    """Yields the rows of a file, in order, with those of the columns that it has; positions are rows from 0.

    Raises:
        InputError: The file can't be read to its end.
    """
    with told_as_input_error(path), open_file(path) as file:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        present = [column.name for column in columns if column.name in parquet.schema_arrow.names]
        first = 0
        for batch in parquet.iter_batches(_BATCH_ROWS, columns=present):
            yield Rows(batch, path, "row", np.arange(first, first + batch.num_rows))
            first += batch.num_rows
        if first != parquet.metadata.num_rows:
            raise OSError(f"{first} rows, where the footer says {parquet.metadata.num_rows}")
