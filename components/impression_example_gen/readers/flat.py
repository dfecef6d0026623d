"""Files with a row per impression, in any of the flat formats."""

from collections.abc import Iterator, Sequence

from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import FlatFormat, LogFormat
from components.impression_example_gen.readers import csv_lines, json_lines, parquet, tfrecord
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.rows import Rows
from schema.check import nearest
from schema.errors import InputError

# Formats whose files have lines, so that they can be read in parts.
TEXT = ("csv", "jsonl")


def check_flat(path: str, flat: FlatFormat, log: LogFormat, columns: Sequence[Column]) -> None:
    """Checks, from its header or footer alone, that a file can be read and has the columns in fitting types.

    JSON Lines and TFRecords say of no column that the file has it; each record is checked when it is read.

    Raises:
        InputError: The message names the file, and the column.
    """
    if flat == "csv":
        _check_names(path, list(log.columns) or csv_lines.header(path, log.max_record_bytes), columns)
    elif flat == "parquet":
        schema = parquet.arrow_schema(path)
        _check_names(path, schema.names, columns)
        for column in columns:
            if column.name in schema.names:
                parquet.check_type(path, column, schema.field(column.name).type)


def _check_names(path: str, names: list[str], columns: Sequence[Column]) -> None:
    for column in columns:
        if column.name not in names and not column.optional:
            raise InputError(f"{path} should have a column `{column.name}`; it has none{nearest(column.name, names)}")
        if names.count(column.name) > 1:
            raise InputError(
                f"{path} should have one column `{column.name}`. Received: {names.count(column.name)} of that name"
            )


def read_flat(where: FileRange, flat: FlatFormat, log: LogFormat, columns: Sequence[Column]) -> Iterator[Rows]:
    """Yields the rows of a file, in order.

    Args:
        where: The file, or a part of a text file.
        flat: Its format.
        log: Further facts on it.
        columns: Which columns to give.

    Raises:
        InputError: The file can't be read to its end.
    """
    if flat == "csv":
        names = log.columns or csv_lines.header(where.path, log.max_record_bytes)
        return csv_lines.read_csv(where, columns, names, not log.columns, log.max_record_bytes)
    if flat == "jsonl":
        return json_lines.read_json(where, columns, log.max_record_bytes)
    if flat == "tfrecord":
        return tfrecord.read_tfrecord(where.path, columns, log.max_record_bytes)
    return parquet.read_parquet(where.path, columns)
