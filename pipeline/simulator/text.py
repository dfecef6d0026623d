"""Arrow columns as text, for the formats that are lines."""

import json

import pyarrow as pa
import pyarrow.compute as pc


def csv_cells(column: pa.Array, separator: str) -> pa.Array:
    """Lists as the text of their values with a separator between them; other columns as they are. Nulls stay."""
    return join_lists(column.cast(pa.list_(pa.string())), separator) if pa.types.is_list(column.type) else column


def json_lines(batch: pa.RecordBatch) -> pa.Array:
    """A JSON object for each row, string [B]. What is null is left out."""
    members = [
        pc.binary_join_element_wise(pa.scalar(f"{json.dumps(name)}:"), _json_values(batch[name]), "")
        for name in batch.schema.names
    ]
    objects = pc.binary_join_element_wise(*members, ",", null_handling="skip")
    return pc.binary_join_element_wise(pa.scalar("{"), objects, pa.scalar("}"), "")


def joined_lines(lines: pa.Array) -> bytes:
    """The bytes of a text file, each line with its end. Lines are strings without null."""
    whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
    return pc.binary_join(whole, "\n")[0].as_buffer().to_pybytes() + b"\n" if len(lines) else b""


def join_lists(lists: pa.ListArray, separator: str) -> pa.Array:
    """The strings of each list as one, string [B]; null where the list is."""
    return pc.binary_join(lists, separator)


def _json_values(column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type):
        values = pa.ListArray.from_arrays(column.offsets, _json_values(column.values), mask=column.is_null())
        return pc.binary_join_element_wise(pa.scalar("["), join_lists(values, ","), pa.scalar("]"), "")
    if not pa.types.is_string(column.type):
        return column.cast(pa.string())
    encoded = column.dictionary_encode()
    quoted = pa.array([json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()], pa.string())
    return quoted.take(encoded.indices)
