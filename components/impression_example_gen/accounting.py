"""Whether every record is accounted for, and enough of them became examples."""

from collections.abc import Mapping

from components.impression_example_gen import report
from components.impression_example_gen.log_format import CLICKS, COMMON_FEATURES, CONVERSIONS
from components.impression_example_gen.report import SplitReport
from schema.errors import InputError


def check(split: str, found: SplitReport, max_dead_share: float, letters: str, labelled: bool) -> None:
    """Checks a split's report.

    Args:
        split: Its name.
        found: The report.
        max_dead_share: Largest share of dead letters, 0 to 1.
        letters: Directory of the dead letters, for the message.
        labelled: Whether the split must have clicks and conversions.

    Raises:
        InputError: A file can't be read, too many records are dead letters, or the split has no row, no click or no
            conversion.
        RuntimeError: The counts don't add up; a mistake in this program.
    """
    counts = found.counts
    if found.problems:
        raise InputError(found.problems[0])
    if counts[report.ROWS_IN] != sum(counts[n] for n in (report.EXAMPLES, report.DEAD_LETTERS, report.DROPPED)):
        raise RuntimeError(f"rows of {split} should be examples, dead letters or dropped. Received: {counts}")
    for kind in (CLICKS, CONVERSIONS):
        _check_events(split, kind, counts)
    for too_many in dead_letter_problems(found, max_dead_share):
        raise InputError(
            f"split {split}: {too_many}, such as {found.letters[0]}; all of them: {letters}/{split}-*.jsonl"
        )
    if not counts[report.EXAMPLES]:
        left_out = counts[report.DROPPED]
        dropped = f", {left_out} of them dropped" if left_out else ""
        raise InputError(
            f"split {split} should have at least one row. Received: {counts[report.ROWS_IN]} rows{dropped}"
        )
    if labelled:
        clicks, conversions = counts[report.CLICKS], counts[report.CONVERSIONS]
        received = f"Received: {counts[report.EXAMPLES]} impressions, {clicks} clicks, {conversions} conversions"
        for number, what in ((clicks, "click"), (conversions, "conversion")):
            if not number:
                raise InputError(f"split {split} should have at least one {what}. {received}")


def _check_events(split: str, kind: str, counts: Mapping[str, int]) -> None:
    ends = ("dead_letters", "joined", "repeated", "late", "early", "orphan")
    if counts.get(f"{kind}_in", 0) != sum(counts.get(f"{kind}_{end}", 0) for end in ends):
        raise RuntimeError(f"{kind} of {split} should be joined or be counted as left out. Received: {counts}")


def dead_letter_problems(found: SplitReport, max_share: float) -> list[str]:
    """One line for each kind of record with a larger share of dead letters than allowed."""
    kinds = {"rows": (report.ROWS_IN, report.DEAD_LETTERS)}
    kinds |= {k.replace("_", " "): (f"{k}_in", f"{k}_dead_letters") for k in (COMMON_FEATURES, CLICKS, CONVERSIONS)}
    return [
        f"at most {max_share:.2%} of the {what} should be dead letters (`data.log.max_dead_letter_share`). "
        f"Received: {found.counts[dead]:,} of {found.counts[records]:,}"
        for what, (records, dead) in kinds.items()
        if found.counts.get(dead, 0) and found.counts[dead] / found.counts[records] > max_share
    ]
