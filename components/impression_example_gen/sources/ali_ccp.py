"""The raw Ali-CCP release, joined.

Counts beside those of every split: `common_features_in`, rows of the common features; `common_features_dead_letters`,
of them; `common_features_repeated`, with the index of an earlier row, which stands; `common_features_unused`, which no
impression asks for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.impression_example_gen import encode, partition, report
from components.impression_example_gen.batches import check_rows
from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import COMMON_FEATURES, SKELETON, LogFormat
from components.impression_example_gen.readers import ali_ccp
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.readers.opening import open_file, told_as_input_error
from components.impression_example_gen.rows import Rows
from components.impression_example_gen.sources import parting
from components.impression_example_gen.sources.source import SplitFiles, Tasks

_IN = "common_features_in"
_DEAD = "common_features_dead_letters"
_REPEATED = "common_features_repeated"
_UNUSED = "common_features_unused"


class AliCcpSource:
    """Task: the paths of a part, by role.

    Attributes:
        row_columns: Columns that stand in a row of their own; the others come serialized, as `Rows.common`.
    """

    def __init__(self, log: LogFormat, columns: Sequence[Column]):
        self._log = log
        labels = (log.labels.click, log.labels.conversion)
        self._common = tuple(column for column in columns if ali_ccp.is_common(column))
        self.row_columns = tuple(column for column in columns if not ali_ccp.is_common(column))
        self._own = tuple(column for column in self.row_columns if column.name not in labels)
        self._names: Mapping[str, list[str]] = {
            SKELETON: ali_ccp.skeleton_names(*labels),
            COMMON_FEATURES: ali_ccp.COMMON_NAMES,
        }

    def check(self, files: SplitFiles) -> None:
        for of_role in files.values():
            for file in of_role:
                with told_as_input_error(file.path), open_file(file.path) as opened:
                    opened.read(1)

    def tasks(self, pipeline: beam.Pipeline, files: SplitFiles, directory: str) -> Tasks:
        return parting.part(self, pipeline, files, True, directory)

    def read_role(self, role: str, where: FileRange) -> Iterator[Rows]:
        """See `parting.Parted`."""
        return ali_ccp.read_cells(where, self._names[role], self._log.max_record_bytes)

    def prepare(self, role: str, rows: Rows) -> parting.Prepared:
        """See `parting.Parted`. Rows of the skeleton are counted when they are joined."""
        dead = len(rows.dead)
        counts = (
            {report.ROWS_IN: dead, report.DEAD_LETTERS: dead}
            if role == SKELETON
            else {_IN: dead + rows.batch.num_rows, _DEAD: dead}
        )
        key = rows.batch[ali_ccp.INDEX] if rows.batch.num_rows else pa.array([], pa.binary())
        return parting.Prepared(rows.batch, key, rows.positions, list(rows.dead), counts)

    def read(self, task: Mapping[str, list[str]]) -> Iterator[Rows]:
        """Joins the impressions of a part with their common features. See `Source`."""
        common: dict[bytes, bytes] = {}
        dead: set[bytes] = set()
        for path in task.get(COMMON_FEATURES, ()):
            for part in partition.read_part(path):
                yield self._read_common(part, common, dead)
        used: set[bytes] = set()
        for path in task.get(SKELETON, ()):
            for part in partition.read_part(path):
                indices = part.batch[ali_ccp.INDEX].to_pylist()
                used.update(indices)
                yield self._read_skeleton(part, indices, common, dead)
        yield Rows.none("", counts={_UNUSED: len(common.keys() - used)})

    def _read_common(self, part: partition.PartBatch, common: dict[bytes, bytes], dead: set[bytes]) -> Rows:
        """Adds the serialized features of each row to `common`, the indices of dead ones to `dead`."""
        rows = self._rows(part, COMMON_FEATURES, self._common, {})
        checked = check_rows(rows, self._common, self._log, labelled=False)
        kept = np.flatnonzero(checked.keep)
        serialized = [b""] * len(kept)
        if self._common:
            serialized = encode.encode_features(pa.RecordBatch.from_pydict(checked.columns).take(pa.array(kept)))
        indices = part.batch[ali_ccp.INDEX].to_pylist()
        repeated = 0
        for i, features in zip(kept.tolist(), serialized, strict=True):
            repeated += indices[i] in common
            common.setdefault(indices[i], features)
        dead.update(indices[i] for i in np.flatnonzero(~checked.keep))
        counts = {_DEAD: len(checked.dead), _REPEATED: repeated}
        return Rows.none(part.source, dead_others=checked.dead, counts=counts)

    def _read_skeleton(
        self, part: partition.PartBatch, indices: Sequence[bytes], common: Mapping[bytes, bytes], dead: set[bytes]
    ) -> Rows:
        sample_id_and_labels = {name: part.batch[name] for name in self._names[SKELETON][:3]}
        rows = self._rows(part, SKELETON, self._own, sample_id_and_labels)
        broken = dict(rows.broken)
        for i, index in enumerate(indices):
            if index not in common:
                came = "one that is a dead letter" if index in dead else "one that they lack"
                broken[i] = (
                    f"column `{ali_ccp.INDEX}` should be one of the common features'. "
                    f"Received: {index.decode()}, {came}"
                )
        return replace(rows, broken=broken, common=[common.get(index, b"") for index in indices])

    def _rows(
        self, part: partition.PartBatch, role: str, columns: Sequence[Column], more: Mapping[str, pa.Array]
    ) -> Rows:
        made, broken = ali_ccp.take_features_apart(part.batch, columns, self._log.max_values)
        raw = ali_ccp.raw_lines(part.batch, self._names[role])
        batch = pa.RecordBatch.from_pydict({**more, **made})
        return Rows(batch, part.source, part.unit, part.positions, raw, broken=broken)
