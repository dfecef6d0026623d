"""TFRecords against TensorFlow's own writer and reader."""

import gzip
import struct
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column
from components.impression_example_gen.readers import tfrecord
from components.impression_example_gen.rows import DeadLetter
from components.tfrecord.frame import frame
from schema.errors import InputError

I = Column("i", schema_pb2.INT)  # noqa: E741
F = Column("f", schema_pb2.FLOAT)
S = Column("s", schema_pb2.BYTES, multivalued=True)
COLUMNS = (I, F, S)


def example(**features: list) -> bytes:
    def feature(values: list) -> tf.train.Feature:
        if values and isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if values and isinstance(values[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    features = tf.train.Features(feature={name: feature(values) for name, values in features.items()})
    return tf.train.Example(features=features).SerializeToString()


def write(tmp_path: Path, records: list[bytes], options: str = "") -> str:
    """With TensorFlow's writer."""
    path = str(tmp_path / ("x.tfrecord.gz" if options else "x.tfrecord"))
    with tf.io.TFRecordWriter(path, options) as writer:
        for record in records:
            writer.write(record)
    return path


def write_bytes(tmp_path: Path, data: bytes, name: str = "x.tfrecord") -> str:
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


def read(path: str, columns=COLUMNS, max_bytes: int = 1 << 20) -> tuple[dict[int, dict], list[DeadLetter]]:
    """Rows by position, and the dead letters."""
    rows, dead = {}, []
    for part in tfrecord.read_tfrecord(path, columns, max_bytes):
        assert (part.unit, part.file) == ("record", path)
        dead += part.dead
        cells = part.batch.to_pylist()
        rows |= {int(at): row for at, row in zip(part.positions, cells, strict=True)}
        assert len(part.raw) == len(cells)
    return rows, dead


ROWS = [
    {"i": [1], "f": [0.5], "s": [b"a", b"b"]},
    {"i": [-(2**63)], "f": None, "s": [b"", bytes(range(256))]},
    {"i": [1, 2], "f": [1.0, 2.0], "s": None},
    {"i": None, "f": None, "s": None},
]
RECORDS = [example(**{name: values for name, values in row.items() if values}) for row in ROWS]


# --- Framing.


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=6))
def test_frames_are_those_of_tensorflow(tmp_path_factory, records):
    path = Path(write(tmp_path_factory.mktemp("tfrecord"), records))
    assert path.read_bytes() == b"".join(frame(record) for record in records)


def test_tensorflow_reads_frames(tmp_path):
    records = [b"", b"x", b"y" * 70_000, *RECORDS]
    path = write_bytes(tmp_path, b"".join(frame(record) for record in records))
    assert list(tf.data.TFRecordDataset(path).as_numpy_iterator()) == records


@pytest.mark.parametrize("options", ["", "GZIP"])
def test_what_tensorflow_writes_is_read(tmp_path, options):
    path = write(tmp_path, RECORDS, options)
    assert read(path) == (dict(enumerate(ROWS)), [])


def test_features_that_are_not_asked_for_are_left_out_and_absent_ones_are_missing(tmp_path):
    path = write(tmp_path, [example(i=[1], other=[b"x"]), example(other=[2.0])])
    rows, dead = read(path, columns=(S, I))
    assert ([list(row.items()) for row in rows.values()], dead) == (
        [[("s", None), ("i", [1])], [("s", None), ("i", None)]],
        [],
    )


def test_the_raw_bytes_are_the_record_without_its_frame(tmp_path):
    (part,) = tfrecord.read_tfrecord(write(tmp_path, RECORDS), COLUMNS, 1000)
    assert part.raw.to_pylist() == RECORDS
    assert part.dead_letter(1, "why").raw == RECORDS[1]
    assert str(part.dead_letter(1, "why")) == f"{part.file}, record 1: why"


@pytest.mark.parametrize(("size", "sizes"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (4, [4])])
def test_records_come_in_batches(tmp_path, monkeypatch, size, sizes):
    monkeypatch.setattr(tfrecord, "_BATCH_RECORDS", size)
    parts = list(tfrecord.read_tfrecord(write(tmp_path, RECORDS), COLUMNS, 1000))
    assert [part.batch.num_rows for part in parts] == sizes
    assert [int(at) for part in parts for at in part.positions] == [0, 1, 2, 3]
    assert [row for part in parts for row in part.batch.to_pylist()] == ROWS


def test_types_are_lists_of_the_schemas(tmp_path):
    (part,) = tfrecord.read_tfrecord(write(tmp_path, RECORDS[3:]), COLUMNS, 1000)
    value_types = [field.type.value_type for field in part.batch.schema]
    assert value_types[:2] == [pa.int64(), pa.float32()]
    assert value_types[2] in (pa.binary(), pa.large_binary())


def test_an_empty_file(tmp_path):
    assert read(write_bytes(tmp_path, b"")) == ({}, [])


# --- Records that are dead letters.

BAD = {
    "bytes that are no message": b"\xff\xff\xff",
    "a cut message": RECORDS[0][:-1],
    "a message with more behind it": RECORDS[0] + b"\xff",
    "floats for integers": example(i=[1.5]),
    "strings for integers": example(i=[b"1"]),
    "integers for floats": example(f=[1]),
    "integers for strings": example(i=[1], s=[1]),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_record_that_cant_be_decoded_costs_itself_alone(tmp_path, bad, place):
    """None of the rows before it comes twice, although the decoder keeps those of a failed attempt."""
    records = [*RECORDS[:place], bad, *RECORDS[place:]]
    path = write(tmp_path, records)
    rows, (letter,) = read(path)
    assert list(rows.values()) == ROWS
    assert list(rows) == [i for i in range(5) if i != place]
    assert letter == DeadLetter(path, f"record {place}", letter.reason, bad)
    assert letter.reason.startswith("a record should be a tf.Example of the schema's types. Received: ")
    assert "\n" not in letter.reason


def test_many_bad_records_among_good_ones(tmp_path):
    records = [list(BAD.values())[i % 7] if i % 3 == 0 else example(i=[i]) for i in range(500)]
    rows, dead = read(write(tmp_path, records))
    assert {at: row["i"] for at, row in rows.items()} == {i: [i] for i in range(500) if i % 3}
    assert [letter.position for letter in dead] == [f"record {i}" for i in range(0, 500, 3)]
    assert [letter.raw for letter in dead] == [records[i] for i in range(0, 500, 3)]


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("at", ["first byte", "last byte", "checksum"])
def test_a_record_that_does_not_fit_its_checksum(tmp_path, place, at):
    frames = [bytearray(frame(record)) for record in [*RECORDS[:3], example(i=[7])]]
    framed = frames[place]
    framed[{"first byte": 12, "last byte": -5, "checksum": -1}[at]] ^= 1
    path = write_bytes(tmp_path, b"".join(frames))
    rows, dead = read(path)
    assert list(rows) == [i for i in range(4) if i != place]
    assert [rows[i] for i in rows if i < 3] == [ROWS[i] for i in range(3) if i != place]
    reason = "a record should fit its checksum. Received: bytes that don't"
    assert dead == [DeadLetter(path, f"record {place}", reason, bytes(framed[12:-4]))]
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(path))


def test_a_record_that_is_too_long_is_cut_and_the_following_ones_come(tmp_path, monkeypatch):
    long = example(s=[b"x" * 3_000_000])
    path = write(tmp_path, [RECORDS[0], long, RECORDS[1]])
    rows, dead = read(path, max_bytes=500)
    assert rows == {0: ROWS[0], 2: ROWS[1]}
    reason = (
        f"a record should have at most 500 bytes (`data.log.max_record_bytes`). Received: {len(long)} bytes, "
        "of which the first are kept here"
    )
    assert dead == [DeadLetter(path, "record 1", reason, long[:500])]


def test_a_record_of_just_the_longest_length(tmp_path):
    path = write(tmp_path, [RECORDS[0]])
    assert read(path, max_bytes=len(RECORDS[0])) == ({0: ROWS[0]}, [])
    assert len(read(path, max_bytes=len(RECORDS[0]) - 1)[1]) == 1


# --- Files that can't be read on.


def refusal(path: str) -> str:
    with pytest.raises(InputError) as error:
        read(path)
    return str(error.value)


@pytest.mark.parametrize("byte", range(12))
def test_a_broken_length_ends_the_reading(tmp_path, byte):
    """Behind it no record can be found, as TensorFlow says too."""
    frames = bytearray(frame(RECORDS[0]) + frame(RECORDS[1]))
    frames[len(frame(RECORDS[0])) + byte] ^= 0x10
    path = write_bytes(tmp_path, bytes(frames))
    assert refusal(path) == (
        f"{path}, record 1 should begin with its length and the length's checksum. Received: bytes that don't fit, "
        "so no record from here on can be found"
    )
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(path))


@pytest.mark.parametrize("kept", range(1, len(frame(RECORDS[0]))))
def test_a_file_that_breaks_off(tmp_path, kept):
    first, second = frame(RECORDS[1]), frame(RECORDS[0])
    path = write_bytes(tmp_path, first + second[:kept])
    if kept < 12:
        assert refusal(path).startswith(f"{path}, record 1 should begin with its length and the length's checksum. ")
    else:
        assert refusal(path) == (
            f"{path}, record 1 should have {len(RECORDS[0])} bytes. Received: the file's end before"
        )


@pytest.mark.parametrize("length", [2**40, 2**63 - 1, 2**64 - 1])
def test_a_huge_length_takes_no_memory(tmp_path, length):
    head = struct.pack("<Q", length)
    checksum = frame(head)[-4:]
    path = write_bytes(tmp_path, head + checksum + b"x" * 100)
    assert refusal(path) == f"{path}, record 0 should have {length} bytes. Received: the file's end before"


def test_a_gzip_file_that_breaks_off(tmp_path):
    data = gzip.compress(b"".join(frame(record) for record in RECORDS * 100))
    path = write_bytes(tmp_path, data[:-20], "x.tfrecord.gz")
    assert refusal(path).startswith(f"{path} should be readable to its end. Received: ")


def test_a_file_of_another_format(tmp_path):
    assert "record 0 should begin with its length" in refusal(write_bytes(tmp_path, b"a,b\n1,2\n3,4\n5,6\n"))
