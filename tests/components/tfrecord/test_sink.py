"""The files of examples: readable by everyone, equal for equal examples, and there only when they are whole."""

import glob
import gzip
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from components.tfrecord.sink import WriteExamples
from pipeline.beam import LOCAL_ARGS

BATCHES = [[b"one", b"", b"three" * 1000], [], [b"\x00\xff\n"]]
RECORDS = [record for batch in BATCHES for record in batch]


def pipeline() -> beam.Pipeline:
    return beam.Pipeline(options=PipelineOptions(list(LOCAL_ARGS)))


def write(folder: Path, batches: list[list[bytes]]) -> list[str]:
    """Gives the files."""
    with pipeline() as p:
        _ = p | beam.Create(batches, reshuffle=False) | WriteExamples(str(folder / "Split-train" / "data_tfrecord"))
    return sorted(glob.glob(str(folder / "Split-train" / "*")))


def records(paths: list[str]) -> list[bytes]:
    return list(tf.data.TFRecordDataset(paths, compression_type="GZIP").as_numpy_iterator())


def test_tensorflow_reads_the_files(tmp_path):
    paths = write(tmp_path, BATCHES)
    assert all(Path(path).name.startswith("data_tfrecord-") and path.endswith(".gz") for path in paths)
    assert sorted(records(paths)) == sorted(RECORDS)


def test_beam_reads_the_files(tmp_path):
    paths = write(tmp_path, BATCHES)
    with pipeline() as p:
        found = p | beam.io.ReadFromTFRecord(str(Path(paths[0]).parent / "data_tfrecord-*"))
        assert_that(found, equal_to(RECORDS))


def test_equal_examples_make_equal_files(tmp_path, monkeypatch):
    first = write(tmp_path / "a", BATCHES)
    monkeypatch.setattr("time.time", lambda: 2e9)  # gzip would note the time
    second = write(tmp_path / "b", BATCHES)
    assert [Path(path).name for path in first] == [Path(path).name for path in second]
    assert [Path(path).read_bytes() for path in first] == [Path(path).read_bytes() for path in second]


@pytest.mark.parametrize("batches", [[], [[]]])
def test_no_example_makes_a_file_that_can_be_read_all_the_same(tmp_path, batches):
    (path,) = write(tmp_path, batches)
    assert gzip.decompress(Path(path).read_bytes()) == b""
    assert records([path]) == []


def failing(batch: list[bytes]) -> list[bytes]:
    if batch == [b"last"]:
        raise RuntimeError("killed here")
    return batch


def test_no_file_has_its_name_before_all_are_whole(tmp_path):
    prefix = str(tmp_path / "Split-train" / "data_tfrecord")
    batches = [[b"x" * 100_000], [b"last"]]
    with pytest.raises(RuntimeError, match="killed here"), pipeline() as p:
        _ = p | beam.Create(batches, reshuffle=False) | beam.Map(failing) | WriteExamples(prefix)
    assert list(tmp_path.rglob("*")), "it should have begun to write"
    assert not glob.glob(f"{prefix}*")


def test_half_a_file_left_by_an_attempt_that_was_killed_is_not_taken_for_one(tmp_path):
    left = tmp_path / "Split-train" / "beam-temp-data_tfrecord-0" / "half.data_tfrecord.gz"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    write(tmp_path, BATCHES)
    assert sorted(records(glob.glob(str(tmp_path / "Split-train" / "data_tfrecord-*")))) == sorted(RECORDS)
