"""A simulated log in a flat format, and as events."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.impression_example_gen.log_format import CLICKS, CONVERSIONS, IMPRESSIONS, FlatFormat, LogFormat
from pipeline.simulator.impressions import Sessions, impression_rows, ticks
from pipeline.simulator.writers import open_writer

# Most people click, and buy, long before the windows of attribution end.
_LATEST_CLICK_SECONDS = 600
_LATEST_CONVERSION_SECONDS = 24 * 3600


class FlatFiles:
    """One file of labelled impressions, that also have their id and their time.

    Args:
        paths: The file, under `impressions`.
        file_format: Its format.
        features: Names of the features, in the order of the columns.
        log: Names of the other columns.
        key: Further columns that tell impressions apart, by name, as `data.log.duplicates` asks for.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        file_format: FlatFormat,
        features: Sequence[str],
        log: LogFormat,
        key: Mapping[str, pa.DataType],
    ):
        self._writer = open_writer(paths[IMPRESSIONS], file_format, log.list_separator)
        self._features = features
        self._log = log
        self._key = key

    def write(self, sessions: Sessions) -> None:
        batch = impression_rows(sessions, self._features, self._log)
        for name, kind in self._key.items():
            batch = batch.append_column(name, pa.array(sessions.impression_id).cast(kind))
        labels = self._log.labels
        for name, label in ((labels.click, sessions.click), (labels.conversion, sessions.conversion)):
            batch = batch.append_column(name, pa.array(label))
        self._writer.write(batch)

    def close(self) -> None:
        self._writer.close()


class EventFiles:
    """Impressions without labels, their clicks and their conversions, a file each.

    Args:
        paths: The files, under `impressions`, `clicks` and `conversions`.
        features: Names of the features, in the order of the columns.
        log: Names of the other columns, and how late a click or a conversion may come.
        seed: Of how late they come.
    """

    def __init__(self, paths: Mapping[str, Path], features: Sequence[str], log: LogFormat, seed: int):
        self._writers = {role: open_writer(path, log.events.format, log.list_separator) for role, path in paths.items()}
        self._features = features
        self._log = log
        self._seed = seed

    def write(self, sessions: Sessions) -> None:
        events = self._log.events
        # A generator of its own: how late events come must not change what other formats hold.
        random = np.random.default_rng([self._seed, sessions.first, 1])
        latest_click = min(events.click_window_seconds, _LATEST_CLICK_SECONDS)
        latest_conversion = min(events.conversion_window_seconds, _LATEST_CONVERSION_SECONDS)
        clicked_us = sessions.time_us + 1_000_000 * random.integers(1, latest_click, len(sessions.click), endpoint=True)
        converted_us = clicked_us + 1_000_000 * random.integers(
            1, latest_conversion, len(sessions.click), endpoint=True
        )
        self._writers[IMPRESSIONS].write(impression_rows(sessions, self._features, self._log))
        self._write_events(CLICKS, sessions, sessions.click, clicked_us)
        self._write_events(CONVERSIONS, sessions, sessions.conversion, converted_us)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _write_events(self, role: str, sessions: Sessions, happened: np.ndarray, time_us: np.ndarray) -> None:
        events = self._log.events
        chosen = happened == 1
        columns = {
            events.impression_id: pa.array(sessions.impression_id[chosen]),
            events.time: pa.array(ticks(time_us[chosen], events.time_unit)),
        }
        self._writers[role].write(pa.RecordBatch.from_pydict(columns))
