"""JSON Lines: one object a line."""

import json
from collections.abc import Iterator, Sequence

import pyarrow as pa

from components.impression_example_gen.cast import expected
from components.impression_example_gen.columns import Column
from components.impression_example_gen.readers.lines import FileRange, Lines
from components.impression_example_gen.readers.text import read_text
from components.impression_example_gen.rows import Rows, shown


def read_json(where: FileRange, columns: Sequence[Column], max_bytes: int) -> Iterator[Rows]:
    """Yields the rows of a file; a key that is absent or null is a missing value.

    Args:
        where: The file, or a part of it.
        columns: Which keys to give, in the columns' types.
        max_bytes: Longer lines are dead letters.

    Raises:
        InputError: The file can't be read to its end.
    """

    # Not Arrow's JSON reader: a line `null` ends the process (Arrow 18).
    def parse(lines: Lines, start: int, end: int) -> pa.RecordBatch:
        objects = [_object(lines.line(i)) for i in range(start, end)]
        arrays = [_array([row.get(column.name) for row in objects], column) for column in columns]
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])

    yield from read_text(where, max_bytes, 0, parse)


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line.decode())
    except RecursionError:
        raise ValueError("a line should hold a JSON object. Received: one nested too deeply") from None
    except ValueError as error:  # also of the decoding
        raise ValueError(f"a line should hold a JSON object. Received: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"a line should hold a JSON object. Received: {shown(value)}")
    return value


def _array(values: list[object], column: Column) -> pa.Array:
    try:
        return pa.array(values, column.arrow_type)
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):
        received = shown(json.dumps(values[0])) if len(values) == 1 else "others"
        raise ValueError(f"column `{column.name}` should be {expected(column)}. Received: {received}") from None
