"""Reading tf.Examples from gzipped TFRecords, a batch at a time."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.tfrecord.frame import CHECKSUM, LENGTH

_BATCH_EXAMPLES = 8192


class ReadExamples(beam.PTransform):
    """Reads all files of a pattern.

    Beam's own source gives single records, at a greater cost than that of decoding them.

    Output: Arrow record batches with the schema's features.

    Raises:
        FileNotFoundError: There are none.
    """

    def __init__(self, pattern: str, schema: schema_pb2.Schema):
        super().__init__()
        self._pattern = pattern
        self._schema = schema

    def expand(self, pipeline):
        paths = [file.path for match in FileSystems.match([self._pattern]) for file in match.metadata_list]
        if not paths:
            raise FileNotFoundError(self._pattern)
        return (
            pipeline
            | "Files" >> beam.Create(sorted(paths), reshuffle=len(paths) > 1)
            | "Read" >> beam.ParDo(_ReadFile(self._schema)).with_output_types(pa.RecordBatch)
        )


class _ReadFile(beam.DoFn):
    def __init__(self, schema: schema_pb2.Schema):
        self._schema = schema.SerializeToString()

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        decoder = ExamplesToRecordBatchDecoder(self._schema)
        size = 0
        dataset = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(_BATCH_EXAMPLES)
        for records in dataset.prefetch(1).as_numpy_iterator():
            size += sum(map(len, records)) + len(records) * (LENGTH.size + CHECKSUM.size)
            yield decoder.DecodeBatch(records)
        # To TensorFlow a file that is cut between two records looks whole.
        if size % 2**32 != _uncompressed_size(path):
            raise EOFError(f"{path} should be whole. Received: a gzip file that ends too early")


def _uncompressed_size(path: str) -> int | None:
    """What the end of a gzip file says of its content, modulo 2^32."""
    with tf.io.gfile.GFile(path, "rb") as file:
        file.seek(max(0, file.size() - 4))
        end = file.read()
    return int.from_bytes(end, "little") if len(end) == 4 else None
