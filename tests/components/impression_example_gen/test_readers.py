"""Real Parquet, CSV and compressed CSV files, good and broken, read to record batches."""

import bz2
import gzip
import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen import readers
from components.impression_example_gen.encode import encode_examples
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.readers import Column
from schema.errors import InputError

INT = Column(schema_pb2.INT, multivalued=False)
INTS = Column(schema_pb2.INT, multivalued=True)
FLOAT = Column(schema_pb2.FLOAT, multivalued=False)
FLOATS = Column(schema_pb2.FLOAT, multivalued=True)
BYTES = Column(schema_pb2.BYTES, multivalued=False)
STRINGS = Column(schema_pb2.BYTES, multivalued=True)

PARQUET = LogFormat(format="parquet")
CSV = LogFormat(format="csv")

COLUMNS = {"user_id": INT, "city": BYTES, "price": FLOAT, "history": INTS, "tags": STRINGS}
ROWS = [
    {"user_id": 1, "city": "Köln", "price": 0.5, "history": [3, 1, 2], "tags": ["a", "b"]},
    {"user_id": None, "city": None, "price": None, "history": None, "tags": None},
    {"user_id": -(2**63), "city": 'say "hi", x', "price": -2.25, "history": [2**63 - 1], "tags": ["c d"]},
    {"user_id": 2**63 - 1, "city": "0", "price": 1e10, "history": [0], "tags": ["a", "", "a"]},
]
EXPECTED = [
    {k: _ if not isinstance(_, str) else _.encode() for k, _ in row.items() if k != "tags"}
    | {"tags": row["tags"] and [tag.encode() for tag in row["tags"]]}
    for row in ROWS
]
CSV_TEXT = (
    "tags,user_id,unused,city,price,history\n"
    "a|b,1,x,Köln,0.5,3|1|2\n"
    ",,,,,\n"
    'c d,-9223372036854775808,y,"say ""hi"", x",-2.25,9223372036854775807\n'
    "a||a,9223372036854775807,,0,1e10,0\n"
)


def write_parquet(path: Path, columns: dict[str, pa.Array] | pa.Table, **options) -> str:
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path, **options)
    return str(path)


def write(path: Path, data: str | bytes) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def log_of(path: str) -> LogFormat:
    return PARQUET if path.endswith(".parquet") else CSV


def read_batches(path: str, columns: dict[str, Column], log: LogFormat | None = None) -> list[pa.RecordBatch]:
    """What the component does with a file: the check, then all of its rows."""
    log = log or log_of(path)
    readers.check_file(path, log, columns)
    return list(readers.read_batches(path, log, columns))


def read(path: str, columns: dict[str, Column], log: LogFormat | None = None) -> list[dict]:
    return [row for batch in read_batches(path, columns, log) for row in batch.to_pylist()]


def encoded(path: str, columns: dict[str, Column]) -> list[dict[str, list]]:
    """Values by feature of each row's tf.Example."""
    rows = []
    for batch in read_batches(path, columns):
        for example in encode_examples(batch):
            features = tf.train.Example.FromString(example).features.feature
            kinds = {name: feature.WhichOneof("kind") for name, feature in features.items()}
            rows.append({n: list(getattr(features[n], kind).value) if kind else [] for n, kind in kinds.items()})
    return rows


def refusal(path: str, columns: dict[str, Column], log: LogFormat | None = None) -> str:
    with pytest.raises(InputError) as error:
        read_batches(path, columns, log)
    message = str(error.value)
    assert message.startswith(path)
    assert "\n" not in message
    return message


def same_rows(tmp_path: Path, ending: str) -> str:
    """A file with `ROWS`."""
    if ending == "parquet":
        table = pa.table(
            {
                "unused": ["x", None, "y", None],
                "price": pa.array([row["price"] for row in ROWS], pa.float64()),
                "tags": pa.array([row["tags"] for row in ROWS], pa.list_(pa.string())),
                "history": pa.array([row["history"] for row in ROWS], pa.list_(pa.int64())),
                "city": pa.array([row["city"] for row in ROWS], pa.string()),
                "user_id": pa.array([row["user_id"] for row in ROWS], pa.int64()),
            }
        )
        return write_parquet(tmp_path / "log.parquet", table)
    pack = {"csv": bytes, "csv.gz": gzip.compress, "csv.bz2": bz2.compress}[ending]
    return write(tmp_path / f"log.{ending}", pack(CSV_TEXT.encode()))


# --- Columns.


def test_columns_to_read_are_the_usable_ones_with_labels_under_their_names_in_the_log():
    schema = text_format.Parse(
        """
        default_environment: "TRAINING" default_environment: "SERVING"
        feature { name: "click" type: INT value_count { min: 1 max: 1 } not_in_environment: "SERVING" }
        feature { name: "conversion" type: INT value_count { min: 1 max: 1 } not_in_environment: "SERVING" }
        feature { name: "price" type: FLOAT value_count { min: 1 max: 1 } }
        feature { name: "tags" type: BYTES value_count { min: 0 max: 9 } }
        feature { name: "time_ms" type: INT lifecycle_stage: DISABLED }
        """,
        schema_pb2.Schema(),
    )
    log = LogFormat(labels={"click": "is_click", "conversion": "is_like"})
    served = {"price": FLOAT, "tags": STRINGS}
    assert readers.columns_to_read(schema, "SERVING", log) == served
    trained = readers.columns_to_read(schema, "TRAINING", log)
    assert trained == {"is_click": INT, "is_like": INT, **served}
    assert list(trained) == ["is_click", "is_like", "price", "tags"]
    assert list(readers.columns_to_read(schema, "TRAINING", LogFormat())) == ["click", "conversion", "price", "tags"]


@pytest.mark.parametrize(
    ("column", "arrow_type"),
    [
        (INT, pa.int64()),
        (FLOAT, pa.float32()),
        (BYTES, pa.binary()),
        (INTS, pa.list_(pa.int64())),
        (FLOATS, pa.list_(pa.float32())),
        (STRINGS, pa.list_(pa.binary())),
    ],
)
def test_arrow_types(column, arrow_type):
    assert column.arrow_type == arrow_type


# --- The same rows in each format.


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "csv.bz2"])
def test_the_same_rows_whatever_the_format(tmp_path, ending):
    (batch,) = read_batches(same_rows(tmp_path, ending), COLUMNS)
    assert batch.schema == pa.schema({name: column.arrow_type for name, column in COLUMNS.items()})
    assert batch.to_pylist() == EXPECTED


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "csv.bz2"])
def test_the_same_examples_whatever_the_format(tmp_path, ending):
    rows = encoded(same_rows(tmp_path, ending), COLUMNS)
    assert rows == [
        {name: [] if v is None else v if isinstance(v, list) else [v] for name, v in row.items()} for row in EXPECTED
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_line_ends_byte_order_mark_and_no_last_newline(tmp_path, newline):
    text = "\ufeffa,b" + newline + "1,x" + newline + "2,y"
    assert read(write(tmp_path / "x.csv", text), {"a": INT, "b": BYTES}) == [{"a": 1, "b": b"x"}, {"a": 2, "b": b"y"}]


def test_csv_with_another_list_separator(tmp_path):
    path = write(tmp_path / "x.csv", "a,b\n1;2,x|y;z\n3,\n")
    log = LogFormat(format="csv", list_separator=";")
    assert read(path, {"a": INTS, "b": STRINGS}, log) == [{"a": [1, 2], "b": [b"x|y", b"z"]}, {"a": [3], "b": None}]


def test_csv_lists_of_numbers(tmp_path):
    path = write(tmp_path / "x.csv", "a\n0.5|-1|1e3\n")
    assert read(path, {"a": FLOATS}) == [{"a": [0.5, -1.0, 1000.0]}]


def test_a_gzip_file_of_several_members(tmp_path):
    data = gzip.compress(b"a\n1\n") + gzip.compress(b"2\n")
    assert read(write(tmp_path / "x.csv.gz", data), {"a": INT}) == [{"a": 1}, {"a": 2}]


def test_parquet_lists_empty_and_null(tmp_path):
    path = write_parquet(
        tmp_path / "x.parquet",
        {
            "l": pa.array([[1, 2], [], None], pa.list_(pa.int32())),
            "big": pa.array([[], ["x", ""], None], pa.large_list(pa.large_string())),
        },
    )
    columns = {"l": INTS, "big": STRINGS}
    assert read(path, columns) == [{"l": [1, 2], "big": []}, {"l": [], "big": [b"x", b""]}, {"l": None, "big": None}]
    assert encoded(path, columns) == [{"l": [1, 2], "big": []}, {"l": [], "big": [b"x", b""]}, {"l": [], "big": []}]


def test_csv_empty_list_is_missing(tmp_path):
    path = write(tmp_path / "x.csv", 'n,l\n1,\n2,""\n3,7\n')
    assert encoded(path, {"n": INT, "l": INTS}) == [{"n": [1], "l": []}, {"n": [2], "l": []}, {"n": [3], "l": [7]}]


# --- Types that mean the same.


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["x", None, "é"], pa.string()),
        pa.array(["x", None, "é"], pa.large_string()),
        pa.array([b"x", None, "é".encode()], pa.binary()),
        pa.array([b"x", None, "é".encode()], pa.large_binary()),
        pa.array(["x", None, "é"]).dictionary_encode(),
        pa.array(["x", None, "é"], pa.large_string()).dictionary_encode(),
    ],
    ids=lambda v: str(v.type),
)
def test_strings_of_every_arrow_type(tmp_path, values):
    path = write_parquet(tmp_path / "x.parquet", {"a": values})
    assert [row["a"] for row in read(path, {"a": BYTES})] == [b"x", None, "é".encode()]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a|b", None, "", "c"], pa.string()),
        pa.array(["a|b", None, "", "c"], pa.large_string()),
        pa.array([b"a|b", None, b"", b"c"], pa.binary()),
        pa.array([b"a|b", None, b"", b"c"], pa.large_binary()),
        pa.array(["a|b", None, "", "c"]).dictionary_encode(),
    ],
    ids=lambda v: str(v.type),
)
def test_joined_strings_of_every_arrow_type_become_the_same_lists(tmp_path, values):
    path = write_parquet(tmp_path / "x.parquet", {"a": values})
    assert [row["a"] for row in encoded(path, {"a": STRINGS})] == [[b"a", b"b"], [], [], [b"c"]]


def test_lists_of_dictionary_encoded_strings(tmp_path):
    values = pa.array([["x"], ["y", "x"], None, []], pa.list_(pa.dictionary(pa.int32(), pa.string())))
    path = write_parquet(tmp_path / "x.parquet", {"a": values})
    assert [row["a"] for row in read(path, {"a": STRINGS})] == [[b"x"], [b"y", b"x"], None, []]


@pytest.mark.parametrize("arrow_type", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_integers_of_every_width(tmp_path, arrow_type):
    path = write_parquet(tmp_path / "x.parquet", {"a": pa.array([1, None, 127], arrow_type)})
    assert read(path, {"a": INT}) == [{"a": 1}, {"a": None}, {"a": 127}]


def test_booleans_are_0_and_1_in_parquet(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", {"a": pa.array([True, False, None])})
    assert read(path, {"a": INT}) == [{"a": 1}, {"a": 0}, {"a": None}]


@pytest.mark.parametrize(("true", "false"), [("true", "false"), ("True", "False")])
def test_booleans_are_refused_in_csv_with_their_row(tmp_path, true, false):
    path = write(tmp_path / "x.csv", f"a,b\n{true},1\n{false},2\n")
    assert f"Row #2: CSV conversion error to int64: invalid value '{true}'" in refusal(path, {"a": INT})


def test_nan_is_a_missing_number(tmp_path):
    """As pandas writes what is missing."""
    nan = float("nan")
    path = write_parquet(tmp_path / "x.parquet", {"f": [1.5, nan], "l": [[nan, 2.5], [nan]]})
    columns = {"f": FLOAT, "l": readers.Column(FLOAT.type, multivalued=True)}
    assert encoded(path, columns) == [{"f": [1.5], "l": [2.5]}, {"f": [], "l": []}]


def test_a_column_without_any_value(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", {"a": pa.nulls(2), "n": [1, 2]})
    assert encoded(path, {"a": INT, "n": INT}) == [{"a": [], "n": [1]}, {"a": [], "n": [2]}]


def test_a_multivalued_column_without_any_value(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", {"a": pa.nulls(2), "n": [1, 2]})
    assert encoded(path, {"a": INTS, "n": INT}) == [{"a": [], "n": [1]}, {"a": [], "n": [2]}]


def test_single_values_of_a_multivalued_column_are_lists_of_one_and_nulls_of_none(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", {"a": pa.array([5, None, 0], pa.int64())})
    assert [row["a"] for row in encoded(path, {"a": INTS})] == [[5], [], [0]]


@pytest.mark.parametrize(
    ("values", "column", "present"),
    [
        (pa.array([[7, None, 8]], pa.list_(pa.int64())), INTS, [7, 8]),
        (pa.array([["x", None, "z"]], pa.list_(pa.string())), STRINGS, [b"x", b"z"]),
        (pa.array([[0.5, None]], pa.list_(pa.float32())), FLOATS, [0.5]),
    ],
    ids=["int", "string", "float"],
)
def test_a_null_inside_a_list_is_left_out_or_refused_never_made_up(tmp_path, values, column, present):
    path = write_parquet(tmp_path / "x.parquet", {"a": values})
    try:
        rows = encoded(path, {"a": column})
    except InputError as error:
        assert path in str(error)  # noqa: PT017
        assert "`a`" in str(error)  # noqa: PT017
    else:
        assert rows == [{"a": present}]


def test_floats_are_rounded_to_float32(tmp_path):
    parquet = write_parquet(tmp_path / "x.parquet", {"a": pa.array([0.1, None, 3.0], pa.float64())})
    csv = write(tmp_path / "x.csv", "a,b\n0.1,1\n,2\n3,3\n")
    for path in (parquet, csv):
        (batch,) = read_batches(path, {"a": FLOAT})
        assert batch["a"].to_pylist() == [0.10000000149011612, None, 3.0]


def test_whole_numbers_of_a_float_feature_in_both_formats(tmp_path):
    """2^24 + 1 lies between two float32; both formats round it to the even one."""
    csv = write(tmp_path / "x.csv", "a,b\n3,1\n16777217,2\n")
    parquet = write_parquet(tmp_path / "x.parquet", {"a": pa.array([3, 2**24 + 1], pa.int64())})
    assert read(csv, {"a": FLOAT}) == [{"a": 3.0}, {"a": 16777216.0}]
    assert read(parquet, {"a": FLOAT}) == [{"a": 3.0}, {"a": 16777216.0}]


# --- Order and batches.


def test_parquet_of_many_rows_keeps_order_and_comes_in_batches(tmp_path):
    n = 20_000
    path = write_parquet(
        tmp_path / "x.parquet", {"a": range(n), "l": [[i, -i] for i in range(n)]}, row_group_size=6_000
    )
    batches = read_batches(path, {"l": INTS, "a": INT})
    assert max(b.num_rows for b in batches) <= 8192
    assert len(batches) > 2
    assert [v for b in batches for v in b["a"].to_pylist()] == list(range(n))
    assert [v for b in batches for v in b["l"].to_pylist()] == [[i, -i] for i in range(n)]


def test_csv_of_several_blocks_keeps_order(tmp_path):
    n, pad = 50_000, "x" * 180  # some 9 MB, in blocks of 4
    path = write(tmp_path / "x.csv", "a,b,l\n" + "".join(f"{i},{pad},{i}|{-i}\n" for i in range(n)))
    batches = read_batches(path, {"a": INT, "l": INTS})
    assert len(batches) > 1
    assert [v for b in batches for v in b["a"].to_pylist()] == list(range(n))
    assert [v for b in batches for v in b["l"].to_pylist()] == [[i, -i] for i in range(n)]


def test_a_header_without_rows(tmp_path):
    assert read(write(tmp_path / "x.csv", "a,b\n"), {"a": INT}) == []
    empty = pa.table({"a": pa.array([], pa.int64())})
    assert read(write_parquet(tmp_path / "x.parquet", empty), {"a": INT}) == []


# --- Columns that are missing or of another type.


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz"])
def test_a_missing_column_is_named_with_the_nearest(tmp_path, ending):
    path = same_rows(tmp_path, ending)
    assert refusal(path, {"user_id": INT, "citty": BYTES}) == (
        f"{path} should have a column `citty`; it has none; did you mean `city`?"
    )
    assert refusal(path, {"zzzz": BYTES}) == f"{path} should have a column `zzzz`; it has none"


@pytest.mark.parametrize(
    ("values", "column", "message"),
    [
        (pa.array(["1"]), INT, "an integer. Received: string"),
        (pa.array(["1"]).dictionary_encode(), INT, "an integer. Received: dictionary<"),
        (pa.array([1.0]), INT, "an integer. Received: double"),
        (pa.array([1], pa.timestamp("ms")), INT, "an integer. Received: timestamp[ms]"),
        (pa.array([[1]]), INT, "an integer. Received: list<"),
        (pa.array([{"x": 1}]), INT, "an integer. Received: struct<"),
        (pa.array(["0.5"]), FLOAT, "a number. Received: string"),
        (pa.array([True]), FLOAT, "a number. Received: bool"),
        (pa.array([1]), BYTES, "a string. Received: int64"),
        (pa.array([["x"]]), BYTES, "a string. Received: list<"),
        (pa.array([["x"]]), INTS, "a list of values, each an integer. Received: list<"),
        (pa.array([[1.5]]), INTS, "a list of values, each an integer. Received: list<"),
        (pa.array([[1]]), STRINGS, "a list of values, each a string. Received: list<"),
        (pa.array([[[1]]]), INTS, "a list of values, each an integer. Received: list<"),
    ],
    ids=lambda v: str(v.type) if isinstance(v, pa.Array) else None,
)
def test_parquet_columns_of_another_type_are_seen_before_any_row_is_read(tmp_path, values, column, message):
    path = write_parquet(tmp_path / "x.parquet", {"n": pa.array([1]), "a": values})
    with pytest.raises(InputError) as error:
        readers.check_file(path, PARQUET, {"n": INT, "a": column})
    assert str(error.value).startswith(f"{path}: column `a` should be {message}")


def test_uint64_beyond_int64(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", {"a": pa.array([1, 2**63], pa.uint64())})
    message = refusal(path, {"a": INT})
    assert "rows 0 to 1, column `a`: Integer value 9223372036854775808 not in range" in message


def test_the_rows_of_a_bad_value_count_from_the_files_first(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", {"a": pa.array([*range(8192), 2**63], pa.uint64())})
    assert "rows 8192 to 8192, column `a`" in refusal(path, {"a": INT})


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
@pytest.mark.parametrize("value", ["x", "2.5", "9223372036854775808", "-9223372036854775809", "1 2"])
def test_a_csv_value_that_is_no_integer_is_named_with_column_and_row(tmp_path, ending, value):
    """The bad value lies in data row 41 counted from 0, line 43 of the file."""
    text = "a,b\n" + "1,2\n" * 41 + f"1,{value}\n" + "3,4\n" * 10
    path = write(tmp_path / f"x.{ending}", gzip.compress(text.encode()) if ending == "csv.gz" else text)
    message = refusal(path, {"a": INT, "b": INT})
    assert f"'{value}'" in message
    assert "int64" in message or "integer" in message
    assert re.search(r"(?i)column\W+(b\b|#?1\b)", message)
    assert re.search(r"(?i)\brow #?(41|43)\b|\bline #?43\b", message)


def test_a_csv_value_that_is_no_number(tmp_path):
    message = refusal(write(tmp_path / "x.csv", "a,b\n1,cheap\n"), {"b": FLOAT})
    assert "'cheap'" in message
    assert "float" in message or "number" in message


def test_a_csv_list_with_a_value_that_is_no_integer(tmp_path):
    message = refusal(write(tmp_path / "x.csv", "a,l\n1,1|2\n2,3|x\n"), {"a": INT, "l": INTS})
    assert "rows 0 to 1, column `l`" in message
    assert "'x'" in message
    assert "int64" in message


def test_a_column_that_is_there_twice_is_refused_in_parquet(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert "`a`" in refusal(write_parquet(tmp_path / "x.parquet", table), {"a": INT})


def test_a_column_that_is_there_twice_is_refused_in_csv(tmp_path):
    assert "`a`" in refusal(write(tmp_path / "x.csv", "a,b,a\n1,2,3\n"), {"a": INT})


# --- Files that break off or are something else.


def parquet_bytes(n: int = 20_000, **options) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": range(n)}), buffer, use_dictionary=False, row_group_size=5_000, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_a_parquet_file_without_its_footer(tmp_path, kept):
    data = parquet_bytes()
    path = write(tmp_path / "x.parquet", data[: int(len(data) * kept)])
    with pytest.raises(InputError) as error:
        readers.check_file(path, PARQUET, {"a": INT})
    assert str(error.value).startswith(f"{path} should be readable to its end. Received: ")
    assert "footer" in str(error.value)


def test_a_parquet_file_with_a_damaged_page(tmp_path):
    data = bytearray(parquet_bytes(compression="snappy"))
    middle = len(data) // 2
    data[middle : middle + 2_000] = b"\xff" * 2_000
    path = write(tmp_path / "x.parquet", bytes(data))
    readers.check_file(path, PARQUET, {"a": INT})  # the footer is good
    batches = readers.read_batches(path, PARQUET, {"a": INT})
    with pytest.raises(InputError) as error:
        list(batches)
    assert str(error.value).startswith(f"{path} should be readable to its end. Received: ")


def test_a_damaged_page_with_checksums_is_found_even_if_it_can_be_decoded(tmp_path):
    data = bytearray(parquet_bytes(compression="none", write_page_checksum=True))
    data[len(data) // 2] ^= 1  # another number, of the same length
    message = refusal(write(tmp_path / "x.parquet", bytes(data)), {"a": INT})
    assert "should be readable to its end. Received: " in message


def test_rows_before_the_damage_are_not_all_of_the_file(tmp_path):
    """The generator must end in an error, not just end."""
    data = bytearray(parquet_bytes(compression="snappy"))
    damage = len(data) * 7 // 8  # in the last of four row groups
    data[damage : damage + 1_000] = b"\xff" * 1_000
    path = write(tmp_path / "x.parquet", bytes(data))
    batches = readers.read_batches(path, PARQUET, {"a": INT})
    assert next(batches)["a"].to_pylist() == list(range(8192))
    with pytest.raises(InputError, match="should be readable to its end"):
        list(batches)


CSV_ROWS = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * 7919 % 1_000_003) for i in range(50_000))


def cut(data: bytes, fraction: float) -> bytes:
    return data[: int(len(data) * fraction)]


@pytest.mark.parametrize("fraction", [0.9999, 0.5, 0.01])
@pytest.mark.parametrize(("ending", "pack"), [("csv.gz", gzip.compress), ("csv.bz2", bz2.compress)])
def test_a_compressed_file_that_breaks_off(tmp_path, ending, pack, fraction):
    path = write(tmp_path / f"x.{ending}", cut(pack(CSV_ROWS), fraction))
    assert "should be readable to its end. Received: " in refusal(path, {"a": INT})


def test_a_gzip_file_cut_at_the_end_of_a_row(tmp_path):
    """All its rows parse: only the missing end of the stream tells that there were more."""
    packer = gzip.zlib.compressobj(wbits=31)
    data = packer.compress(b"a,b\n1,2\n") + packer.flush(gzip.zlib.Z_SYNC_FLUSH)
    assert gzip.zlib.decompressobj(wbits=31).decompress(data) == b"a,b\n1,2\n"
    assert "should be readable to its end. Received: " in refusal(write(tmp_path / "x.csv.gz", data), {"a": INT})


@pytest.mark.parametrize(("ending", "pack"), [("csv.gz", gzip.compress), ("csv.bz2", bz2.compress)])
def test_a_damaged_compressed_file(tmp_path, ending, pack):
    data = bytearray(pack(CSV_ROWS))
    data[len(data) // 2 : len(data) // 2 + 50] = b"\xff" * 50
    path = write(tmp_path / f"x.{ending}", bytes(data))
    assert "should be readable to its end. Received: " in refusal(path, {"a": INT})


def test_a_gzip_file_with_a_wrong_checksum(tmp_path):
    data = bytearray(gzip.compress(CSV_ROWS))
    data[-6] ^= 1
    assert "should be readable to its end" in refusal(write(tmp_path / "x.csv.gz", bytes(data)), {"a": INT})


def test_a_plain_file_that_is_named_gz(tmp_path):
    assert "should be readable to its end" in refusal(write(tmp_path / "x.csv.gz", CSV_ROWS), {"a": INT})


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.csv.gz"])
def test_an_empty_file(tmp_path, name):
    assert "should be readable to its end. Received: " in refusal(write(tmp_path / name, b""), {"a": INT})


@pytest.mark.parametrize(("row", "got"), [("3", 1), ("3,4,5", 3)])
def test_a_csv_row_of_another_length(tmp_path, row, got):
    message = refusal(write(tmp_path / "x.csv", f"a,b\n1,2\n{row}\n"), {"a": INT})
    assert f"Expected 2 columns, got {got}" in message


def test_a_file_of_the_other_format(tmp_path):
    csv = write(tmp_path / "really.csv", CSV_TEXT)
    assert "parquet" in refusal(csv, {"user_id": INT}, PARQUET).lower()
    parquet = write_parquet(tmp_path / "really.parquet", {"user_id": range(3_000)})
    assert "readable to its end" in refusal(parquet, {"user_id": INT}, CSV)


def test_a_header_that_is_not_utf_8(tmp_path):
    path = write(tmp_path / "x.csv", "user,größe\n1,2\n".encode("latin-1"))
    assert "readable" in refusal(path, {"größe": INT})


def test_a_list_that_is_not_utf_8(tmp_path):
    path = write(tmp_path / "x.csv", b"a,l\n1,\xe9|x\n")
    assert "UTF8" in refusal(path, {"l": STRINGS})


def test_a_file_that_is_not_there(tmp_path):
    path = str(tmp_path / "none.csv")
    assert "should be readable to its end. Received: " in refusal(path, {"a": INT})
