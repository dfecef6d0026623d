"""What ingestion counts of a split."""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from components.impression_example_gen.rows import DeadLetter

_PROBLEMS_KEPT = 5
_LETTERS_KEPT = 3

# Counts of every split, whatever its format, in the order in which they are shown.
ROWS_IN = "rows_in"
EXAMPLES = "examples"
DEAD_LETTERS = "dead_letters"
DROPPED = "dropped"
DUPLICATES = "duplicates"
CONVERSIONS_WITHOUT_CLICK = "conversions_without_click"
CLICKS = "clicks"
CONVERSIONS = "conversions"
COUNTS = (ROWS_IN, EXAMPLES, DEAD_LETTERS, DROPPED, DUPLICATES, CONVERSIONS_WITHOUT_CLICK, CLICKS, CONVERSIONS)


@dataclasses.dataclass(frozen=True)
class SplitReport:
    """Rows of one split, or of a part of it.

    Attributes:
        counts: By name. Of every split: `rows_in`, rows read; `examples`, written; `dead_letters`; `dropped` by policy
            (conversions without a click, removed duplicates); `duplicates`, rows that repeat an earlier one, removed
            or not; `conversions_without_click`, whatever was done with them; `clicks` and `conversions` of the
            examples. Always rows_in = examples + dead_letters + dropped. Formats of several kinds of files add
            theirs, see the readers.
        problems: One line for each file that can't be read on, at most 5.
        letters: The first dead letters, in one line each, at most 3.
    """

    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    problems: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()

    @classmethod
    def of(cls, counts: Mapping[str, int], dead: Sequence[DeadLetter]) -> "SplitReport":
        """Of a part of the split, with the first of its dead letters."""
        return cls(counts, letters=tuple(str(letter) for letter in dead[:_LETTERS_KEPT]))

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SplitReport":
        values = json.loads(text)
        return cls(values["counts"], tuple(values["problems"]), tuple(values["letters"]))


def merge(reports: Iterable[SplitReport]) -> SplitReport:
    """Sums of the counts; the problems and letters that sort first."""
    counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
    problems: set[str] = set()
    letters: set[str] = set()
    for report in reports:
        counts.update(report.counts)
        problems = set(sorted(problems.union(report.problems))[:_PROBLEMS_KEPT])
        letters = set(sorted(letters.union(report.letters), key=_by_number)[:_LETTERS_KEPT])
    return SplitReport(dict(counts), tuple(sorted(problems)), tuple(sorted(letters, key=_by_number)))


def _by_number(letter: str) -> list[tuple[int, str]]:
    """So that line 9 comes before line 10."""
    parts = re.split("([0-9]+)", letter)  # text and digits in turns
    return [(len(part) if i % 2 else -1, part) for i, part in enumerate(parts)]
