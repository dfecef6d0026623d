"""The funnel rule by hand, and on all labels of the real log."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.impression_example_gen import funnel

LOG = Path(__file__).parents[3] / "data" / "kuairand"

# Every pair of labels once, a broken row (click 0, conversion 1) at 2, and again at 4.
CLICK = [0, 1, 0, 1, 0]
CONVERSION = [0, 0, 1, 1, 1]
POLICIES = ["drop", "as_no_conversion", "error"]


def apply(click: list[int], conversion: list[int], policy: str) -> funnel.Funnel:
    return funnel.apply_funnel(np.array(click, np.int64), np.array(conversion, np.int64), policy)


@pytest.mark.parametrize("policy", POLICIES)
def test_policies(policy):
    result = apply(CLICK, CONVERSION, policy)
    assert result.broken.tolist() == [False, False, True, False, True]
    assert result.dropped.tolist() == (result.broken.tolist() if policy == "drop" else [False] * 5)
    assert result.conversion.tolist() == [0, 0, 0, 1, 0]
    assert (result.conversion.dtype, result.dropped.dtype, result.broken.dtype) == (np.int64, bool, bool)


@pytest.mark.parametrize("policy", POLICIES)
def test_rows_that_keep_the_rule_are_left_alone(policy):
    result = apply([1, 0, 1], [1, 0, 0], policy)
    assert result.conversion.tolist() == [1, 0, 0]
    assert not result.dropped.any()
    assert not result.broken.any()


@pytest.mark.parametrize("policy", POLICIES)
def test_no_rows(policy):
    result = apply([], [], policy)
    assert (len(result.conversion), len(result.dropped), len(result.broken)) == (0, 0, 0)


def test_the_real_log_by_its_known_counts():
    """198,895 impressions, 87,752 clicks, 3,402 likes of which 605 without a click: data/README.md."""
    files = sorted(LOG.glob("*.parquet"))
    assert len(files) == 12
    table = pa.concat_tables(pq.read_table(f, columns=["is_click", "is_like"]) for f in files)
    click, like = (table[name].to_numpy().astype(np.int64) for name in ("is_click", "is_like"))
    kept = funnel.apply_funnel(click, like, "as_no_conversion")
    assert (len(click), click.sum(), like.sum()) == (198_895, 87_752, 3_402)
    assert (kept.broken.sum(), kept.conversion.sum(), kept.dropped.sum()) == (605, 2_797, 0)
    assert funnel.apply_funnel(click, like, "drop").dropped.sum() == 605
