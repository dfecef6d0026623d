"""A sample of examples, the same whichever way they are read."""

import hashlib
import os
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

# Column of a sample beside its features: uint64, uniform, the same for equal examples.
HASH = "hash of the example"


class SampleBatches(beam.DoFn):
    """Keeps the examples with the lowest hashes and decodes the features of a schema.

    Input: record batches with one column of serialized tf.Examples, a list of one in each row.
    Output: Arrow IPC streams, each with a record batch of the features and `HASH`.
    """

    def __init__(self, schema: schema_pb2.Schema, share: float):
        """Args:
        schema: Of the features to keep.
        share: Of the examples to keep, in expectation.
        """
        self._schema = schema.SerializeToString()
        self._limit = int(share * 2**64)

    def setup(self) -> None:
        self._decoder = ExamplesToRecordBatchDecoder(self._schema)

    def process(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        examples = batch.column(0).flatten().to_pylist()
        hashed = [(_hash(example), example) for example in examples]
        kept = [(value, example) for value, example in hashed if value < self._limit]
        if not kept:
            return
        decoded = self._decoder.DecodeBatch([example for _, example in kept])
        hashes = pa.array(np.array([value for value, _ in kept], np.uint64))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, _with_hashes(decoded, hashes).schema) as writer:
            writer.write_batch(_with_hashes(decoded, hashes))
        yield sink.getvalue().to_pybytes()


def _hash(example: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(example, digest_size=8).digest(), "little")


def _with_hashes(batch: pa.RecordBatch, hashes: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*batch.columns, hashes], names=[*batch.schema.names, HASH])


class WriteSample(beam.PTransform):
    """Writes a sample for `read_sample`. Input: as of `SampleBatches`."""

    def __init__(self, schema: schema_pb2.Schema, share: float, directory: str):
        super().__init__()
        self._sample = SampleBatches(schema, share)
        self._prefix = os.path.join(directory, "sample")

    def expand(self, batches):
        return batches | "Sample" >> beam.ParDo(self._sample) | "Write" >> beam.io.WriteToTFRecord(self._prefix)


def read_sample(directory: str, size: int) -> pa.RecordBatch:
    """Reads what `WriteSample` wrote.

    Args:
        directory: Where it is.
        size: Most examples to give.

    Returns:
        A row for each example, by ascending `HASH`; for each feature a list of values, null where missing.
    """
    files = tf.io.gfile.glob(os.path.join(directory, "sample*"))
    streams = tf.data.TFRecordDataset(files).as_numpy_iterator()
    table = pa.concat_tables([pa.ipc.open_stream(stream).read_all() for stream in streams])
    (batch,) = table.sort_by(HASH).slice(0, size).combine_chunks().to_batches()
    return batch


def folds(batch: pa.RecordBatch) -> np.ndarray:
    """The half, 0 or 1, that each example of a sample falls in, int64 [B]: equal examples in the same one."""
    return (batch[HASH].to_numpy() % 2).astype(np.int64)
