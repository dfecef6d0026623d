"""Reading tf.Examples from gzipped TFRecords, a batch at a time."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from tensorflow_metadata.proto.v0 import schema_pb2

from components.tfrecord.frame import CHECKSUM, LENGTH

_BATCH_EXAMPLES = 16384
_DTYPES = {schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32, schema_pb2.BYTES: tf.string}


class ReadExamples(beam.PTransform):
    """Reads all files of a pattern.

    Beam's own source gives single records, at a greater cost than that of decoding them.

    Output: Arrow record batches with the features of the schema, as lists; an empty one where a feature is missing.

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
        self._types = {feature.name: _DTYPES[feature.type] for feature in schema.feature}

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        size = 0
        records = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(_BATCH_EXAMPLES)
        for features, batch_size in records.map(self._parse, tf.data.AUTOTUNE).prefetch(1):
            size += int(batch_size)
            yield pa.RecordBatch.from_pydict({name: _to_arrow(features[name]) for name in self._types})
        # To TensorFlow a file that is cut between two records looks whole.
        if size % 2**32 != _uncompressed_size(path):
            raise EOFError(f"{path} should be whole. Received: a gzip file that ends too early")

    def _parse(self, records: tf.Tensor) -> tuple[dict[str, tf.RaggedTensor], tf.Tensor]:
        """Features, and the bytes that the records take in the file."""
        # On all cores, beside what Beam does; tfx-bsl's decoder works on one.
        spec = {name: tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64) for name, dtype in self._types.items()}
        lengths = tf.cast(tf.strings.length(records), tf.int64) + LENGTH.size + CHECKSUM.size
        return tf.io.parse_example(records, spec), tf.reduce_sum(lengths)


def _to_arrow(values: tf.RaggedTensor) -> pa.LargeListArray:
    flat = values.values.numpy()
    # As tfx-bsl has it, which tf.Transform expects.
    items = pa.array(flat, pa.large_binary()) if flat.dtype == object else pa.array(flat)
    return pa.LargeListArray.from_arrays(pa.array(values.row_splits.numpy()), items)


def _uncompressed_size(path: str) -> int | None:
    """What the end of a gzip file says of its content, modulo 2^32."""
    with tf.io.gfile.GFile(path, "rb") as file:
        file.seek(max(0, file.size() - 4))
        end = file.read()
    return int.from_bytes(end, "little") if len(end) == 4 else None
