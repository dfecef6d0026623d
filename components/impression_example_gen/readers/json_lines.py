"""JSON Lines: one object a line."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

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


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode())
    except RecursionError:
        raise ValueError("a line should hold a JSON object. Received: one nested too deeply") from None
    except ValueError as error:  # also of the decoding
        raise ValueError(f"a line should hold a JSON object. Received: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"a line should hold a JSON object. Received: {shown(value)}")
    return value


def _array(values: list[Any], column: Column) -> pa.Array:
    """Strict about types, where Arrow would cut 1.5 to 1, take true for 1.0 and a string for a list of characters."""
    try:
        if not column.multivalued:
            return _ARRAYS[column.type](values)
        if not set(map(type, values)) <= {list, _NONE}:
            raise TypeError
        flat = _ARRAYS[column.type]([value for row in values if row is not None for value in row])
        ends = list(itertools.accumulate((len(row or ()) for row in values), initial=0))
        mask = pa.array([row is None for row in values], pa.bool_())
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat, mask=mask)
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):
        received = shown(json.dumps(values[0])) if len(values) == 1 else "others"
        raise ValueError(f"column `{column.name}` should be {expected(column)}. Received: {received}") from None


def _integers(values: list[Any]) -> pa.Array:
    if not set(map(type, values)) <= {int, _NONE}:
        values = [_whole(value) for value in values]
    return pa.array(values, pa.int64())


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or type(value) is int:
        return value
    raise TypeError


def _numbers(values: list[Any]) -> pa.Array:
    if not set(map(type, values)) <= {float, int, _NONE}:
        raise TypeError
    return pa.array([value if value is None else float(value) for value in values], pa.float64())


def _strings(values: list[Any]) -> pa.Array:
    if not set(map(type, values)) <= {str, _NONE}:
        raise TypeError
    return pa.array(values, pa.string())


_ARRAYS = {schema_pb2.INT: _integers, schema_pb2.FLOAT: _numbers, schema_pb2.BYTES: _strings}
_NONE = type(None)
