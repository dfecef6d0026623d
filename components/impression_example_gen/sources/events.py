"""Impressions, clicks and conversions as separate files, joined by impression id within attribution windows.

Counts beside those of every split, for clicks and for conversions alike: `<kind>_in`, events read;
`<kind>_dead_letters`; `<kind>_joined`, the first that counts for its impression; `<kind>_repeated`, further ones;
`<kind>_late`, after the window; `<kind>_early`, before their impression or click; `<kind>_orphan`, without an
impression.
"""

from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen import partition, report
from components.impression_example_gen.batches import check_rows
from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import CLICKS, CONVERSIONS, IMPRESSIONS, LogFormat
from components.impression_example_gen.readers import flat
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.rows import Rows
from components.impression_example_gen.sources import parting
from components.impression_example_gen.sources.source import SplitFiles, Tasks

# Column of a part: the rows as they stood in their file.
_RAW = "__raw__"
_UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}


class EventSource:
    """Task: the paths of a part, by role."""

    def __init__(self, log: LogFormat, columns: Sequence[Column], id_column: Column, time_column: Column):
        """Args:
        log: Formats and windows.
        columns: Of the examples, the labels among them.
        id_column: The impression's id.
        time_column: The event's time.
        """
        self._log = log
        self._id = id_column
        self._time = time_column
        key = (id_column, time_column)
        labels = (log.labels.click, log.labels.conversion, *(column.name for column in key))
        self._columns: Mapping[str, tuple[Column, ...]] = {
            IMPRESSIONS: (*(column for column in columns if column.name not in labels), *key),
            CLICKS: key,
            CONVERSIONS: key,
        }

    def check(self, files: SplitFiles) -> None:
        for role, of_role in files.items():
            for file in of_role:
                flat.check_flat(file.path, self._log.events.format, self._log, self._columns[role])

    def tasks(self, pipeline: beam.Pipeline, files: SplitFiles, directory: str) -> Tasks:
        return parting.part(self, pipeline, files, self._log.events.format in flat.TEXT, directory)

    def read_role(self, role: str, where: FileRange) -> Iterator[Rows]:
        """See `parting.Parted`."""
        return flat.read_flat(where, self._log.events.format, self._log, self._columns[role])

    def prepare(self, role: str, rows: Rows) -> parting.Prepared:
        """See `parting.Parted`. Rows that break a rule of the schema go no further."""
        checked = check_rows(rows, self._columns[role], self._log, labelled=False)
        dead = len(checked.dead)
        counts = (
            {report.ROWS_IN: dead, report.DEAD_LETTERS: dead}
            if role == IMPRESSIONS
            else {f"{role}_in": len(checked.keep) + len(rows.dead), f"{role}_dead_letters": dead}
        )
        columns = checked.columns
        if rows.raw is not None and self._log.conversion_without_click == "error":
            columns[_RAW] = rows.raw  # what is told of only after the join
        kept = pa.RecordBatch.from_pydict(columns).filter(pa.array(checked.keep))
        key = kept[self._id.name] if kept.num_columns else pa.array([], pa.int64())
        return parting.Prepared(kept, key, rows.positions[checked.keep], checked.dead, counts)

    def read(self, task: Mapping[str, list[str]]) -> Iterator[Rows]:
        """Joins the impressions of a part with their clicks and conversions. See `Source`."""
        ids, times = self._read_keys(task.get(IMPRESSIONS, ()))
        impressions = pd.Index(ids).drop_duplicates()
        which = impressions.get_indexer(ids)
        _, first = np.unique(which, return_index=True)
        since = times[first]  # of each impression that is told apart
        windows = self._log.events
        unit = _UNITS_PER_SECOND[windows.time_unit]
        clicks = self._read_keys(task.get(CLICKS, ()))
        clicked, counts = _attribute(impressions, since, *clicks, windows.click_window_seconds * unit, CLICKS)
        since = since + np.maximum(clicked, 0)
        conversions = self._read_keys(task.get(CONVERSIONS, ()))
        converted, more = _attribute(
            impressions, since, *conversions, windows.conversion_window_seconds * unit, CONVERSIONS
        )
        yield Rows.none("", counts=counts | more)
        begin = 0
        for path in task.get(IMPRESSIONS, ()):
            for part in partition.read_part(path):
                end = begin + part.batch.num_rows
                of_batch = which[begin:end]
                again = first[of_batch] != np.arange(begin, end)
                yield self._labelled(part, clicked[of_batch] >= 0, converted[of_batch] >= 0, again)
                begin = end

    def _read_keys(self, paths: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids, [N] int64 or objects, and times, int64 [N]."""
        parts = [part.batch for path in paths for part in partition.read_part(path)]
        kind = np.int64 if self._id.type == schema_pb2.INT else object
        ids = [batch[self._id.name].to_numpy(zero_copy_only=False) for batch in parts]
        times = [batch[self._time.name].to_numpy(zero_copy_only=False) for batch in parts]
        return np.concatenate([np.zeros(0, kind), *ids]), np.concatenate([np.zeros(0, np.int64), *times])

    def _labelled(
        self, part: partition.PartBatch, click: np.ndarray, conversion: np.ndarray, again: np.ndarray
    ) -> Rows:
        columns = dict(zip(part.batch.schema.names, part.batch.columns, strict=True))
        columns |= {
            self._log.labels.click: pa.array(click.astype(np.int64)),
            self._log.labels.conversion: pa.array(conversion.astype(np.int64)),
        }
        raw = columns.pop(_RAW, None)
        batch = pa.RecordBatch.from_pydict(columns)
        return Rows(batch, part.source, part.unit, part.positions, raw, repeated=again)


def _attribute(
    impressions: pd.Index, since: np.ndarray, ids: np.ndarray, times: np.ndarray, window: int, kind: str
) -> tuple[np.ndarray, dict[str, int]]:
    """Finds the first event of each impression that counts.

    Args:
        impressions: Ids, [N], each once.
        since: int64 [N], the time from which the window runs.
        ids: Of the events, [E].
        times: int64 [E].
        window: Length, in the unit of the times.
        kind: Of the events, for the counts' names.

    Returns:
        int64 [N], the time from `since` to the event, -1 where there is none; and the counts.
    """
    which = impressions.get_indexer(ids)
    known = which >= 0
    passed = np.where(known, times - since[which] if len(since) else 0, 0)
    early, late = known & (passed < 0), known & (passed > window)
    counts_for = known & ~early & ~late
    never = np.iinfo(np.int64).max
    first = np.full(len(impressions), never)
    np.minimum.at(first, which[counts_for], passed[counts_for])
    joined = int((first != never).sum())
    counts = {
        "joined": joined,
        "repeated": int(counts_for.sum()) - joined,
        "late": int(late.sum()),
        "early": int(early.sum()),
        "orphan": int((~known).sum()),
    }
    return np.where(first == never, -1, first), {f"{kind}_{name}": count for name, count in counts.items()}
