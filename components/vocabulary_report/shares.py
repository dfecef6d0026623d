"""From counts of ids to reports."""

from collections.abc import Mapping, Sequence

import numpy as np

from components.vocabulary_report.collisions import collision_rate
from components.vocabulary_report.counts import IdCounts
from components.vocabulary_report.report import FieldReport
from schema.fields import Field
from schema.layout import Layout


def field_reports(
    fields: Sequence[Field], layouts: Mapping[str, Layout], train: IdCounts, evaluation: IdCounts
) -> tuple[FieldReport, ...]:
    """A report for each embedded field, in their order."""
    return tuple(_report(field, fields, layouts[field.name], train, evaluation) for field in fields)


def _report(
    field: Field, fields: Sequence[Field], layout: Layout, train: IdCounts, evaluation: IdCounts
) -> FieldReport:
    by_id, by_eval_id = train.by_field[field.name], evaluation.by_field[field.name]
    has_vocabulary = field.encoding == "vocabulary"
    return FieldReport(
        field=field.name,
        encoding=field.encoding,
        size=layout.size,
        ids=0 if field.vocabulary else layout.ids,
        missing_share=_share(by_id[0], train.examples),
        oov_share=_share(by_id[1 : layout.first].sum(), by_id[1:].sum()) if has_vocabulary else None,
        eval_coverage=_share(by_eval_id[layout.first :].sum(), by_eval_id[1:].sum()) if has_vocabulary else None,
        dead_share=_dead_share(field, fields, layout, train) if has_vocabulary and not field.vocabulary else None,
        collision_rate=collision_rate(_taken(by_id[1:]), layout.size) if field.encoding == "hash" else None,
    )


def _dead_share(owner: Field, fields: Sequence[Field], layout: Layout, train: IdCounts) -> float | None:
    sharing = [train.by_field[field.name] for field in fields if field.vocabulary_owner == owner.name]
    by_id = np.sum(sharing, axis=0)
    return _share(layout.size - _taken(by_id[layout.first :]), layout.size)


def _taken(by_id: np.ndarray) -> int:
    """Number of ids that come at all."""
    return int(np.count_nonzero(by_id))


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
