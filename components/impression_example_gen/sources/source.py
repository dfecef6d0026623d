"""What all sources have in common."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.io.filesystem import FileMetadata

from components.impression_example_gen.rows import Rows

SplitFiles = Mapping[str, Sequence[FileMetadata]]


@dataclass(frozen=True)
class Tasks:
    """Work on a split, for Beam to share out.

    Attributes:
        tasks: (number of the task, what `Source.read` takes).
        reports: `SplitReport`s of rows that were dealt with before; empty for sources without such a step.
        letters: Dead letters of these, in JSON.
    """

    tasks: beam.PCollection
    reports: Sequence[beam.PCollection] = ()
    letters: Sequence[beam.PCollection] = ()


class Source(Protocol):
    """A kind of log."""

    def check(self, files: SplitFiles) -> None:
        """Checks what can be known of the files without reading them.

        Raises:
            InputError: The message names the file.
        """

    def tasks(self, pipeline: beam.Pipeline, files: SplitFiles, directory: str) -> Tasks:
        """Makes the tasks; `directory` is for files that are in use only meanwhile."""

    def read(self, task: Any) -> Iterator[Rows]:
        """Yields the rows of a task.

        Raises:
            InputError: A file can't be read to its end.
        """
