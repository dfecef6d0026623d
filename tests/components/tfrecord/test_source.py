"""Reading files of tf.Examples: every row once, in batches, or the run fails."""

import gzip
import pickle
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.tfrecord.source import ReadExamples
from pipeline.beam import LOCAL_ARGS

SCHEMA = text_format.Parse(
    'feature { name: "row" type: INT } feature { name: "text" type: BYTES } feature { name: "price" type: FLOAT }',
    schema_pb2.Schema(),
)
ROWS = [
    {"row": [0], "text": [b"a", b""], "price": [0.5]},
    {"row": [1], "price": []},
    {"row": [-(2**63), 2**63 - 1], "text": ["é".encode()], "other": [9]},
    {},
]


def example(row: dict) -> bytes:
    features = {
        "row": lambda values: tf.train.Feature(int64_list=tf.train.Int64List(value=values)),
        "text": lambda values: tf.train.Feature(bytes_list=tf.train.BytesList(value=values)),
        "price": lambda values: tf.train.Feature(float_list=tf.train.FloatList(value=values)),
    }
    feature = {name: features.get(name, features["row"])(values) for name, values in row.items()}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def write(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in rows:
            writer.write(example(row))


def read(folder: Path, schema: schema_pb2.Schema = SCHEMA, rows: int = 1, kept: str = "") -> list[pa.RecordBatch]:
    out = folder.parent / "read"
    with beam.Pipeline(options=PipelineOptions(list(LOCAL_ARGS))) as p:
        batches = p | ReadExamples(f"{folder}/*", schema, rows, kept) | beam.Map(pickle.dumps)
        _ = batches | beam.io.WriteToTFRecord(str(out), shard_name_template="")
    return [pickle.loads(batch) for batch in tf.data.TFRecordDataset(str(out)).as_numpy_iterator()]


def rows_of(batches: list[pa.RecordBatch]) -> list[int]:
    return [row for batch in batches for (row,) in batch["row"].to_pylist()]


def numbered(begin: int, end: int) -> list[dict]:
    return [{"row": [number]} for number in range(begin, end)]


def test_values_as_they_are_and_none_where_a_feature_is_missing(tmp_path):
    write(tmp_path / "in" / "a.gz", ROWS)
    (batch,) = read(tmp_path / "in")
    assert batch.to_pydict() == {
        "row": [[0], [1], [-(2**63), 2**63 - 1], []],
        "text": [[b"a", b""], [], ["é".encode()], []],
        "price": [[0.5], [], [], []],
    }


def test_each_row_of_several_files_once_in_the_order_of_its_file(tmp_path):
    begins = {"a.gz": (0, 20_000), "b.gz": (20_000, 20_000), "c.gz": (20_000, 28_192), "d.gz": (28_192, 28_193)}
    for name, (begin, end) in begins.items():
        write(tmp_path / "in" / name, numbered(begin, end))
    # Files may come in any order.
    batches = sorted(read(tmp_path / "in"), key=lambda batch: batch["row"][0].as_py())
    assert rows_of(batches) == list(range(28_193))
    assert [batch.num_rows for batch in batches] == [16384, 3616, 8192, 1]


def test_fewer_are_read_at_once_where_each_has_many_rows(tmp_path):
    write(tmp_path / "in" / "a.gz", numbered(0, 600))
    batches = read(tmp_path / "in", rows=64)
    assert rows_of(batches) == list(range(600))
    assert [batch.num_rows for batch in batches] == [256, 256, 88]


def test_a_file_without_rows(tmp_path):
    write(tmp_path / "in" / "a.gz", [])
    assert read(tmp_path / "in") == []


def test_more_files_than_are_read_at_once(tmp_path):
    for number in range(19):
        write(tmp_path / "in" / f"{number:02d}.gz", numbered(number * 10, number * 10 + 1 + number % 10))
    expected = [number * 10 + row for number in range(19) for row in range(1 + number % 10)]
    assert sorted(rows_of(read(tmp_path / "in"))) == expected


def test_kept_batches_are_given_the_second_time(tmp_path):
    for number in range(9):
        write(tmp_path / "in" / f"{number}.gz", [*numbered(number, number + 1), *ROWS[2:3]])
    (tmp_path / "kept").mkdir()
    first = read(tmp_path / "in", kept=str(tmp_path / "kept"))
    assert len(list((tmp_path / "kept").iterdir())) == 2
    for number in range(9):  # so that it is seen when they are read
        write(tmp_path / "in" / f"{number}.gz", [])
    second = read(tmp_path / "in", kept=str(tmp_path / "kept"))
    assert sorted(map(str, map(pa.RecordBatch.to_pydict, second))) == sorted(
        map(str, map(pa.RecordBatch.to_pydict, first))
    )
    assert sum(batch.num_rows for batch in second) == 18


def test_what_fails_half_way_is_not_kept(tmp_path):
    for name in ("a.gz", "b.gz"):
        write(tmp_path / "in" / name, [{"row": [1000 + number]} for number in range(300)])
    path = tmp_path / "in" / "b.gz"
    whole = path.read_bytes()
    path.write_bytes(cuts(whole)["whole_records"])
    (tmp_path / "kept").mkdir()
    with pytest.raises(Exception, match=r"b\.gz should be whole"):
        read(tmp_path / "in", kept=str(tmp_path / "kept"))
    assert [file for file in (tmp_path / "kept").iterdir() if file.suffix == ".arrow"] == []
    path.write_bytes(whole)
    assert len(rows_of(read(tmp_path / "in", kept=str(tmp_path / "kept")))) == 600


def test_without_rows_nothing_is_kept(tmp_path):
    write(tmp_path / "in" / "a.gz", [])
    (tmp_path / "kept").mkdir()
    for _ in range(2):
        assert read(tmp_path / "in", kept=str(tmp_path / "kept")) == []


def test_a_folder_without_files_fails(tmp_path):
    with pytest.raises(FileNotFoundError, match="in/\\*"):
        read(tmp_path / "in")


def test_names_that_are_patterns_are_read_by_their_letters(tmp_path):
    write(tmp_path / "in" / "a[1].gz", numbered(0, 3))
    write(tmp_path / "in" / "a1.gz", numbered(3, 5))
    assert sorted(rows_of(read(tmp_path / "in"))) == list(range(5))


def test_a_flipped_byte_fails(tmp_path):
    path = tmp_path / "in" / "a.gz"
    write(path, numbered(0, 300))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Exception, match=r"a\.gz|DataLoss"):
        read(tmp_path / "in")


def test_a_record_that_does_not_fit_its_checksum_fails(tmp_path):
    path = tmp_path / "in" / "a.gz"
    write(path, numbered(0, 300))
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[5000] ^= 1
    path.write_bytes(gzip.compress(content))
    with pytest.raises(Exception, match="corrupted record"):
        read(tmp_path / "in")


def cuts(content: bytes) -> dict[str, bytes]:
    """At the end of a record TensorFlow takes a cut file for a whole one."""
    raw = gzip.decompress(content)
    one = len(raw) // 300
    compress = gzip.zlib.compressobj(wbits=31)
    whole_records = compress.compress(raw[: 200 * one]) + compress.flush(gzip.zlib.Z_SYNC_FLUSH)
    return {"empty": b"", "head": content[:10], "middle": content[: len(content) // 2], "whole_records": whole_records}


@pytest.mark.parametrize("cut", ["empty", "head", "middle", "whole_records"])
def test_a_cut_file_fails(cut, tmp_path):
    path = tmp_path / "in" / "a.gz"
    write(path, [{"row": [1000 + number]} for number in range(300)])
    path.write_bytes(cuts(path.read_bytes())[cut])
    with pytest.raises(Exception, match=r"a\.gz|DataLoss"):
        read(tmp_path / "in")
