import math
import statistics

import numpy as np
import pytest

from pipeline.compare.bootstrap import DRAWS
from pipeline.compare.results import differences, spreads
from pipeline.compare.runs import Result


def result(auc: float) -> Result:
    return Result(1.0, {"ctr_auc_all": auc}, {"ctr_auc_all": [auc + number / 1000 for number in range(DRAWS)]})


RESULTS = {
    ("base", 1): result(0.5),
    ("esmm", 1): result(0.7),
    ("aman", 2): result(0.9),
    ("base", 3): result(0.6),
    ("esmm", 3): result(0.9),
    ("esmm", 4): result(0.2),
}


def test_mean_and_standard_deviation_over_a_models_seeds():
    found = spreads(RESULTS)
    assert list(found) == ["base", "esmm", "aman"]
    esmm = found["esmm"]["ctr_auc_all"]
    assert esmm.mean == pytest.approx(0.6)
    assert esmm.std == pytest.approx(statistics.stdev([0.7, 0.9, 0.2]))
    assert math.isnan(found["aman"]["ctr_auc_all"].std)


def test_the_interval_of_one_seed_is_that_of_its_draws():
    aman = spreads(RESULTS)["aman"]["ctr_auc_all"]
    assert [aman.low, aman.high] == pytest.approx(np.percentile(RESULTS["aman", 2].draws["ctr_auc_all"], [2.5, 97.5]))


def test_differences_are_over_the_seeds_that_both_have():
    found = differences(RESULTS)
    assert set(found) == {"esmm"}
    difference = found["esmm"]["ctr_auc_all"]
    assert difference.by_seed == pytest.approx({1: 0.2, 3: 0.3})
    assert difference.mean == pytest.approx(0.25)
    # All draws of a seed differ by as much: what is left is which seeds are drawn.
    assert (difference.low, difference.high) == pytest.approx((0.2, 0.3))


def test_without_base_there_are_none():
    assert differences({("esmm", 1): result(0.7)}) == {}
