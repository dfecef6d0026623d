"""What ingestion counts of a split."""

import dataclasses
import json
from collections.abc import Iterable

_PROBLEMS_KEPT = 5


@dataclasses.dataclass(frozen=True)
class SplitReport:
    """Rows of one split, or of a part of it.

    Always: `rows_in` = `examples` + `dropped` + `bad_rows`.

    Attributes:
        rows_in: Rows read.
        examples: Examples written.
        dropped: Rows left out by `conversion_without_click: drop`.
        bad_rows: Rows of batches with a label that is neither 0 nor 1, or that break `conversion_without_click: error`.
        conversions_without_click: Rows that came with a conversion but no click, whatever was done with them.
        clicks: Examples with a click.
        conversions: Examples with a conversion.
        problems: One line for each bad file, at most 5.
    """

    rows_in: int = 0
    examples: int = 0
    dropped: int = 0
    bad_rows: int = 0
    conversions_without_click: int = 0
    clicks: int = 0
    conversions: int = 0
    problems: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """The numbers, by name."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k != "problems"}

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SplitReport":
        values = json.loads(text)
        return cls(**{**values, "problems": tuple(values["problems"])})


def merge(reports: Iterable[SplitReport]) -> SplitReport:
    """Sums of the counts; the problems that sort first."""
    total = SplitReport()
    for report in reports:
        counts = {name: count + report.counts[name] for name, count in total.counts.items()}
        problems = tuple(sorted({*total.problems, *report.problems})[:_PROBLEMS_KEPT])
        total = SplitReport(**counts, problems=problems)
    return total
