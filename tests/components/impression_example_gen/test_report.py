"""Reports of parts of a split add up, in whatever order Beam merges them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.impression_example_gen import report
from components.impression_example_gen.report import COUNTS, SplitReport, merge

few = st.lists(st.text(max_size=3), max_size=5, unique=True)
reports = st.builds(
    SplitReport,
    counts=st.dictionaries(st.sampled_from([*COUNTS, "clicks_in", "clicks_late"]), st.integers(0, 10**12)),
    problems=few.map(lambda lines: tuple(sorted(lines))),
    letters=few.map(lambda lines: tuple(sorted(lines)[:3])),
)


def test_names_of_the_counts_in_the_order_in_which_they_are_shown():
    assert COUNTS == (
        "rows_in",
        "examples",
        "dead_letters",
        "dropped",
        "duplicates",
        "conversions_without_click",
        "clicks",
        "conversions",
    )
    assert COUNTS[:4] == (report.ROWS_IN, report.EXAMPLES, report.DEAD_LETTERS, report.DROPPED)


def test_json_keeps_everything():
    one = SplitReport({"rows_in": 7, "clicks_in": 2}, ("a, row 1: “é”", "b"), ("letter",))
    assert SplitReport.from_json(one.to_json()) == one
    assert json.loads(one.to_json()) == {
        "counts": {"rows_in": 7, "clicks_in": 2},
        "problems": ["a, row 1: “é”", "b"],
        "letters": ["letter"],
    }
    assert "\n" not in SplitReport(problems=("two\nlines",)).to_json()


def test_json_takes_what_a_log_holds():
    one = SplitReport(letters=("\ud800 \0 \u2028",))
    assert one.to_json().isascii()
    assert SplitReport.from_json(one.to_json()) == one


def test_merge_of_nothing_has_all_counts_at_zero():
    assert merge([]) == SplitReport(dict.fromkeys(COUNTS, 0))


def test_merge_adds_each_count_also_those_that_only_some_have():
    merged = merge([SplitReport({"rows_in": 1, "clicks_in": 5}), SplitReport({"rows_in": 10, "clicks_late": 0})])
    assert merged.counts == dict.fromkeys(COUNTS, 0) | {"rows_in": 11, "clicks_in": 5, "clicks_late": 0}


def test_merge_keeps_the_problems_and_letters_that_sort_first_once_each():
    merged = merge([SplitReport(problems=(line,), letters=(line,)) for line in "gcbfaaed"])
    assert merged.problems == ("a", "b", "c", "d", "e")
    assert merged.letters == ("a", "b", "c")


def test_letters_are_kept_by_their_numbers():
    letters = tuple(f"log.csv, line {i}: why" for i in (10, 9, 100, 2))
    assert merge([SplitReport(letters=letters[:3]), SplitReport(letters=letters[3:])]).letters == (
        "log.csv, line 2: why",
        "log.csv, line 9: why",
        "log.csv, line 10: why",
    )


@pytest.mark.parametrize("text", ["5²3", "²", "1①2", "٣", "1" * 80, "9" * 5_000])
def test_letters_with_digits_of_every_kind(text):
    letters = (f"a, line 1: Received: {text}", f"a, line 2: Received: {text}")
    assert merge([SplitReport(letters=letters[1:]), SplitReport(letters=(letters[0],))]).letters == letters


@settings(max_examples=100, deadline=None)
@given(st.lists(reports, max_size=6), st.integers(0, 6), st.randoms())
def test_merge_is_associative_and_commutative(parts, cut, random):
    whole = merge(parts)
    assert merge([merge(parts[:cut]), merge(parts[cut:])]) == whole
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert merge(shuffled) == whole
    assert SplitReport.from_json(whole.to_json()) == whole
    assert whole.counts["examples"] == sum(part.counts.get("examples", 0) for part in parts)
