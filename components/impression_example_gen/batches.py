"""From rows as they were read to examples, dead letters and counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from components.impression_example_gen import cast, encode, report, rules
from components.impression_example_gen.columns import Column
from components.impression_example_gen.funnel import apply_funnel
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.report import SplitReport
from components.impression_example_gen.rows import DeadLetter, Rows
from schema import contract


@dataclass(frozen=True)
class Checked:
    """Rows after all rules.

    Attributes:
        columns: The columns in the schema's types, [B] each; labels under the contract's names.
        keep: bool [B], True for rows that become examples.
        dead: Letters of the rows that break a rule, and of the records that came to no row.
        counts: See `SplitReport`.
    """

    columns: dict[str, pa.Array]
    keep: np.ndarray
    dead: list[DeadLetter]
    counts: dict[str, int]


def check_rows(rows: Rows, columns: Sequence[Column], log: LogFormat, labelled: bool) -> Checked:
    """Casts the columns, applies the schema's rules and the funnel's, and counts.

    Args:
        rows: As read; a column that they lack is missing in each of them.
        columns: What to make of them.
        log: Labels and policies.
        labelled: Whether the rows have labels.
    """
    size = len(rows.positions)  # a file may lack all the columns
    reasons = dict(rows.broken)
    arrays: dict[str, pa.Array] = {}
    for column in columns if size else ():
        if column.name in rows.batch.schema.names:
            array, broken = cast.cast(rows.batch[column.name], column, log.list_separator)
        else:
            array, broken = pa.nulls(size, column.arrow_type), {}
        reasons = rules.broken_rows(array, column) | broken | reasons
        arrays[column.name] = array
    dead = np.zeros(size, bool)
    dropped = np.zeros(size, bool)
    counts = dict.fromkeys(report.COUNTS, 0)
    if labelled and size:
        click, conversion = (
            np.asarray(arrays.pop(name).fill_null(-1)) for name in (log.labels.click, log.labels.conversion)
        )
        labelled_well = np.isin(click, (0, 1)) & np.isin(conversion, (0, 1))
        click, conversion = np.where(labelled_well, click, 0), np.where(labelled_well, conversion, 0)
        funnel = apply_funnel(click, conversion, log.conversion_without_click)
        counts[report.CONVERSIONS_WITHOUT_CLICK] = int(funnel.broken.sum())
        if log.conversion_without_click == "error":
            reason = (
                f"a conversion (`{log.labels.conversion}`) should follow a click (`{log.labels.click}`) under "
                f"`data.log.conversion_without_click: error`. Received: a conversion without a click"
            )
            reasons = dict.fromkeys(np.flatnonzero(funnel.broken).tolist(), reason) | reasons
        arrays |= {contract.CLICK: pa.array(click), contract.CONVERSION: pa.array(funnel.conversion)}
        dropped |= funnel.dropped
    dead[list(reasons)] = True
    dropped &= ~dead
    if rows.repeated is not None:
        repeated = rows.repeated & ~dead & ~dropped
        counts[report.DUPLICATES] = int(repeated.sum())
        dropped |= repeated & log.removes_duplicates
    keep = ~dead & ~dropped
    letters = [*rows.dead, *rows.dead_others, *(rows.dead_letter(i, reason) for i, reason in reasons.items())]
    letters.sort(key=lambda letter: letter.number)
    counts[report.ROWS_IN] = size + len(rows.dead)
    counts[report.EXAMPLES] = int(keep.sum())
    counts[report.DEAD_LETTERS] = len(rows.dead) + len(reasons)
    counts[report.DROPPED] = int(dropped.sum())
    if labelled and size:
        counts[report.CLICKS] = int(click[keep].sum())
        counts[report.CONVERSIONS] = int(funnel.conversion[keep].sum())
    return Checked(arrays, keep, letters, counts | dict(rows.counts))


def to_examples(rows: Rows, checked: Checked) -> list[bytes]:
    """Serialized tf.Examples of the rows to keep, with `click` and `conversion` if they are labelled."""
    if not checked.keep.any():
        return []
    batch = pa.RecordBatch.from_pydict(checked.columns)
    common = rows.common
    if not checked.keep.all():
        batch = batch.filter(pa.array(checked.keep))
        common = [rows.common[i] for i in np.flatnonzero(checked.keep).tolist()] if rows.common is not None else None
    examples = encode.encode_examples(batch)
    return examples if common is None else encode.with_features(examples, common)


def report_of(checked: Checked) -> SplitReport:
    """The counts, and the first letters."""
    return SplitReport.of(checked.counts, checked.dead)
