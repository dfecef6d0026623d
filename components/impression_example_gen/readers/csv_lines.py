"""CSV: one record a line, so a line break inside quotes is not part of a value."""

import csv
import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.csv

from components.impression_example_gen.columns import Column
from components.impression_example_gen.readers.lines import FileRange, Lines, read_lines
from components.impression_example_gen.readers.opening import open_file, told_as_input_error
from components.impression_example_gen.readers.text import check_line_ends, read_text
from components.impression_example_gen.rows import Rows
from schema.errors import InputError

_PARSE = pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
_WRONG_COUNT = re.compile(r"Expected (\d+) columns, got (\d+)")


def header(path: str, max_bytes: int) -> list[str]:
    """Names of the columns in the first line.

    Raises:
        InputError: There is no such line.
    """
    with told_as_input_error(path), open_file(path) as file:
        first = next(read_lines(file, FileRange(path), max_bytes), None)
        received = str(first) if first else "an empty file"
        if isinstance(first, Lines):
            try:
                return next(csv.reader([first.line(0).decode()]), [])
            except csv.Error as error:
                received = str(error)
        raise InputError(f"line 1 should be a header with the columns' names. Received: {received}")


def read_csv(
    where: FileRange, columns: Sequence[Column], names: Sequence[str], has_header: bool, max_bytes: int
) -> Iterator[Rows]:
    """Yields the rows of a file.

    Args:
        where: The file, or a part of it.
        columns: Which columns to give, as far as the file has them; binary, null where a cell is empty.
        names: Of all columns of the file.
        has_header: Whether the first line is not a record.
        max_bytes: Longer lines are dead letters.

    Raises:
        InputError: The file can't be read to its end.
    """
    wanted = [column.name for column in columns if column.name in names]
    convert = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(wanted, pa.binary()),
        include_columns=wanted,
        null_values=[""],
        strings_can_be_null=True,
    )
    # Behind the last line, because a quote that is left open would swallow it, and the count of rows would tell; and
    # before the first one, of which Arrow would take a byte order mark away.
    sentinel = b",".join(b"0" for _ in names)

    def parse(lines: Lines, start: int, end: int) -> pa.RecordBatch:
        text = bytes(lines.slice(start, end))
        check_line_ends(text)
        _check_for_empty_lines(text, end - start)
        data = b"".join([sentinel, b"\n", text, b"" if text.endswith(b"\n") else b"\n", sentinel])
        read = pyarrow.csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(data) + 1)
        try:
            table = pyarrow.csv.read_csv(pa.BufferReader(data), read, _PARSE, convert)
        except pa.ArrowInvalid as error:
            found = _WRONG_COUNT.search(str(error))
            raise ValueError(
                f"a line should have {found[1]} columns. Received: {found[2]}" if found else error
            ) from None
        if table.num_rows != end - start + 2:
            raise ValueError("a quoted value should end on the line where it begins. Received: a quote left open")
        return table.slice(1, end - start).combine_chunks().to_batches()[0]

    yield from read_text(where, max_bytes, int(has_header), parse)


def _check_for_empty_lines(text: bytes, count: int) -> None:
    """Refuses what the parser would make a row of nulls of."""
    if count == 1 and not text.strip(b"\r\n"):
        raise ValueError("a line should hold a record. Received: an empty line")
    if count > 1 and (b"\n\n" in text or b"\n\r\n" in text or text[0] in b"\r\n"):
        raise ValueError("empty lines")
