"""The AUCs of the true probabilities: no model can be expected to do better."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipeline.simulator.truth_file import TRUE_PCTR, TRUE_PCVR
from schema import contract

# Scores are told apart by logits in [-30, 30], in steps of 0.005; farther ones, and those in one step, are ties.
_FARTHEST_LOGIT = 30.0
_BINS = 12_000


def best_aucs(truth: Path) -> dict[str, float]:
    """AUCs of a truth file's probabilities against its labels, by name; it is read in batches.

    Args:
        truth: A file of `TruthFile`.

    Returns:
        `ctr_auc_all`, `cvr_auc_clicked` and `ctcvr_auc_all`, in [0, 1]; NaN where all labels are the same.
    """
    ctr, cvr, ctcvr = _AUC(), _AUC(), _AUC()
    columns = [contract.CLICK, contract.CONVERSION, TRUE_PCTR, TRUE_PCVR]
    with pq.ParquetFile(truth) as file:
        for batch in file.iter_batches(columns=columns):
            click, conversion, pctr, pcvr = (batch[name].to_numpy() for name in columns)
            clicked = click == 1
            ctr.add(click, pctr)
            cvr.add(conversion[clicked], pcvr[clicked])
            ctcvr.add(conversion, pctr * pcvr)
    return {"ctr_auc_all": ctr.value(), "cvr_auc_clicked": cvr.value(), "ctcvr_auc_all": ctcvr.value()}


class _AUC:
    """Histograms of the scores, by label."""

    def __init__(self) -> None:
        self._counts = np.zeros((2, _BINS), np.int64)

    def add(self, labels: np.ndarray, scores: np.ndarray) -> None:
        with np.errstate(divide="ignore"):
            logits = np.log(scores) - np.log1p(-scores)
        place = (np.clip(logits, -_FARTHEST_LOGIT, _FARTHEST_LOGIT) / _FARTHEST_LOGIT + 1) / 2
        bins = np.minimum((place * _BINS).astype(np.int64), _BINS - 1)
        for label in (0, 1):
            self._counts[label] += np.bincount(bins[labels == label], minlength=_BINS)

    def value(self) -> float:
        negatives, positives = self._counts.astype(np.float64)
        pairs = negatives.sum() * positives.sum()
        below = np.cumsum(negatives) - negatives / 2
        return float(positives @ below / pairs) if pairs else float("nan")
