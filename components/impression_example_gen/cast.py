"""Columns as they came from a file, turned into the schema's types."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column
from components.impression_example_gen.halving import halve
from components.impression_example_gen.rows import readable, shown

_EXPECTED = {schema_pb2.INT: "an integer", schema_pb2.FLOAT: "a number", schema_pb2.BYTES: "a string"}

# Of Arrow's casts: a value does not fit, there is no cast between the types, text is not UTF-8.
_FAILURES = (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError)


def expected(column: Column) -> str:
    """What a cell of the column should be, in words."""
    return f"a list of values, each {_EXPECTED[column.type]}" if column.multivalued else _EXPECTED[column.type]


def cast(values: pa.Array, column: Column, separator: str) -> tuple[pa.Array, dict[int, str]]:
    """Casts a column.

    A null inside a list is left out of it; NaN and an empty list are null. Text in a column of several values is split
    at the separator.

    Args:
        values: [B], or a list for each row.
        column: What they should be.
        separator: Between the values of a list that came as text.

    Returns:
        The column in `column.arrow_type`, [B], null where a value can't be cast; and the reasons, by index.
    """

    def cast_range(start: int, end: int) -> pa.Array:
        part = values.slice(start, end - start)
        return _cast_lists(part, column, separator) if column.multivalued else _one(part, column)

    done, failed = halve(len(values), cast_range, _FAILURES)
    reasons = {}
    parts = {start: part for start, _, part in done}
    for index in failed:
        received = shown(readable(values.slice(index, 1))[0].as_py())
        reasons[index] = f"column `{column.name}` should be {expected(column)}. Received: {received}"
        parts[index] = pa.nulls(1, column.arrow_type)
    ordered = [parts[start] for start in sorted(parts)]
    return pa.concat_arrays(ordered) if len(ordered) > 1 else ordered[0], reasons


def _one(values: pa.Array, column: Column) -> pa.Array:
    """Single values; a list of one counts as its value, an empty one as missing."""
    values = _decoded(values)
    if is_list(values.type):
        lengths = np.asarray(pc.fill_null(pc.list_value_length(values), 0))
        if (lengths > 1).any():
            raise pa.ArrowInvalid("several values")
        indices = pa.array(np.cumsum(lengths) - 1, mask=lengths == 0)
        values = pc.list_flatten(values).take(indices)
    return _cast_values(values, column)


def _cast_lists(values: pa.Array, column: Column, separator: str) -> pa.Array:
    values = _decoded(values)
    if not is_list(values.type):
        values = _split(values, separator) if is_text(values.type) else _one_each(values)
    # Slices and nulls are settled by taking the lists apart and counting anew.
    lengths = pc.fill_null(pc.list_value_length(values), 0).cast(pa.int64())
    flat = _cast_values(_decoded(pc.list_flatten(values)), column)
    present = np.asarray(flat.is_valid())
    ends = np.concatenate([[0], np.cumsum(present)])[np.concatenate([[0], np.cumsum(np.asarray(lengths))])]
    empty = pa.array(ends[1:] == ends[:-1])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat.drop_null(), mask=empty)


def _cast_values(values: pa.Array, column: Column) -> pa.Array:
    """Values in the schema's type. For a FLOAT feature NaN is null, and whole numbers are rounded as all others are."""
    if column.type == schema_pb2.BYTES:
        return values.cast(pa.binary())
    if is_text(values.type):
        values = pc.ascii_trim_whitespace(values.cast(pa.string()))
        if pc.any(pc.match_substring_regex(values, "[xX]")).as_py():
            raise pa.ArrowInvalid("hexadecimal")
    if column.type == schema_pb2.INT:
        return values.cast(pa.int64())
    numbers = values.cast(pa.float64(), safe=False).cast(pa.float32())
    if pc.any(pc.is_inf(numbers)).as_py():
        raise pa.ArrowInvalid("beyond float32")
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float32()), numbers)


def _decoded(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _split(values: pa.Array, separator: str) -> pa.ListArray:
    """Lists of the parts between separators; an empty string is an empty list, a null stays one."""
    parts = pc.split_pattern(values, separator)
    empty = pa.scalar([], parts.type)
    return pc.if_else(pc.equal(values, pa.scalar("", values.type)), empty, parts)


def _one_each(values: pa.Array) -> pa.ListArray:
    """Lists of one value; a null stays one."""
    offsets = pa.array(range(len(values) + 1), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=values.is_null())


def is_list(arrow_type: pa.DataType) -> bool:
    return pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type)


def is_text(arrow_type: pa.DataType) -> bool:
    return any(
        is_kind(arrow_type)
        for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )
