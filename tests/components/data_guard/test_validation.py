"""Lines about statistics: against the schema, the data accepted last, and what clients send."""

import pytest
import tensorflow_data_validation as tfdv

from components.data_guard import validation
from schema import load

DRIFT = (
    "{split} and the last accepted {split}, page: The Linfty distance between current and previous is {distance} (up "
    "to six significant digits), above the threshold 0.1. The feature value with maximum difference is: 0; if the "
    "change is meant, raise the feature's drift_comparator in the schema"
)
SKEW = (
    "train and serving, page: The Linfty distance between training and serving is {distance} (up to six significant "
    "digits), above the threshold 0.2. The feature value with maximum difference is: 0; if the change is meant, raise "
    "the feature's skew_comparator in the schema"
)
LABELS = {"click", "conversion"}


@pytest.fixture
def problems(describe, schema):
    """Lines for columns of train and eval, of the last accepted ones, and of the serving sample."""
    used = load.project(schema, [feature.name for feature in schema.feature if feature.name != "unused"])

    def of(train, evaluation, last=(), serving=None) -> list[str]:
        statistics = {"train": describe(train), "eval": describe(evaluation)}
        anomalies = {split: tfdv.validate_statistics(stats, used) for split, stats in statistics.items()}
        last_accepted = dict(zip(("train", "eval"), map(describe, last), strict=False))
        if serving is not None:
            statistics["serving"] = describe(serving)
        return validation.problems(used, anomalies, statistics, last_accepted)

    return of


def distance(columns, others) -> float:
    share = [rows["page"].count(0) / len(rows["page"]) for rows in (columns, others)]
    return abs(share[0] - share[1])


def figure(line: str) -> float:
    return float(line.split(" is ")[1].split(" ")[0])


def without_labels(columns):
    return {name: rows for name, rows in columns.items() if name not in LABELS}


def test_data_as_it_should_be(problems, shop):
    splits = [shop(seed=seed) for seed in (1, 2, 3, 4)]
    assert problems(*splits[:2], last=splits[2:], serving=without_labels(shop(seed=5))) == []


def test_anomalies_of_both_splits(problems, shop):
    train, evaluation = shop(seed=1), shop(seed=2)
    train["page"][7] = 9
    evaluation["click"][0] = None
    assert problems(train, evaluation) == [
        "train, page: Unexpectedly large value: 9.",
        "eval, click: The feature was present in fewer examples than expected: minimum fraction = 1.000000, "
        "actual = 0.999000",
    ]


def test_drift_of_a_category(problems, shop):
    drifted, last = shop(seed=1, pages=(0.1, 0.5, 0.3, 0.1)), (shop(seed=3), shop(seed=4))
    (line,) = problems(drifted, shop(seed=2), last=last)
    assert figure(line) == pytest.approx(distance(drifted, last[0]), rel=1e-5)
    assert line == DRIFT.format(split="train", distance=f"{figure(line):.6g}")
    (line,) = problems(shop(seed=2), drifted, last=last)
    assert figure(line) == pytest.approx(distance(drifted, last[1]), rel=1e-5)
    assert line == DRIFT.format(split="eval", distance=f"{figure(line):.6g}")


def test_drift_of_a_number(problems, shop):
    drifted = shop(seed=1)
    drifted["price"] = [value and value**3 for value in drifted["price"]]
    (line,) = problems(drifted, shop(seed=2), last=(shop(seed=3), shop(seed=4)))
    start = "train and the last accepted train, price: The approximate Jensen-Shannon divergence between current and "
    assert line.startswith(start)
    assert figure(line) > 0.05


def test_drift_is_not_looked_for_without_accepted_data(problems, shop):
    assert problems(shop(seed=1, pages=(0.1, 0.5, 0.3, 0.1)), shop(seed=2)) == []


def test_an_anomaly_is_told_once_though_drift_and_skew_are_looked_for(problems, shop):
    train = shop(seed=1)
    train["page"][7] = 9
    lines = problems(train, shop(seed=2), last=(shop(seed=3), shop(seed=4)), serving=without_labels(shop(seed=5)))
    assert lines == ["train, page: Unexpectedly large value: 9."]


def test_skew_has_its_own_threshold(problems, shop):
    train, evaluation = shop(seed=1), shop(seed=2)
    near, far = (without_labels(shop(seed=3, pages=pages)) for pages in ((0.25, 0.45, 0.2, 0.1), (0.1, 0.6, 0.2, 0.1)))
    assert 0.1 < distance(train, near) < 0.2
    assert problems(train, evaluation, serving=near) == []
    (line,) = problems(train, evaluation, serving=far)
    assert figure(line) == pytest.approx(distance(train, far), rel=1e-5)
    assert line == SKEW.format(distance=f"{figure(line):.6g}")


def test_the_serving_sample_has_anomalies_of_its_own(problems, shop):
    serving = {name: rows for name, rows in shop(seed=3).items() if name != "conversion"}
    serving["page"][0] = 9
    assert problems(shop(seed=1), shop(seed=2), serving=serving) == [
        "serving, click: New column click found in data but not in the environment SERVING in the schema.",
        "serving, page: Unexpectedly large value: 9.",
    ]
