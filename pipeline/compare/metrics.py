"""What a model is worth on the eval split."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.compare.auc import RankedAuc

# Metrics by name, of impressions that count as often as their weights, float64 [B], say.
Metrics = Callable[[np.ndarray], dict[str, float]]

# Probabilities are kept that far from 0 and 1 in a log loss.
_CLIP = 1e-7


@dataclass(frozen=True)
class Answers:
    """A model's answers about the eval split, with the labels.

    Attributes:
        click: Bool [B].
        conversion: Bool [B]; only after a click.
        pctr: float32 [B] in [0, 1], as the next two.
        pcvr: See `pctr`.
        pctcvr: See `pctr`.
        user: Integers [B], 0 for those who can't be told apart; None leaves GAUC out.
    """

    click: np.ndarray
    conversion: np.ndarray
    pctr: np.ndarray
    pcvr: np.ndarray
    pctcvr: np.ndarray
    user: np.ndarray | None = None


def eval_metrics(answers: Answers) -> Metrics:
    """AUC, GAUC, PCOC and log loss of each output in its own space, as in `ctr_auc_all` and `pcvr_pcoc_clicked`.

    pCTR is judged by clicks and pCTCVR by conversions, over all impressions, pCVR by conversions over clicked ones.
    GAUC is the mean of the users' AUCs, weighted by their impressions in that space. Users with one label alone, those
    that are missing and those out of vocabulary take no part.
    """
    every, clicked = np.arange(len(answers.click)), np.flatnonzero(answers.click)
    parts = [
        _output("ctr", "all", answers.click, answers.pctr, answers.user, every),
        _output("cvr", "clicked", answers.conversion, answers.pcvr, answers.user, clicked),
        _output("ctcvr", "all", answers.conversion, answers.pctcvr, answers.user, every),
    ]
    return lambda weights: {name: value for part in parts for name, value in part(weights).items()}


def _output(
    task: str, space: str, labels: np.ndarray, scores: np.ndarray, users: np.ndarray | None, rows: np.ndarray
) -> Metrics:
    """The metrics of one output; `rows` are those of its space."""
    labels, scores = labels[rows], scores[rows]
    ranked = RankedAuc(scores, labels)
    probabilities = np.clip(scores.astype(np.float64), _CLIP, 1 - _CLIP)
    losses = -np.log(np.where(labels, probabilities, 1 - probabilities))
    if users is not None:
        known = np.flatnonzero(users[rows])
        ranked_by_user = RankedAuc(scores[known], labels[known], users[rows][known])

    def metrics(weights: np.ndarray) -> dict[str, float]:
        weights = weights[rows]
        values = {f"{task}_auc_{space}": ranked.auc(weights)}
        if users is not None:
            values[f"{task}_gauc_{space}"] = ranked_by_user.auc(weights[known])
        values[f"p{task}_pcoc_{space}"] = ratio(float(weights @ scores), float(weights @ labels))
        values[f"p{task}_log_loss_{space}"] = ratio(float(weights @ losses), float(weights.sum()))
        return values

    return metrics


def ratio(numerator: float, denominator: float) -> float:
    """NaN where there is nothing to divide by."""
    return numerator / denominator if denominator else float("nan")
