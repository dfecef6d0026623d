"""TFRecords of tf.Examples."""

from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.impression_example_gen.columns import Column
from components.impression_example_gen.readers.divide import divide
from components.impression_example_gen.readers.opening import open_file, told_as_input_error
from components.impression_example_gen.rows import DeadLetter, Rows, too_long
from components.tfrecord.frame import CHECKSUM, LENGTH, masked
from schema.errors import InputError

_BATCH_RECORDS = 4096


def read_tfrecord(path: str, columns: Sequence[Column], max_bytes: int) -> Iterator[Rows]:
    """Yields the rows of a file, in order; positions are records from 0.

    A record whose bytes don't fit their checksum is a dead letter. Behind a broken length no record can be found, so
    that one ends the reading.

    Args:
        path: The file.
        columns: Which features to give, as lists.
        max_bytes: Longer records are dead letters.

    Raises:
        InputError: The file can't be read to its end.
    """
    with told_as_input_error(path), open_file(path) as file:
        records: list[bytes] = []
        positions: list[int] = []
        dead: list[DeadLetter] = []
        for number, (record, problem) in enumerate(_records(file, max_bytes)):
            if problem:
                dead.append(DeadLetter(path, f"record {number}", problem, record))
            else:
                records.append(record)
                positions.append(number)
            if len(records) + len(dead) == _BATCH_RECORDS:
                yield _rows(path, records, positions, dead, columns)
                records, positions, dead = [], [], []
        if records or dead:
            yield _rows(path, records, positions, dead, columns)


def _records(file: IO[bytes], max_bytes: int) -> Iterator[tuple[bytes, str]]:
    """Each record, cut to `max_bytes`, and what is wrong with it, or ""."""
    number = 0
    while head := file.read(LENGTH.size):
        if len(head) < LENGTH.size or masked(head[:8]) != LENGTH.unpack(head)[1]:
            raise InputError(
                f"record {number} should begin with its length and the length's checksum. Received: bytes that "
                f"don't fit, so no record from here on can be found"
            )
        length = LENGTH.unpack(head)[0]
        record = file.read(min(length, max_bytes))
        rest = length - len(record)
        while rest and (skipped := file.read(min(rest, 1 << 20))):
            rest -= len(skipped)
        checksum = file.read(CHECKSUM.size)
        if rest or len(checksum) < CHECKSUM.size:
            raise InputError(f"record {number} should have {length} bytes. Received: the file's end before")
        if length > max_bytes:
            yield record, too_long(length, max_bytes)
        elif masked(record) != CHECKSUM.unpack(checksum)[0]:
            yield record, "a record should fit its checksum. Received: bytes that don't"
        else:
            yield record, ""
        number += 1


def _rows(
    path: str,
    records: list[bytes],
    positions: list[int],
    dead: list[DeadLetter],
    columns: Sequence[Column],
) -> Rows:
    names = [column.name for column in columns]
    types = _types(columns).SerializeToString()

    def decode(start: int, end: int) -> pa.RecordBatch:
        # A new one each time: one that has failed keeps the rows before the failure.
        decoder = ExamplesToRecordBatchDecoder(types)
        try:
            return decoder.DecodeBatch(records[start:end]).select(names)
        except RuntimeError as error:
            raise ValueError(f"a record should be a tf.Example of the schema's types. Received: {error}") from None

    batch, kept, reasons = divide(len(records), decode)
    dead += [DeadLetter(path, f"record {positions[i]}", reason, records[i]) for i, reason in reasons.items()]
    raw = pa.array([records[i] for i in kept], pa.binary())
    return Rows(batch, path, "record", np.array(positions, np.int64)[kept], raw, dead)


def _types(columns: Sequence[Column]) -> schema_pb2.Schema:
    """A schema of names and types alone, so that every feature is decoded as a list."""
    return schema_pb2.Schema(feature=[schema_pb2.Feature(name=column.name, type=column.type) for column in columns])
