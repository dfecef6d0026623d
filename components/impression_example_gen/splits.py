"""What a split of the log is read as, by its format."""

from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column, columns_to_read, duplicates_key, event_columns
from components.impression_example_gen.log_format import FlatFormat, LogFormat
from components.impression_example_gen.sources.ali_ccp import AliCcpSource
from components.impression_example_gen.sources.events import EventSource
from components.impression_example_gen.sources.flat import FlatSource
from components.impression_example_gen.transforms import Split
from schema import contract


def labelled_split(schema: schema_pb2.Schema, log: LogFormat) -> Split:
    """A split of the log itself.

    Raises:
        InputError: The key of the duplicates is not a column of the schema.
    """
    columns = columns_to_read(schema, contract.TRAINING, log)
    if log.format == "ali_ccp":
        joined = AliCcpSource(log, columns)
        by_sample = [Column(name, schema_pb2.BYTES) for name in log.duplicates.key] if log.duplicates else []
        return Split(joined, joined.row_columns, log, key=by_sample)
    if log.format == "events":
        return Split(EventSource(log, columns, *event_columns(schema, log)), columns, log)
    key = duplicates_key(schema, log.duplicates.key) if log.duplicates else ()
    names = {column.name for column in columns}
    to_read = (*columns, *(column for column in key if column.name not in names))
    return Split(FlatSource(log.format, log, to_read), columns, log, key=key)


def serving_split(schema: schema_pb2.Schema, log: LogFormat, serving_format: FlatFormat) -> Split:
    """A split of logged requests."""
    columns = columns_to_read(schema, contract.SERVING, log)
    return Split(FlatSource(serving_format, log, columns), columns, log, labelled=False)
