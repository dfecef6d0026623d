"""A log with a labelled row per impression."""

from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.io.filesystem import FileMetadata

from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import IMPRESSIONS, FlatFormat, LogFormat
from components.impression_example_gen.readers import flat
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.readers.opening import is_compressed
from components.impression_example_gen.rows import Rows
from components.impression_example_gen.sources.source import SplitFiles, Tasks

# Larger text files are read in parts, on several machines if there are.
_RANGE_BYTES = 256 << 20


def ranges(files: Sequence[FileMetadata], is_text: bool) -> list[FileRange]:
    """Files as the parts that they can be read in, in order."""
    parts = []
    for file in files:
        if not is_text or is_compressed(file.path):
            parts.append(FileRange(file.path))
            continue
        starts = range(0, max(1, file.size_in_bytes), _RANGE_BYTES)
        parts += [FileRange(file.path, start, start + _RANGE_BYTES) for start in starts[:-1]]
        parts.append(FileRange(file.path, starts[-1]))
    return parts


class FlatSource:
    """Task: a `FileRange`."""

    def __init__(self, flat_format: FlatFormat, log: LogFormat, columns: Sequence[Column]):
        self._format = flat_format
        self._log = log
        self._columns = tuple(columns)

    def check(self, files: SplitFiles) -> None:
        for file in files[IMPRESSIONS]:
            flat.check_flat(file.path, self._format, self._log, self._columns)

    def tasks(self, pipeline: beam.Pipeline, files: SplitFiles, directory: str) -> Tasks:
        parts = ranges(files[IMPRESSIONS], self._format in flat.TEXT)
        return Tasks(pipeline | "Files" >> beam.Create(list(enumerate(parts)), reshuffle=True))

    def read(self, task: FileRange) -> Iterator[Rows]:
        return flat.read_flat(task, self._format, self._log, self._columns)
