"""The funnel rule by hand, and on all labels of the real log."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.impression_example_gen import funnel

LOG = Path(__file__).parents[3] / "data" / "kuairand"

# Every pair of labels once, a broken row (click 0, conversion 1) at 2, and again at 4.
CLICK = [0, 1, 0, 1, 0]
CONVERSION = [0, 0, 1, 1, 1]


def apply(click: list[int], conversion: list[int], policy: str) -> funnel.Funnel:
    return funnel.apply_funnel(pa.array(click, pa.int64()), pa.array(conversion, pa.int64()), policy)


@pytest.mark.parametrize(
    ("policy", "keep"),
    [
        ("drop", [True, True, False, True, False]),
        ("as_no_conversion", [True] * 5),
        ("error", [True] * 5),
    ],
)
def test_policies(policy, keep):
    result = apply(CLICK, CONVERSION, policy)
    assert result.keep.to_pylist() == keep
    assert result.click.to_pylist() == CLICK
    assert result.conversion.to_pylist() == [0, 0, 0, 1, 0]
    assert (result.click.type, result.conversion.type) == (pa.int64(), pa.int64())
    assert (result.without_click, result.first_without_click) == (2, 2)


@pytest.mark.parametrize("policy", ["drop", "as_no_conversion", "error"])
def test_rows_that_keep_the_rule_are_left_alone(policy):
    result = apply([1, 0, 1], [1, 0, 0], policy)
    assert result.keep.to_pylist() == [True, True, True]
    assert result.conversion.to_pylist() == [1, 0, 0]
    assert (result.without_click, result.first_without_click) == (0, -1)


@pytest.mark.parametrize("policy", ["drop", "as_no_conversion", "error"])
def test_no_rows(policy):
    result = apply([], [], policy)
    assert (len(result.keep), len(result.click), len(result.conversion)) == (0, 0, 0)
    assert (result.keep.type, result.conversion.type) == (pa.bool_(), pa.int64())
    assert (result.without_click, result.first_without_click) == (0, -1)


@pytest.mark.parametrize(
    ("labels", "first"),
    [
        ([], -1),
        ([0, 1, 1, 0], -1),
        ([2], 0),
        ([0, 1, 2, -1], 2),
        ([0, -1, 2], 1),
        ([1, 0, None, 2], 2),
        ([None, None], 0),
        ([0, 1, 2**62], 2),
    ],
)
def test_first_invalid_label(labels, first):
    assert funnel.first_invalid_label(pa.array(labels, pa.int64())) == first


def test_first_invalid_label_of_a_slice_counts_from_the_slice():
    assert funnel.first_invalid_label(pa.array([2, 0, 1, 7]).slice(1)) == 2


def test_the_real_log_by_its_known_counts():
    """198,895 impressions, 87,752 clicks, 3,402 likes of which 605 without a click: data/README.md."""
    files = sorted(LOG.glob("*.parquet"))
    assert len(files) == 12
    table = pa.concat_tables(pq.read_table(f, columns=["is_click", "is_like"]) for f in files).combine_chunks()
    click, like = table["is_click"].chunk(0), table["is_like"].chunk(0)
    assert funnel.first_invalid_label(click) == funnel.first_invalid_label(like) == -1
    kept = funnel.apply_funnel(click, like, "as_no_conversion")
    assert (len(click), sum(click.to_pylist()), sum(like.to_pylist())) == (198_895, 87_752, 3_402)
    assert (kept.without_click, sum(kept.conversion.to_pylist())) == (605, 2_797)
    dropped = funnel.apply_funnel(click, like, "drop")
    assert dropped.keep.to_pylist().count(False) == 605
