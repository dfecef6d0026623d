"""The steps that part the files of a split by a key, so that what belongs together can be joined."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.impression_example_gen import partition
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.report import SplitReport
from components.impression_example_gen.rows import DeadLetter, Rows
from components.impression_example_gen.sources.flat import ranges
from components.impression_example_gen.sources.source import SplitFiles, Tasks
from schema.errors import InputError

_PARTS = "parts"
_REPORTS = "reports"
_LETTERS = "letters"


@dataclass(frozen=True)
class Prepared:
    """Rows on their way to a part.

    Attributes:
        batch: What to keep of them.
        key: int64 or binary [B].
        positions: int64 [B], in their file.
        dead: Letters of rows that are not kept.
        counts: For the report.
    """

    batch: pa.RecordBatch
    key: pa.Array
    positions: np.ndarray
    dead: list[DeadLetter]
    counts: dict[str, int]


class Parted(Protocol):
    """A source whose files are parted before they are read."""

    def read_role(self, role: str, where: FileRange) -> Iterator[Rows]:
        """Yields the rows of a file."""

    def prepare(self, role: str, rows: Rows) -> Prepared:
        """Makes rows ready to be parted."""


def part(source: Parted, pipeline: beam.Pipeline, files: SplitFiles, is_text: bool, directory: str) -> Tasks:
    """Parts all files; a task is the paths of a part by role, those of a role in the order of their files."""
    parts = partition.parts_for(sum(file.size_in_bytes for of_role in files.values() for file in of_role))
    outputs = [
        pipeline
        | f"Files[{role}]" >> beam.Create(list(enumerate(ranges(of_role, is_text))), reshuffle=True)
        | f"Part[{role}]"
        >> beam.ParDo(_PartFiles(source, role, directory, parts)).with_outputs(_PARTS, _REPORTS, _LETTERS)
        for role, of_role in files.items()
    ]
    tasks = (
        [output[_PARTS] for output in outputs]
        | "AllParts" >> beam.Flatten()
        | "ByPart" >> beam.GroupByKey()
        | "ByRole" >> beam.MapTuple(_by_role)
    )
    return Tasks(tasks, [output[_REPORTS] for output in outputs], [output[_LETTERS] for output in outputs])


def _by_role(number: int, paths: list[tuple[str, int, str]]) -> tuple[int, dict[str, list[str]]]:
    by_role: dict[str, list[str]] = {}
    for role, _, path in sorted(paths, key=lambda path: path[:2]):
        by_role.setdefault(role, []).append(path)
    return number, by_role


class _PartFiles(beam.DoFn):
    """From (number, `FileRange`) to (number of the part, (role, number of the file, path)), and what was found."""

    def __init__(self, source: Parted, role: str, directory: str, parts: int):
        self._source = source
        self._role = role
        self._directory = directory
        self._parts = parts

    def process(self, numbered: tuple[int, FileRange]) -> Iterator[Any]:
        number, where = numbered
        writer = partition.PartWriter(self._directory, self._parts, where.path)
        try:
            for rows in self._source.read_role(self._role, where):
                prepared = self._source.prepare(self._role, rows)
                for letter in prepared.dead:
                    yield beam.pvalue.TaggedOutput(_LETTERS, letter.to_json())
                yield beam.pvalue.TaggedOutput(_REPORTS, SplitReport.of(prepared.counts, prepared.dead))
                writer.write(prepared.batch, prepared.key, prepared.positions, rows.unit)
        except InputError as error:
            yield beam.pvalue.TaggedOutput(_REPORTS, SplitReport(problems=(str(error),)))
        for part_number, path in writer.close().items():
            yield beam.pvalue.TaggedOutput(_PARTS, (part_number, (self._role, number, path)))
