"""Reports of parts of a split add up, in whatever order Beam merges them."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from components.impression_example_gen.report import SplitReport, merge

COUNTS = ("rows_in", "examples", "dropped", "bad_rows", "conversions_without_click", "clicks", "conversions")

reports = st.builds(
    SplitReport,
    **{name: st.integers(0, 10**12) for name in COUNTS},
    problems=st.lists(st.text(max_size=3), max_size=5, unique=True).map(lambda p: tuple(sorted(p))),
)


def test_counts_are_the_numbers_by_name():
    report = SplitReport(7, 4, 2, 1, 3, 5, 6, ("x",))
    assert report.counts == dict(zip(COUNTS, (7, 4, 2, 1, 3, 5, 6), strict=True))


def test_json_keeps_everything():
    report = SplitReport(7, 4, 2, 1, 3, 5, 6, ("a, row 1: “é”", "b"))
    assert SplitReport.from_json(report.to_json()) == report
    assert json.loads(report.to_json()) == {**report.counts, "problems": ["a, row 1: “é”", "b"]}
    assert "\n" not in SplitReport(problems=("two\nlines",)).to_json()


def test_merge_of_nothing_is_zero():
    assert merge([]) == SplitReport()
    assert set(merge([]).counts.values()) == {0}


def test_merge_adds_each_count():
    assert merge([SplitReport(1, 2, 3, 4, 5, 6, 7), SplitReport(10, 20, 30, 40, 50, 60, 70)]) == SplitReport(
        11, 22, 33, 44, 55, 66, 77
    )


def test_merge_keeps_the_five_problems_that_sort_first_once_each():
    parts = [SplitReport(problems=(p,)) for p in "gcbfaaed"]
    assert merge(parts).problems == ("a", "b", "c", "d", "e")


@settings(max_examples=100, deadline=None)
@given(st.lists(reports, max_size=6), st.integers(0, 6), st.randoms())
def test_merge_is_associative_and_commutative(parts, cut, random):
    whole = merge(parts)
    assert merge([merge(parts[:cut]), merge(parts[cut:])]) == whole
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert merge(shuffled) == whole
    assert SplitReport.from_json(whole.to_json()) == whole
