"""What counts as telling a label, on columns whose AUC is known."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from components.data_guard import leakage

ROWS = 4000


@pytest.fixture(scope="module")
def draw() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def labels(draw) -> dict[str, np.ndarray]:
    click = (draw.random(ROWS) < 0.4).astype(np.int64)
    return {"click": click, "conversion": click * (draw.random(ROWS) < 0.2)}


@pytest.fixture(scope="module")
def fold(draw) -> np.ndarray:
    return draw.integers(0, 2, ROWS)


@pytest.fixture(scope="module")
def tells(labels, fold):
    """AUCs of one column of rows: scalars, lists or None."""

    def of(rows, numeric: bool = False, labels=labels, fold=fold):
        rows = [row if row is None or isinstance(row, list) else [row] for row in rows]
        column = pa.array(rows, pa.list_(pa.float32()) if numeric else None)
        return leakage.alone({"x": column}, {"x"} if numeric else set(), labels, fold)["x"]

    return of


def strongest(by_tell: dict[str, float]) -> tuple[str, float]:
    return max(by_tell.items(), key=lambda item: item[1])


@pytest.mark.parametrize("levels", [2, 5, 1000, ROWS * 1000])
def test_auc_is_scikit_learns_with_and_without_ties(levels, draw, labels):
    score = draw.integers(0, levels, ROWS) / levels + 0.1 * labels["click"]
    assert leakage.auc(score, labels["click"]) == pytest.approx(roc_auc_score(labels["click"], score), abs=1e-12)


@pytest.mark.parametrize(("score", "value"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([0, 0, 0, 0], 0.5)])
def test_auc_at_its_ends(score, value):
    assert leakage.auc(np.array(score), np.array([0, 0, 1, 1])) == value


def test_a_copy_of_the_label_tells_it_and_only_it(tells, labels):
    found = tells([int(value) for value in labels["click"]])
    assert found["click"] == {"presence": 0.5, "values": 1.0}
    # Clicked impressions are all alike to it.
    assert found["conversion on clicked impressions"] == {"presence": 0.5, "values": 0.5}
    assert 0.75 < found["conversion"]["values"] < 0.85


def test_a_label_of_clicks_only_tells_conversions_among_them(tells, labels):
    found = tells(["bought" if value else "not" for value in labels["conversion"]])
    assert found["conversion"]["values"] == found["conversion on clicked impressions"]["values"] == 1
    assert found["click"]["values"] < 0.7


def test_a_noisy_copy(tells, labels, draw):
    wrong = draw.random(ROWS) < 0.02
    copy = np.where(wrong, 1 - labels["click"], labels["click"])
    found = tells([int(value) for value in copy])["click"]["values"]
    assert found == pytest.approx(roc_auc_score(labels["click"], copy), abs=1e-3)
    assert 0.95 < found < 1


def test_presence_either_way(tells, labels):
    for kept in (0, 1):
        found = tells([7 if value == kept else None for value in labels["click"]])["click"]
        assert found["presence"] == 1.0


def test_number_of_values_either_way(tells, labels, draw):
    found = tells([list(draw.integers(0, 9, 3 if value else 5)) for value in labels["click"]])["click"]
    assert found["number of values"] == 1.0
    assert found["presence"] == 0.5


def test_number_of_values_is_not_asked_of_single_values(tells, labels):
    assert tells([1] * ROWS)["click"].keys() == {"presence", "values"}


def test_one_telling_value_among_many(tells, labels, draw):
    def histories(marked: int):
        noise = [list(draw.integers(0, 50, 20)) for _ in range(ROWS)]
        return [[*row, 99] if value == marked else [*row, 0] for row, value in zip(noise, labels["click"], strict=True)]

    assert tells(histories(marked=1))["click"]["values"] == 1.0  # by the highest mean among its values
    assert tells(histories(marked=0))["click"]["values"] == 1.0  # by the lowest


def test_ids_that_come_once_are_no_leak(tells):
    found = tells(range(ROWS))
    assert {label: by_tell["values"] for label, by_tell in found.items()} == dict.fromkeys(found, 0.5)


def test_ids_of_few_examples_are_no_leak(tells, draw):
    found = tells(draw.permutation(np.repeat(np.arange(ROWS // 2), 2)))
    assert all(abs(by_tell["values"] - 0.5) < 0.05 for by_tell in found.values())


def test_ids_whose_label_is_always_the_same_are_a_leak(tells, labels):
    """As of an order: several examples, all of one label; half of the few examples of an id are in the other fold."""
    number = np.zeros(ROWS, int)
    for value in (0, 1):
        chosen = np.flatnonzero(labels["click"] == value)
        number[chosen] = 2 * (np.arange(len(chosen)) // 12) + value
    assert tells(number)["click"]["values"] > 0.99


def test_mean_labels_are_those_of_the_other_fold():
    """Value a is always clicked in fold 0 and never in fold 1, b the other way round: out of fold all is wrong."""
    fold, is_a = np.repeat([0, 1], 200), np.tile([0, 1], 200)
    click = np.where(fold == 0, is_a, 1 - is_a)
    column = pa.array([["a"] if value else ["b"] for value in is_a])
    found = leakage.alone({"x": column}, set(), {"click": click, "conversion": click}, fold)
    assert found["x"]["click"]["values"] == 0.0


def test_a_label_that_only_one_fold_has_is_not_told_by_values():
    fold = np.repeat([0, 1], 200)
    column = pa.array([[int(value)] for value in fold])
    found = leakage.alone({"x": column}, set(), {"click": fold, "conversion": fold}, fold)
    assert found["x"]["click"]["values"] == 0.5


def test_order_of_a_number_either_way(tells, labels, draw):
    number = labels["click"] + draw.normal(0, 0.5, ROWS)
    expected = roc_auc_score(labels["click"], number.astype(np.float32))
    for sign in (1, -1):
        found = tells(list(sign * number), numeric=True)["click"]
        assert found["order of values"] == pytest.approx(expected, abs=1e-9)


def test_missing_numbers_come_first_or_last(tells, labels, draw):
    present = np.where(labels["click"] == 1, draw.normal(0, 1, ROWS), np.nan)
    for rows in (
        [None if np.isnan(value) else float(value) for value in present],
        [float(value) for value in present],  # NaN is a missing number too
    ):
        found = tells(rows, numeric=True)["click"]
        assert found["order of values"] == found["presence"] == found["values"] == 1.0


def test_a_number_that_tells_in_the_middle(tells, labels, draw):
    size = np.where(labels["click"] == 1, draw.uniform(0, 1, ROWS), draw.uniform(2, 3, ROWS))
    found = tells(list(size * draw.choice([-1, 1], ROWS)), numeric=True)["click"]
    assert found["order of values"] < 0.55
    assert found["values"] > 0.99


def test_an_unrelated_number_and_an_empty_column(tells, draw):
    assert strongest(tells(list(draw.random(ROWS)), numeric=True)["click"])[1] < 0.55
    assert set(tells([None] * ROWS, numeric=True)["click"].values()) == {0.5}


@pytest.mark.parametrize(("positives", "judged"), [(19, False), (20, True), (ROWS - 20, True), (ROWS - 19, False)])
def test_labels_of_few_positives_or_negatives_are_left_out(positives, judged, fold):
    click = (np.arange(ROWS) < positives).astype(np.int64)
    labels = {"click": click, "conversion": np.zeros(ROWS, np.int64)}
    column = pa.array([[int(value)] for value in click])
    assert list(leakage.alone({"x": column}, set(), labels, fold)["x"]) == (["click"] if judged else [])


def test_the_order_of_the_examples_does_not_matter(labels, fold, draw):
    rows = [[int(value)] for value in draw.integers(0, 30, ROWS)]
    order = draw.permutation(ROWS)
    mixed = leakage.alone(
        {"x": pa.array([rows[i] for i in order])}, set(), {k: v[order] for k, v in labels.items()}, fold[order]
    )
    straight = leakage.alone({"x": pa.array(rows)}, set(), labels, fold)
    for label, by_tell in straight["x"].items():
        assert mixed["x"][label] == pytest.approx(by_tell, abs=1e-12)


def test_several_numbers_in_a_row(tells, labels, draw):
    noise = [[*draw.random(3), *[np.nan] * value] for value in labels["click"]]  # NaN is a missing number here too
    found = tells(noise, numeric=True)["click"]
    assert found.keys() == {"presence", "number of values", "values"}
    assert found["presence"] == found["number of values"] == 0.5
    assert found["values"] < 0.55

    for sign in (1, -1):  # by the highest mean label among a row's numbers, or by the lowest
        marked = [[*row, 5.0 * sign if value else row[0]] for row, value in zip(noise, labels["click"], strict=True)]
        assert tells(marked, numeric=True)["click"]["values"] > 0.98  # its percentile holds some of the others too
    longer = [row if value else None for row, value in zip(noise, labels["click"], strict=True)]
    assert tells(longer, numeric=True)["click"] == {"presence": 1.0, "number of values": 1.0, "values": 1.0}
    assert set(tells([[np.nan, np.nan], []] * (ROWS // 2), numeric=True)["click"].values()) == {0.5}
