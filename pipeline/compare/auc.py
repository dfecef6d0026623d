"""AUC with weights, of all impressions or by groups."""

import numpy as np


class RankedAuc:
    """Ranks scores once, for the AUCs under many weightings.

    Labels may be soft: p is a positive of weight p and a negative of weight 1 − p. Of equal scores half the pairs are
    in order.
    """

    def __init__(self, scores: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None):
        """Args:
        scores: [B].
        labels: Bool, or float64 in [0, 1], [B].
        groups: Integers [B], such as users; only pairs within a group count. By default all are in one.
        """
        groups = np.zeros(len(scores), np.int8) if groups is None else groups
        self._order = np.lexsort((scores, groups))
        self._labels = labels[self._order]
        scores, groups = scores[self._order], groups[self._order]
        new_group = np.ones(len(scores), bool)
        new_group[1:] = groups[1:] != groups[:-1]
        new_tie = new_group.copy()
        new_tie[1:] |= scores[1:] != scores[:-1]
        self._ties = np.flatnonzero(new_tie)
        self._groups = np.flatnonzero(new_group[self._ties])
        self._group_of_tie = np.cumsum(new_group[self._ties]) - 1

    def auc(self, weights: np.ndarray) -> float:
        """Mean of the groups' AUCs, weighted by their impressions; in [0, 1], or NaN if no group has both labels.

        Groups without positives, or without negatives, are left out. By users it is GAUC (Zhu et al., KDD 2017).

        Args:
            weights: How often each impression counts, float64 [B].
        """
        if not len(self._order):
            return float("nan")
        ordered = weights[self._order]
        positives = np.add.reduceat(ordered * self._labels, self._ties)
        negatives = np.add.reduceat(ordered, self._ties) - positives
        below = np.cumsum(negatives) - negatives
        below -= below[self._groups][self._group_of_tie]
        in_order = np.add.reduceat(positives * (below + negatives / 2), self._groups)
        positives, negatives = (np.add.reduceat(counts, self._groups) for counts in (positives, negatives))
        both = (positives > 0) & (negatives > 0)
        if not both.any():
            return float("nan")
        aucs = in_order[both] / (positives[both] * negatives[both])
        return float(np.average(aucs, weights=(positives + negatives)[both]))
