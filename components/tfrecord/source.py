"""Reading tf.Examples from TFRecords, a batch at a time."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public.tfxio import RecordBatchesOptions, TFExampleRecord

_BATCH_EXAMPLES = 8192


class ReadExamples(beam.PTransform):
    """Reads all files of a pattern.

    Beam's own source gives single records, at a greater cost than that of decoding them.

    Output: Arrow record batches with the schema's features.
    """

    def __init__(self, pattern: str, schema: schema_pb2.Schema):
        super().__init__()
        self._pattern = pattern
        self._schema = schema

    def expand(self, pipeline):
        paths = [file.path for match in FileSystems.match([self._pattern]) for file in match.metadata_list]
        return (
            pipeline
            | "Files" >> beam.Create(sorted(paths), reshuffle=len(paths) > 1)
            | "Read" >> beam.ParDo(_ReadFile(self._schema)).with_output_types(pa.RecordBatch)
        )


class _ReadFile(beam.DoFn):
    def __init__(self, schema: schema_pb2.Schema):
        self._schema = schema.SerializeToString()

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        tfxio = TFExampleRecord(path, schema=schema_pb2.Schema.FromString(self._schema))
        yield from tfxio.RecordBatches(RecordBatchesOptions(_BATCH_EXAMPLES, num_epochs=1, shuffle=False))
