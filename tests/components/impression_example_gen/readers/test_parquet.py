"""Parquet files that pyarrow wrote, good and broken."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen import batches
from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.readers import parquet
from components.impression_example_gen.rows import DeadLetter
from schema.errors import InputError

INT = Column("a", schema_pb2.INT)
INTS = Column("a", schema_pb2.INT, multivalued=True)
FLOAT = Column("a", schema_pb2.FLOAT)
FLOATS = Column("a", schema_pb2.FLOAT, multivalued=True)
BYTES = Column("a", schema_pb2.BYTES)
STRINGS = Column("a", schema_pb2.BYTES, multivalued=True)


def write(tmp_path: Path, table: dict | pa.Table, **options) -> str:
    path = str(tmp_path / "x.parquet")
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path, **options)
    return path


def write_bytes(tmp_path: Path, data: bytes) -> str:
    (tmp_path / "x.parquet").write_bytes(data)
    return str(tmp_path / "x.parquet")


def values(path: str, column: Column) -> tuple[list, list[DeadLetter]]:
    """A column of all rows after the cast, and the dead letters."""
    cells, dead = [], []
    for rows in parquet.read_parquet(path, [column]):
        checked = batches.check_rows(rows, [column], LogFormat(), labelled=False)
        cells += checked.columns[column.name].to_pylist()
        dead += checked.dead
    return cells, dead


def good(path: str, column: Column) -> list:
    parquet.check_type(path, column, parquet.arrow_schema(path).field("a").type)
    cells, dead = values(path, column)
    assert dead == []
    return cells


# --- Types that mean the same.


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["x", None, "é"], pa.string()),
        pa.array(["x", None, "é"], pa.large_string()),
        pa.array([b"x", None, "é".encode()], pa.binary()),
        pa.array([b"x", None, "é".encode()], pa.large_binary()),
        pa.array(["x", None, "é"]).dictionary_encode(),
        pa.array(["x", None, "é"], pa.large_string()).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_strings_of_every_arrow_type(tmp_path, array):
    assert good(write(tmp_path, {"a": array}), BYTES) == [b"x", None, "é".encode()]


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["a|b", None, "", "c"], pa.string()),
        pa.array(["a|b", None, "", "c"], pa.large_string()),
        pa.array([b"a|b", None, b"", b"c"], pa.binary()),
        pa.array([b"a|b", None, b"", b"c"], pa.large_binary()),
        pa.array(["a|b", None, "", "c"]).dictionary_encode(),
        pa.array([["a", "b"], None, [], ["c"]], pa.list_(pa.string())),
        pa.array([["a", "b"], None, [], ["c"]], pa.large_list(pa.large_string())),
        pa.array([["a", "b"], None, [], ["c"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        pa.array([["a", None, "b"], None, [None], [None, "c"]], pa.list_(pa.binary())),
    ],
    ids=lambda array: str(array.type),
)
def test_lists_of_strings_of_every_arrow_type(tmp_path, array):
    """Also text with separators; a null in a list is left out of it, and an empty list is none."""
    assert good(write(tmp_path, {"a": array}), STRINGS) == [[b"a", b"b"], None, None, [b"c"]]


@pytest.mark.parametrize("encoded", [False, True])
def test_lists_of_numbers_in_text(tmp_path, encoded):
    array = pa.array(["3|1", None, "7"])
    path = write(tmp_path, {"a": array.dictionary_encode() if encoded else array})
    assert good(path, INTS) == [[3, 1], None, [7]]
    assert good(path, FLOATS) == [[3.0, 1.0], None, [7.0]]


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_integers_of_every_width(tmp_path, kind):
    path = write(tmp_path, {"a": pa.array([1, None, 127], kind)})
    assert good(path, INT) == [1, None, 127]
    assert good(path, INTS) == [[1], None, [127]]
    assert good(path, FLOAT) == [1.0, None, 127.0]


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_numbers_of_every_width(tmp_path, kind):
    array = pa.array(np.array([0.5, np.nan, -2.0], kind))
    path = write(tmp_path, {"a": array})
    assert good(path, FLOAT) == [0.5, None, -2.0]
    assert good(path, FLOATS) == [[0.5], None, [-2.0]]


def test_booleans_are_0_and_1(tmp_path):
    path = write(tmp_path, {"a": pa.array([True, False, None])})
    assert good(path, INT) == [1, 0, None]


@pytest.mark.parametrize(
    ("array", "column", "expected"),
    [
        (pa.array([[7, None, 8]], pa.list_(pa.int64())), INTS, [[7, 8]]),
        (pa.array([[0.5, None, float("nan")]], pa.list_(pa.float64())), FLOATS, [[0.5]]),
        (pa.array([[None]], pa.list_(pa.int64())), INTS, [None]),
        (pa.nulls(2), INT, [None, None]),
        (pa.nulls(2), INTS, [None, None]),
        (pa.array([[None], []], pa.list_(pa.null())), STRINGS, [None, None]),
        (pa.array([3, 2**24 + 1], pa.int64()), FLOAT, [3.0, 16777216.0]),
        (pa.array([0.1], pa.float64()), FLOAT, [0.10000000149011612]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_nulls_and_rounding(tmp_path, array, column, expected):
    assert good(write(tmp_path, {"a": array}), column) == expected


# --- Types that are refused.


@pytest.mark.parametrize(
    ("array", "column", "expected"),
    [
        (pa.array(["1"]), INT, "an integer. Received: string"),
        (pa.array(["1"]).dictionary_encode(), INT, "an integer. Received: dictionary<values=string, "),
        (pa.array([1.0]), INT, "an integer. Received: double"),
        (pa.array([1], pa.timestamp("ms")), INT, "an integer. Received: timestamp[ms]"),
        (pa.array([[1]]), INT, "an integer. Received: list<"),
        (pa.array([{"x": 1}]), INT, "an integer. Received: struct<x: int64>"),
        (pa.array(["0.5"]), FLOAT, "a number. Received: string"),
        (pa.array([True]), FLOAT, "a number. Received: bool"),
        (pa.array([1]), BYTES, "a string. Received: int64"),
        (pa.array([["x"]]), BYTES, "a string. Received: list<"),
        (pa.array([["x"]]), INTS, "a list of values, each an integer. Received: list<"),
        (pa.array([[1.5]]), INTS, "a list of values, each an integer. Received: list<"),
        (pa.array([[1]]), STRINGS, "a list of values, each a string. Received: list<"),
        (pa.array([[[1]]]), INTS, "a list of values, each an integer. Received: list<"),
        (pa.array([[1, 2]], pa.list_(pa.int64(), 2)), INTS, "a list of values, each an integer. Received: fixed_size"),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else None,
)
def test_a_column_of_another_type_is_refused(tmp_path, array, column, expected):
    path = write(tmp_path, {"a": array})
    with pytest.raises(InputError) as error:
        parquet.check_type(path, column, parquet.arrow_schema(path).field("a").type)
    assert str(error.value).startswith(f"{path}: column `a` should be {expected}")


# --- Rows.


def test_positions_count_rows_through_batches_and_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_BATCH_ROWS", 300)
    path = write(tmp_path, {"b": range(1000), "a": [[i, -i] for i in range(1000)]}, row_group_size=250)
    parts = list(parquet.read_parquet(path, [INTS, Column("b", schema_pb2.INT)]))
    assert max(part.batch.num_rows for part in parts) <= 300
    assert len(parts) > 3
    assert {(part.unit, part.file) for part in parts} == {("row", path)}
    assert [int(at) for part in parts for at in part.positions] == list(range(1000))
    rows = [row for part in parts for row in part.batch.to_pylist()]
    assert rows == [{"a": [i, -i], "b": i} for i in range(1000)]


def test_columns_come_as_far_as_the_file_has_them(tmp_path):
    path = write(tmp_path, {"x": [1], "a": [2]})
    (rows,) = parquet.read_parquet(path, [INT, Column("lacking", schema_pb2.INT)])
    assert rows.batch.to_pylist() == [{"a": 2}]


def test_a_file_with_none_of_the_columns_has_its_rows_all_the_same(tmp_path):
    path = write(tmp_path, {"x": range(5)})
    lacking = Column("lacking", schema_pb2.INT, optional=True)
    (rows,) = parquet.read_parquet(path, [lacking])
    checked = batches.check_rows(rows, [lacking], LogFormat(), labelled=False)
    assert (checked.counts["rows_in"], checked.counts["examples"]) == (5, 5)


def test_no_rows(tmp_path):
    path = write(tmp_path, {"a": pa.array([], pa.int64())})
    assert sum(rows.batch.num_rows for rows in parquet.read_parquet(path, [INT])) == 0


def test_a_dead_row_is_told_by_its_position_and_kept_as_json(tmp_path):
    table = {"a": pa.array([1, 2**63, 3], pa.uint64()), "x": ["p", "q", "r"]}
    path = write(tmp_path, table)
    cells, dead = values(path, INT)
    assert cells == [1, None, 3]
    reason = "column `a` should be an integer. Received: 9223372036854775808"
    assert dead == [DeadLetter(path, "row 1", reason, b'{"a": 9223372036854775808}')]


def test_bytes_in_a_dead_row_are_kept_as_text_with_escapes(tmp_path):
    columns = [Column("a", schema_pb2.INT, high=5), Column("b", schema_pb2.BYTES)]
    path = write(tmp_path, {"a": [9], "b": pa.array([b"x\xff"])})
    (rows,) = parquet.read_parquet(path, columns)
    (letter,) = batches.check_rows(rows, columns, LogFormat(), labelled=False).dead
    assert letter.raw == rb'{"a": 9, "b": "x\\xff"}'


def not_utf8(*texts: bytes) -> pa.Array:
    """Strings as writers leave them that don't check."""
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def test_strings_that_are_no_utf_8_are_kept_as_bytes(tmp_path):
    assert good(write(tmp_path, {"a": not_utf8(b"x", b"\xff")}), BYTES) == [b"x", b"\xff"]


def test_a_list_in_text_that_is_no_utf_8_is_a_dead_letter(tmp_path):
    path = write(tmp_path, {"a": not_utf8(b"1|2", b"3|\xff", b"4")})
    cells, (letter,) = values(path, INTS)
    assert cells == [[1, 2], None, [4]]
    assert letter.reason == r"column `a` should be a list of values, each an integer. Received: 3|\xff"


def test_a_dead_row_with_a_string_that_is_no_utf_8_is_told(tmp_path):
    columns = [Column("a", schema_pb2.BYTES), Column("b", schema_pb2.INT, high=5)]
    path = write(tmp_path, {"a": not_utf8(b"x", b"\xff"), "b": [1, 9]})
    (rows,) = parquet.read_parquet(path, columns)
    (letter,) = batches.check_rows(rows, columns, LogFormat(), labelled=False).dead
    assert (letter.position, letter.reason) == ("row 1", "column `b` should be at most 5. Received: 9")


# --- Files that break off or are something else.


def parquet_bytes(**options) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": range(20_000)}), buffer, use_dictionary=False, row_group_size=5_000, **options)
    return buffer.getvalue()


def refusal(path: str) -> str:
    with pytest.raises(InputError) as error:
        list(parquet.read_parquet(path, [INT]))
    assert str(error.value).startswith(f"{path} should be readable to its end. Received: ")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.999])
def test_a_file_without_its_footer(tmp_path, kept):
    data = parquet_bytes()
    path = write_bytes(tmp_path, data[: int(len(data) * kept) if kept < 1 else kept])
    with pytest.raises(InputError) as error:
        parquet.arrow_schema(path)
    assert str(error.value).startswith(f"{path} should be readable to its end. Received: ")
    refusal(path)


def test_another_format(tmp_path):
    assert "parquet" in refusal(write_bytes(tmp_path, b"a,b\n1,2\n3,4\n")).lower()


def test_a_damaged_page_is_found_when_it_is_read(tmp_path):
    data = bytearray(parquet_bytes(compression="snappy"))
    middle = len(data) // 2
    data[middle : middle + 2_000] = b"\xff" * 2_000
    path = write_bytes(tmp_path, bytes(data))
    assert parquet.arrow_schema(path).names == ["a"]  # the footer is good
    refusal(path)


def test_a_damaged_page_with_checksums_is_found_even_if_it_can_be_decoded(tmp_path):
    data = bytearray(parquet_bytes(compression="none", write_page_checksum=True))
    data[len(data) // 2] ^= 1  # another number, of the same length
    path = write_bytes(tmp_path, bytes(data))
    assert "checksum" in refusal(path).lower()
    assert len(pq.read_table(path)) == 20_000


def test_rows_before_the_damage_are_not_all_of_the_file(tmp_path):
    """The generator must end in an error, not just end."""
    data = bytearray(parquet_bytes(compression="snappy"))
    damage = len(data) * 7 // 8  # in the last of four row groups
    data[damage : damage + 1_000] = b"\xff" * 1_000
    path = write_bytes(tmp_path, bytes(data))
    parts = parquet.read_parquet(path, [INT])
    assert next(parts).batch["a"].to_pylist() == list(range(8192))
    with pytest.raises(InputError, match="should be readable to its end"):
        list(parts)
