"""What a split's report must hold, else the run stops, with a message that says why."""

import pytest

from components.impression_example_gen.accounting import check
from components.impression_example_gen.report import SplitReport, merge
from schema.errors import InputError

GOOD = {"rows_in": 100, "examples": 90, "dead_letters": 3, "dropped": 7, "clicks": 10, "conversions": 2}
LETTERS = ("a.csv, line 7: broken", "b.csv, line 2: broken too")


def report(problems: tuple[str, ...] = (), **changes: int) -> SplitReport:
    return merge([SplitReport(GOOD | changes, problems, LETTERS)])


def checked(found: SplitReport, share: float = 0.03, labelled: bool = True) -> None:
    check("train", found, share, "/dead/7", labelled)


def refused(found: SplitReport, **arguments) -> str:
    with pytest.raises(InputError) as error:
        checked(found, **arguments)
    return str(error.value)


def test_a_good_report_passes():
    checked(report())


# --- Sums.


@pytest.mark.parametrize(
    "changes",
    [{"rows_in": 101}, {"examples": 91}, {"examples": 89}, {"dead_letters": 2}, {"dropped": 0}],
)
def test_rows_should_be_examples_dead_letters_or_dropped(changes):
    found = report(**changes)
    with pytest.raises(RuntimeError) as error:
        checked(found, share=1)
    assert str(error.value) == f"rows of train should be examples, dead letters or dropped. Received: {found.counts}"


EVENTS = {"in": 21, "dead_letters": 1, "joined": 2, "repeated": 3, "late": 4, "early": 5, "orphan": 6}


@pytest.mark.parametrize("kind", ["clicks", "conversions"])
@pytest.mark.parametrize("end", list(EVENTS))
def test_events_should_have_one_end_each(kind, end):
    events = {f"{kind}_{name}": count for name, count in EVENTS.items()}
    checked(report(**events), share=0.5)
    wrong = report(**events | {f"{kind}_{end}": events[f"{kind}_{end}"] + 1})
    with pytest.raises(RuntimeError) as error:
        checked(wrong, share=0.5)
    assert str(error.value) == f"{kind} of train should be joined or be counted as left out. Received: {wrong.counts}"


# --- Dead letters.


@pytest.mark.parametrize(("dead", "rows"), [(1, 100), (7, 100), (29, 100), (57, 100), (58, 100), (3, 7)])
def test_just_at_the_limit_passes_and_one_more_does_not(dead, rows):
    kept = {"rows_in": rows + 1, "dropped": 0}
    checked(report(**kept | {"rows_in": rows}, examples=rows - dead, dead_letters=dead), share=dead / rows)
    refused(report(**kept, examples=rows - dead, dead_letters=dead + 1), share=dead / rows)


@pytest.mark.parametrize(
    ("counts", "received"),
    [
        ({}, "rows should be dead letters (`data.log.max_dead_letter_share`). Received: 3 of 100"),
        (
            {"rows_in": 1_000_000, "examples": 976_493, "dead_letters": 23_500},
            "rows should be dead letters (`data.log.max_dead_letter_share`). Received: 23,500 of 1,000,000",
        ),
        (
            {"dead_letters": 0, "examples": 93, "common_features_in": 40, "common_features_dead_letters": 1},
            "common features should be dead letters (`data.log.max_dead_letter_share`). Received: 1 of 40",
        ),
        (
            {"dead_letters": 0, "examples": 93, "clicks_in": 2, "clicks_joined": 1, "clicks_dead_letters": 1},
            "clicks should be dead letters (`data.log.max_dead_letter_share`). Received: 1 of 2",
        ),
        (
            {"dead_letters": 0, "examples": 93, "conversions_in": 1, "conversions_dead_letters": 1},
            "conversions should be dead letters (`data.log.max_dead_letter_share`). Received: 1 of 1",
        ),
    ],
)
def test_too_many_dead_letters(counts, received):
    assert refused(report(**counts), share=0.0234) == (
        f"split train: at most 2.34% of the {received}, such as a.csv, line 7: broken; "
        "all of them: /dead/7/train-*.jsonl"
    )


def test_no_dead_letter_passes_a_limit_of_0():
    checked(report(dead_letters=0, examples=93), share=0)


# --- What a split must have.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rows_in": 0, "examples": 0, "dropped": 0, "dead_letters": 0},
            "split train should have at least one row. Received: 0 rows",
        ),
        (
            {"examples": 0, "dropped": 97},
            "split train should have at least one row. Received: 100 rows, 97 of them dropped",
        ),
        (
            {"clicks": 0},
            "split train should have at least one click. Received: 90 impressions, 0 clicks, 2 conversions",
        ),
        (
            {"conversions": 0},
            "split train should have at least one conversion. Received: 90 impressions, 10 clicks, 0 conversions",
        ),
    ],
)
def test_a_split_without_rows_clicks_or_conversions(changes, message):
    assert refused(report(**changes)) == message


def test_a_split_without_labels_needs_rows_only():
    none = {"clicks": 0, "conversions": 0}
    checked(report(**none), labelled=False)
    assert "at least one row" in refused(report(**none, examples=0, dropped=97), labelled=False)


def test_a_file_that_can_t_be_read_is_told_before_all_else():
    found = report(("a.gz should be readable", "b.gz should be readable"), rows_in=5, dead_letters=99, clicks=0)
    assert refused(found) == "a.gz should be readable"
