import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.compare.auc import RankedAuc

ONES = np.ones


def test_by_hand_with_a_tie():
    # Positives 0.9 and 0.5, negatives 0.5 and 0.1: of four pairs three are in order and one is tied.
    ranked = RankedAuc(np.array([0.5, 0.9, 0.1, 0.5]), np.array([True, True, False, False]))
    assert ranked.auc(ONES(4)) == pytest.approx(3.5 / 4)


@pytest.mark.parametrize("seed", range(5))
def test_is_scikit_learns_with_ties_and_weights(seed):
    random = np.random.default_rng(seed)
    labels, scores = random.random(500) < 0.2, random.integers(0, 30, 500) / 30
    weights = random.poisson(1.0, 500).astype(np.float64)
    ranked = RankedAuc(scores, labels)
    assert ranked.auc(ONES(500)) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert ranked.auc(weights) == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights), abs=1e-12)


def test_soft_labels_by_hand():
    # p 0.25 scored 1 and p 0.75 scored 2. Pairs by weight: positives 0.25, 0.75, negatives 0.75, 0.25.
    # In order: 0.75 · 0.75; tied with themselves: 0.25 · 0.75 and 0.75 · 0.25.
    ranked = RankedAuc(np.array([1.0, 2.0]), np.array([0.25, 0.75]))
    assert ranked.auc(ONES(2)) == pytest.approx(0.75 * 0.75 + (0.25 * 0.75 + 0.75 * 0.25) / 2)


def test_soft_labels_are_doubled_rows_of_scikit_learn():
    random = np.random.default_rng(1)
    soft, scores, weights = random.random(300), random.integers(0, 40, 300), random.random(300)
    doubled = np.concatenate([weights * soft, weights * (1 - soft)])
    expected = roc_auc_score([1] * 300 + [0] * 300, np.tile(scores, 2), sample_weight=doubled)
    assert RankedAuc(scores, soft).auc(weights) == pytest.approx(expected, abs=1e-12)


def test_groups_by_hand():
    # User 7: positive 0.2 below negatives 0.3 and 0.8, above 0.1: AUC 1/3, 4 impressions. User 3: AUC 1, 2 impressions.
    # User 5 has no positive one. Over all users together the AUC would be another.
    users = np.array([7, 3, 7, 5, 7, 3, 7])
    scores = np.array([0.2, 0.05, 0.3, 0.9, 0.8, 0.01, 0.1])
    labels = np.array([1, 1, 0, 0, 0, 0, 0], bool)
    ranked = RankedAuc(scores, labels, users)
    assert ranked.auc(ONES(7)) == pytest.approx((4 / 3 + 2) / 6)
    # Without user 3's negative one that user is left out, too.
    assert ranked.auc(np.array([1, 1, 1, 1, 1, 0, 1.0])) == pytest.approx(1 / 3)


def test_groups_are_scikit_learns_of_each_user():
    random = np.random.default_rng(2)
    users, scores, labels = random.integers(0, 40, 600), random.integers(0, 9, 600), random.random(600) < 0.1
    aucs, sizes = [], []
    for user in set(users):
        of_user = users == user
        if len(set(labels[of_user])) == 2:
            aucs.append(roc_auc_score(labels[of_user], scores[of_user]))
            sizes.append(of_user.sum())
    assert len(aucs) < 40
    assert RankedAuc(scores, labels, users).auc(ONES(600)) == pytest.approx(np.average(aucs, weights=sizes), abs=1e-12)


@pytest.mark.parametrize("labels", [[], [True, True], [False, False]])
def test_nan_where_a_label_is_missing(labels):
    labels = np.array(labels, bool)
    assert np.isnan(RankedAuc(np.arange(len(labels)), labels).auc(ONES(len(labels))))
