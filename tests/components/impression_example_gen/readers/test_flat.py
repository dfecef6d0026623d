"""The flat formats behind one door: the same rows come of each, and what a file lacks is said before it is read."""

import bz2
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen import batches
from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.readers import flat
from components.impression_example_gen.readers.lines import FileRange
from components.tfrecord.frame import frame
from schema.errors import InputError

COLUMNS = (
    Column("user_id", schema_pb2.INT),
    Column("city", schema_pb2.BYTES),
    Column("price", schema_pb2.FLOAT),
    Column("history", schema_pb2.INT, multivalued=True),
    Column("tags", schema_pb2.BYTES, multivalued=True),
)
ROWS = [
    {"user_id": 1, "city": "Köln", "price": 0.5, "history": [3, 1, 2], "tags": ["a", "b"]},
    {"user_id": None, "city": None, "price": None, "history": None, "tags": None},
    {"user_id": -(2**63), "city": 'say "hi", x', "price": -2.25, "history": [2**63 - 1], "tags": ["c d"]},
    {"user_id": 2**63 - 1, "city": "0", "price": 1e10, "history": [0], "tags": ["a", "", "a"]},
    {"user_id": 0, "city": " ", "price": 0.1, "history": [-1, -1], "tags": ["é"]},
]
CSV = """tags,user_id,unused,city,price,history
a|b,1,x,Köln,0.5,3|1|2
,,,,,
c d,-9223372036854775808,y,"say ""hi"", x",-2.25,9223372036854775807
a||a,9223372036854775807,,0,1e10,0
é,0,, ,0.1,-1|-1
"""


def example(row: dict) -> tf.train.Example:
    example = tf.train.Example()
    for name, value in row.items():
        feature = example.features.feature[name]
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                feature.bytes_list.value.append(one.encode())
            elif isinstance(one, float):
                feature.float_list.value.append(one)
            elif one is not None:
                feature.int64_list.value.append(one)
    return example


def write(tmp_path: Path, data: bytes | str, name: str) -> str:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def write_rows(tmp_path: Path, ending: str) -> str:
    """A file with `ROWS`."""
    name = f"log.{ending}"
    if ending == "parquet":
        types = [pa.int64(), pa.string(), pa.float64(), pa.list_(pa.int64()), pa.list_(pa.string())]
        table = {
            column.name: pa.array([row[column.name] for row in ROWS], kind)
            for column, kind in zip(COLUMNS, types, strict=True)
        }
        pq.write_table(pa.table({"unused": [1] * len(ROWS), **table}), tmp_path / name)
        return str(tmp_path / name)
    kind, _, compression = ending.partition(".")
    pack = {"": bytes, "gz": gzip.compress, "bz2": bz2.compress}[compression]
    data = {
        "csv": CSV.encode(),
        "jsonl": "".join(json.dumps({**row, "unused": []}) + "\n" for row in ROWS).encode(),
        "tfrecord": b"".join(frame(example(row).SerializeToString()) for row in ROWS),
    }[kind]
    return write(tmp_path, pack(data), name)


def log_of(path: str, **more) -> LogFormat:
    return LogFormat(format=Path(path).name.split(".")[1], **more)


def read(path: str, columns=COLUMNS, log: LogFormat | None = None, where=None) -> list[batches.Checked]:
    """What a split does with a file: the check, then all of its rows."""
    log = log or log_of(path)
    assert log.format in ("csv", "jsonl", "tfrecord", "parquet")
    flat.check_flat(path, log.format, log, columns)
    parts = flat.read_flat(where or FileRange(path), log.format, log, columns)
    return [(rows, batches.check_rows(rows, columns, log, labelled=False)) for rows in parts]


ENDINGS = ["parquet", "csv", "csv.gz", "csv.bz2", "jsonl", "jsonl.gz", "jsonl.bz2", "tfrecord", "tfrecord.gz"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_columns_whatever_the_format(tmp_path, ending):
    ((rows, checked),) = read(write_rows(tmp_path, ending))
    assert checked.dead == []
    assert {name: array.type for name, array in checked.columns.items()} == {
        column.name: column.arrow_type for column in COLUMNS
    }
    found = pa.RecordBatch.from_pydict(checked.columns).to_pylist()
    price = 0.10000000149011612
    assert found == [
        {
            **row,
            "city": row["city"] and row["city"].encode(),
            "price": price if row["price"] == 0.1 else row["price"],
            "tags": row["tags"] and [tag.encode() for tag in row["tags"]],
        }
        for row in ROWS
    ]
    assert rows.file.endswith(ending)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_examples_whatever_the_format(tmp_path, ending):
    ((rows, checked),) = read(write_rows(tmp_path, ending))
    parsed = [tf.train.Example.FromString(one) for one in batches.to_examples(rows, checked)]
    expected = [example(row) for row in ROWS]
    assert [set(one.features.feature) for one in parsed] == [set(ROWS[0])] * len(ROWS)
    assert parsed == expected


def test_csv_with_another_list_separator(tmp_path):
    path = write(tmp_path, "a,b\n1;2,x|y;z\n3,\n", "x.csv")
    columns = (Column("a", schema_pb2.INT, True), Column("b", schema_pb2.BYTES, True))
    ((_, checked),) = read(path, columns, log_of(path, list_separator=";"))
    assert checked.columns["a"].to_pylist() == [[1, 2], [3]]
    assert checked.columns["b"].to_pylist() == [[b"x|y", b"z"], None]


def test_ranges_of_a_csv_file_with_a_header(tmp_path):
    path = write(tmp_path, "a,b\n1,x\n2,y\n3,z\n", "x.csv")
    columns = (Column("a", schema_pb2.INT),)
    found = [
        (rows.unit, rows.positions.tolist(), checked.columns["a"].to_pylist())
        for where in (FileRange(path, 0, 9), FileRange(path, 9))
        for rows, checked in read(path, columns, where=where)
    ]
    assert found == [("line", [2, 3], [1, 2]), ("byte", [12], [3])]


# --- Columns that a file lacks or has twice.


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz"])
def test_a_column_that_the_file_lacks_is_named_with_the_nearest(tmp_path, ending):
    path = write_rows(tmp_path, ending)
    for name, hint in (("citty", "; did you mean `city`?"), ("zzzz", "")):
        with pytest.raises(InputError) as error:
            read(path, (*COLUMNS, Column(name, schema_pb2.BYTES)))
        assert str(error.value) == f"{path} should have a column `{name}`; it has none{hint}"


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_optional_column_that_the_file_lacks_is_missing_in_every_row(tmp_path, ending):
    column = Column("citty", schema_pb2.BYTES, optional=True)
    ((_, checked),) = read(write_rows(tmp_path, ending), (*COLUMNS, column))
    assert (checked.dead, checked.columns["citty"].to_pylist()) == ([], [None] * len(ROWS))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_lacks_all_columns_has_its_rows_all_the_same(tmp_path, ending):
    column = Column("citty", schema_pb2.BYTES, optional=True)
    ((_, checked),) = read(write_rows(tmp_path, ending), (column,))
    assert (checked.counts["rows_in"], checked.counts["examples"]) == (len(ROWS), len(ROWS))


def test_given_columns_are_what_a_csv_file_has(tmp_path):
    path = write(tmp_path, "1,x\n", "x.csv")
    columns = (Column("a", schema_pb2.INT),)
    ((rows, checked),) = read(path, columns, log_of(path, columns=("a", "b")))
    assert (rows.positions.tolist(), checked.columns["a"].to_pylist()) == ([1], [1])
    with pytest.raises(InputError, match="should have a column `a`; it has none"):
        read(path, columns, log_of(path, columns=("c", "b")))


def test_a_column_that_is_there_twice(tmp_path):
    csv = write(tmp_path, "a,b,a\n1,2,3\n", "x.csv")
    parquet = str(tmp_path / "x.parquet")
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), parquet)
    for path in (csv, parquet):
        with pytest.raises(InputError) as error:
            read(path, (Column("a", schema_pb2.INT),))
        assert str(error.value) == f"{path} should have one column `a`. Received: 2 of that name"
    ((_, checked),) = read(csv, (Column("b", schema_pb2.INT),))
    assert checked.columns["b"].to_pylist() == [2]


def test_parquet_types_are_checked_before_any_row_is_read(tmp_path):
    path = str(tmp_path / "x.parquet")
    pq.write_table(pa.table({"a": ["1"]}), path)
    with pytest.raises(InputError) as error:
        flat.check_flat(path, "parquet", LogFormat(), (Column("a", schema_pb2.INT),))
    assert str(error.value) == f"{path}: column `a` should be an integer. Received: string"


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.csv.gz"])
def test_an_empty_file_is_refused_where_it_should_say_its_columns(tmp_path, name):
    path = write(tmp_path, b"", name)
    with pytest.raises(InputError, match=f"^{path}"):
        read(path)


@pytest.mark.parametrize("name", ["x.jsonl", "x.tfrecord"])
def test_an_empty_file_without_a_header_has_no_rows(tmp_path, name):
    assert read(write(tmp_path, b"", name)) == []


@pytest.mark.parametrize("flat_format", ["parquet", "csv"])
def test_a_file_that_is_not_there(tmp_path, flat_format):
    path = str(tmp_path / "none")
    with pytest.raises(InputError, match=f"^{path} should be readable to its end. Received: "):
        flat.check_flat(path, flat_format, LogFormat(format=flat_format), COLUMNS)
