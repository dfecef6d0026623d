"""Joins out of memory: rows of all files are first parted by the hash of their key into files small enough to join.

A join by Beam's own grouping would hold, with a runner on one machine, the whole log in memory.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

# Column of the files of a part.
_POSITION = "__position__"

# Of the files, all of them together, that one part is made of; it is joined within a few times that memory.
_PART_BYTES = 64 << 20
# Each part is a file that is open while a source file is parted.
_MOST_PARTS = 512


def parts_for(total_bytes: int) -> int:
    """Number of parts for files of a total size."""
    return min(_MOST_PARTS, 1 + total_bytes // _PART_BYTES)


def key_hashes(keys: pa.Array) -> np.ndarray:
    """uint64 [B]: the same for the same key in every process, run and file. A missing key is one, too."""
    filled = keys.fill_null(b"" if pa.types.is_binary(keys.type) else 0)
    hashes = pd.util.hash_array(filled.to_numpy(zero_copy_only=False))
    return np.where(np.asarray(keys.is_null()), ~hashes, hashes)


class PartWriter:
    """Parts the rows of one source file.

    The files are Arrow IPC streams with random names, so that a repeated attempt of the same work never meets an
    earlier one's.
    """

    def __init__(self, directory: str, parts: int, source: str):
        """Args:
        directory: Where to write to.
        parts: Number of parts.
        source: Path of the source file, kept with the rows.
        """
        self._directory = directory
        self._parts = parts
        self._source = source
        self._writers: dict[int, pa.RecordBatchStreamWriter] = {}
        self._files: dict[int, tuple[str, IO[bytes]]] = {}

    def write(self, batch: pa.RecordBatch, key: pa.Array, positions: np.ndarray, unit: str) -> None:
        """Adds rows.

        Args:
            batch: Of the same columns each time.
            key: int64 or binary [B]; rows with the same key come to the same part.
            positions: int64 [B], of the rows in their file.
            unit: What positions count, the same each time.
        """
        if not batch.num_rows:
            return
        positioned = batch.append_column(_POSITION, pa.array(positions, pa.int64()))
        numbers = (key_hashes(key) % np.uint64(self._parts)).astype(np.int64)
        order = np.argsort(numbers, kind="stable")
        positioned = positioned.take(pa.array(order)) if self._parts > 1 else positioned
        found, begins = np.unique(numbers[order], return_index=True)
        for number, begin, end in zip(found.tolist(), begins, [*begins[1:], len(order)], strict=True):
            self._writer(number, positioned.schema, unit).write_batch(positioned.slice(begin, end - begin))

    def close(self) -> dict[int, str]:
        """Completes the files; gives their paths by part."""
        for number, writer in self._writers.items():
            writer.close()
            self._files[number][1].close()
        return {number: path for number, (path, _) in self._files.items()}

    def _writer(self, number: int, schema: pa.Schema, unit: str) -> pa.RecordBatchStreamWriter:
        if number not in self._writers:
            path = FileSystems.join(self._directory, f"part-{number:03d}-{uuid.uuid4().hex}.arrow")
            file = FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
            self._files[number] = (path, file)
            facts = schema.with_metadata({"source": self._source, "unit": unit})
            self._writers[number] = pa.ipc.new_stream(file, facts)
        return self._writers[number]


@dataclass(frozen=True)
class PartBatch:
    """Rows of a part.

    Attributes:
        batch: As they were written.
        source: Path of the file that they come from.
        unit: What `positions` count.
        positions: int64 [B].
    """

    batch: pa.RecordBatch
    source: str
    unit: str
    positions: np.ndarray


def read_part(path: str) -> Iterator[PartBatch]:
    """Yields the rows of a file that a `PartWriter` made, in the order of their source."""
    with (
        FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file,
        pa.ipc.open_stream(file) as part,
    ):
        facts = {key.decode(): value.decode() for key, value in part.schema.metadata.items()}
        for batch in part:
            positions = np.asarray(batch[_POSITION])
            rows = batch.select([name for name in batch.schema.names if name != _POSITION])
            yield PartBatch(rows, facts["source"], facts["unit"], positions)
