"""Reading tf.Examples from gzipped TFRecords, a batch at a time."""

import os
import pickle
import uuid
from collections.abc import Iterator, Sequence

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.tfrecord.frame import CHECKSUM, LENGTH

_BATCH_EXAMPLES = 16384
# Read side by side, in one go: the start of a reader takes as long as some thousand examples.
_FILES_AT_ONCE = 8
_DTYPES = {schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32, schema_pb2.BYTES: tf.string}


def pattern(examples: list[types.Artifact], split: str) -> str:
    """Pattern of the files of a split."""
    return io_utils.all_files_pattern(artifact_utils.get_split_uri(examples, split))


class _BatchCoder(beam.coders.Coder):
    """Tells the size of a batch at once. Beam asks for that of many, and a pickled one is as large as itself."""

    def encode(self, value: pa.RecordBatch) -> bytes:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        return pickle.loads(encoded)

    def estimate_size(self, value: pa.RecordBatch) -> int:
        return value.nbytes


beam.coders.registry.register_coder(pa.RecordBatch, _BatchCoder)


class ReadExamples(beam.PTransform):
    """Reads all files of a pattern.

    Beam's own source gives single records, at a greater cost than that of decoding them.

    Output: Arrow record batches with the features of the schema, as lists; an empty one where a feature is missing.

    Raises:
        FileNotFoundError: There are none.
    """

    def __init__(self, files: str, schema: schema_pb2.Schema, rows: int = 1, kept: str = ""):
        """Args:
        files: Their pattern.
        schema: The features.
        rows: That a tf.Example has, at most; of larger ones fewer are read at once.
        kept: Folder that keeps the batches for whoever reads the same files, with the same schema, again: that takes a
            fortieth of the time. It is for temporary files; without it nothing is kept.
        """
        super().__init__()
        self._files = files
        self._schema = schema
        self._at_once = _BATCH_EXAMPLES // rows
        self._kept = kept

    def expand(self, pipeline):
        paths = sorted(file.path for match in FileSystems.match([self._files]) for file in match.metadata_list)
        if not paths:
            raise FileNotFoundError(self._files)
        groups = [paths[begin : begin + _FILES_AT_ONCE] for begin in range(0, len(paths), _FILES_AT_ONCE)]
        read = beam.ParDo(_ReadFiles(self._schema, self._at_once, self._kept)).with_output_types(pa.RecordBatch)
        return pipeline | "Files" >> beam.Create(groups, reshuffle=len(groups) > 1) | "Read" >> read


class _ReadFiles(beam.DoFn):
    def __init__(self, schema: schema_pb2.Schema, at_once: int, kept: str):
        self._types = {feature.name: _DTYPES[feature.type] for feature in schema.feature}
        self._at_once = at_once
        self._kept = kept

    def process(self, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
        if not self._kept:
            yield from self._parsed(paths)
            return
        kept = os.path.join(self._kept, f"{os.path.basename(paths[0])}.arrow")
        if FileSystems.exists(kept):
            yield from _read(kept)
        else:
            yield from _keep(self._parsed(paths), kept)

    def _parsed(self, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
        sizes = [0] * len(paths)
        batches = tf.data.Dataset.from_tensor_slices(list(paths)).enumerate()
        batches = batches.interleave(self._records, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE)
        for number, features, size in batches.map(self._parse, tf.data.AUTOTUNE).prefetch(1):
            sizes[number] += int(size)
            yield pa.RecordBatch.from_pydict({name: _to_arrow(features[name]) for name in self._types})
        for path, size in zip(paths, sizes, strict=True):
            # To TensorFlow a file that is cut between two records looks whole.
            if size % 2**32 != _uncompressed_size(path):
                raise EOFError(f"{path} should be whole. Received: a gzip file that ends too early")

    def _records(self, number: tf.Tensor, path: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(self._at_once)
        return records.map(lambda batch: (number, batch))

    def _parse(self, number: tf.Tensor, records: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.RaggedTensor], tf.Tensor]:
        """The file's number, features, and the bytes that the records take in the file."""
        # On all cores, beside what Beam does; tfx-bsl's decoder works on one.
        spec = {name: tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64) for name, dtype in self._types.items()}
        lengths = tf.cast(tf.strings.length(records), tf.int64) + LENGTH.size + CHECKSUM.size
        return number, tf.io.parse_example(records, spec), tf.reduce_sum(lengths)


def _keep(batches: Iterator[pa.RecordBatch], path: str) -> Iterator[pa.RecordBatch]:
    """Passes the batches on, and writes them to a file that is there when it is complete."""
    unfinished = f"{path}-{uuid.uuid4().hex}"
    writer = None
    with FileSystems.create(unfinished, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        for batch in batches:
            writer = writer or pa.ipc.new_stream(file, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))
            writer.write_batch(batch)
            yield batch
        if writer:
            writer.close()
    if writer:
        FileSystems.rename([unfinished], [path])


def _read(path: str) -> Iterator[pa.RecordBatch]:
    with (
        FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file,
        pa.ipc.open_stream(file) as batches,
    ):
        yield from batches


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
