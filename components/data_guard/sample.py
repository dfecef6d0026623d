"""A uniform sample of examples, the same whichever way they are read."""

import hashlib
import os
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

# Column of a sample beside its features: uint64, uniform. It is drawn from an example's place, its file and its number
# there: equal examples may be serialized differently, and where features are few, many examples are equal.
KEY = "key of the example"

_BATCH = 8192


class SampleFile(beam.DoFn):
    """Keeps the examples with the lowest keys and decodes the features of a schema.

    Input: paths of TFRecord files of tf.Examples.
    Output: Arrow IPC streams, each with a record batch of the features and `KEY`.
    """

    def __init__(self, schema: schema_pb2.Schema, share: float):
        """Args:
        schema: Of the features to keep.
        share: Of the examples to keep, in expectation.
        """
        self._schema = schema.SerializeToString()
        self._highest = np.uint64(min(int(share * 2**64), 2**64 - 1))

    def setup(self) -> None:
        self._decoder = ExamplesToRecordBatchDecoder(self._schema)

    def process(self, path: str) -> Iterator[bytes]:
        records = tf.data.TFRecordDataset(path, "GZIP" if path.endswith(".gz") else "")
        first = 0
        for examples in records.batch(_BATCH).as_numpy_iterator():
            keys = _keys(os.path.basename(path), first, len(examples))
            first += len(examples)
            kept = np.flatnonzero(keys <= self._highest)
            if len(kept):
                batch = self._decoder.DecodeBatch(examples[kept].tolist())
                yield _ipc_stream(batch.append_column(KEY, pa.array(keys[kept])))


def _keys(file_name: str, first: int, number: int) -> np.ndarray:
    """Keys of the examples of a file from the `first` on: SplitMix64 of their numbers, seeded by the file's name."""
    seed = int.from_bytes(hashlib.blake2b(file_name.encode(), digest_size=8).digest(), "little")
    key = np.arange(first + 1, first + 1 + number, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


def _ipc_stream(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


class WriteSample(beam.PTransform):
    """Writes a sample for `read_sample`. Input: as of `SampleFile`."""

    def __init__(self, schema: schema_pb2.Schema, share: float, directory: str):
        super().__init__()
        self._sample = SampleFile(schema, share)
        self._prefix = os.path.join(directory, "sample")

    def expand(self, paths):
        return paths | "Sample" >> beam.ParDo(self._sample) | "Write" >> beam.io.WriteToTFRecord(self._prefix)


def read_sample(directory: str, size: int) -> pa.RecordBatch:
    """Reads what `WriteSample` wrote.

    Args:
        directory: Where it is.
        size: Most examples to give.

    Returns:
        A row for each example, by ascending `KEY`; for each feature a list of values, null where missing.
    """
    files = tf.io.gfile.glob(os.path.join(directory, "sample*"))
    streams = tf.data.TFRecordDataset(files).as_numpy_iterator()
    table = pa.concat_tables([pa.ipc.open_stream(stream).read_all() for stream in streams])
    (batch,) = table.sort_by(KEY).slice(0, size).combine_chunks().to_batches()
    return batch


def folds(batch: pa.RecordBatch) -> np.ndarray:
    """The half of a sample, 0 or 1, that each example falls in, int64 [B]."""
    return (batch[KEY].to_numpy() % 2).astype(np.int64)
