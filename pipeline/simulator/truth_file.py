"""The file that a simulation leaves its truth in, apart from the log."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from components.impression_example_gen.log_format import LogFormat
from pipeline.simulator.impressions import impression_rows
from pipeline.simulator.truth import Labelled
from pipeline.simulator.writers import open_writer
from schema import contract
from schema.errors import InputError

TRUE_PCTR = "true_pctr"
TRUE_PCVR = "true_pcvr"


class TruthFile:
    """A Parquet file with a row for each impression: the features as in the log, labels and true probabilities.

    It has its name once it is whole, at the end of the `with` block.

    Args:
        path: Its name.
        features: Names of the features, in the order of the columns; lists hold as many values as in the log.
        log: How many these are.

    Raises:
        InputError: The name does not end in .parquet, there is such a file, it can't be written, or a feature is called
            as one of its other columns.
    """

    def __init__(self, path: Path, features: Sequence[str], log: LogFormat):
        if path.suffix != ".parquet":
            raise InputError(f"--truth should be a .parquet file. Received: {path}")
        if path.exists():
            raise InputError(f"--truth should be a file that is not there; it is not overwritten. Received: {path}")
        for name in (contract.CLICK, contract.CONVERSION, TRUE_PCTR, TRUE_PCVR):
            if name in features:
                raise InputError(
                    f"--truth should come with a schema that has no feature of its columns. Received: {name}"
                )
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.unfinished")
        self._features = list(features)
        self._log = log

    def __enter__(self) -> Self:
        with self._errors_told():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._unfinished.touch()
        self._writer = open_writer(self._unfinished, "parquet", self._log.list_separator)
        return self

    def write(self, labelled: Labelled) -> None:
        """Appends impressions."""
        sessions = labelled.sessions
        rows = impression_rows(sessions, self._features, self._log).select(self._features)
        for name, column in (
            (contract.CLICK, sessions.click),
            (contract.CONVERSION, sessions.conversion),
            (TRUE_PCTR, labelled.pctr),
            (TRUE_PCVR, labelled.pcvr),
        ):
            rows = rows.append_column(name, pa.array(column))
        with self._errors_told():
            self._writer.write(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._errors_told():
                self._writer.close()
                if kind is None:
                    self._unfinished.rename(self._path)
        finally:
            with contextlib.suppress(OSError):
                self._unfinished.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"--truth should be a file to write. Received: {self._path}: {error.strerror or error}"
            ) from None
