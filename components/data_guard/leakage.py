"""How much one feature alone tells of a label.

Four things of a feature can tell: its presence, how many values it has, the order of its values (of a number), and
which values they are. Each is turned into a score of the examples, and the score's AUC against the label is taken. For
the first three the score is what is seen, so either direction counts. For the last one it is the label's mean over the
other examples with the value, those of the other fold: were an example's own label in it, ids that come once would look
like leaks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schema import contract

CONVERSION_ON_CLICKED = "conversion on clicked impressions"
PRESENCE = "presence"
NUMBER = "number of values"
ORDER = "order of values"
VALUES = "values"

# A label needs as many positives and as many negatives for its AUC to say something.
_MIN_EXAMPLES = 20
# Examples of mean label that a value's mean is pulled to the overall mean by.
_PRIOR_EXAMPLES = 10
# A number's values are told apart by their percentile.
_QUANTILES = np.linspace(0, 1, 101)[1:-1]


def alone(
    features: Mapping[str, pa.ListArray], numeric: set[str], labels: Mapping[str, np.ndarray], fold: np.ndarray
) -> dict[str, dict[str, dict[str, float]]]:
    """AUC of each feature alone against each label.

    Args:
        features: Values of B examples by feature, lists of int64, float32 or binary; null where missing.
        numeric: Features whose values are quantities.
        labels: `click` and `conversion`, int64 [B].
        fold: 0 or 1, at random, [B].

    Returns:
        By feature, then label, then what of the feature tells: an AUC in [0, 1]. The labels are `click` and
        `conversion` over all impressions and `conversion on clicked impressions`, those of them that have 20 positives
        and 20 negatives.
    """
    clicked = labels[contract.CLICK] == 1
    targets = {
        contract.CLICK: (labels[contract.CLICK], np.ones_like(clicked)),
        contract.CONVERSION: (labels[contract.CONVERSION], np.ones_like(clicked)),
        CONVERSION_ON_CLICKED: (labels[contract.CONVERSION], clicked),
    }
    found: dict[str, dict[str, dict[str, float]]] = {feature: {} for feature in features}
    for target, (label, space) in targets.items():
        label = label[space]
        if min(label.sum(), (1 - label).sum()) < _MIN_EXAMPLES:
            continue
        for feature, column in features.items():
            values = _Values.of(column.filter(pa.array(space)), feature in numeric)
            found[feature][target] = _tells(values, label, fold[space])
    return found


def auc(score: np.ndarray, label: np.ndarray) -> float:
    """Area under the ROC curve: the share of pairs of a positive and a negative that the score orders, ties half.

    Args:
        score: Of B examples, [B].
        label: 0 or 1, [B]; both come.
    """
    _, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    positives = np.bincount(group, weights=label)
    negatives = sizes - positives
    below = np.cumsum(negatives) - negatives
    return float(positives @ (below + negatives / 2) / (positives.sum() * negatives.sum()))


@dataclass(frozen=True)
class _Values:
    """Values of one feature in B examples, V in all.

    Attributes:
        row: Example of each value, [V].
        token: Number of each value, equal for equal ones, [V].
        count: Values of each example, [B].
        number: Value of each example, NaN where missing, [B]; None where a feature is no quantity or has many values.
    """

    row: np.ndarray
    token: np.ndarray
    count: np.ndarray
    number: np.ndarray | None

    @classmethod
    def of(cls, column: pa.ListArray, numeric: bool) -> "_Values":
        count = pc.list_value_length(column).fill_null(0).to_numpy().astype(np.int64)
        flat = column.flatten()
        row = np.repeat(np.arange(len(count)), count)
        if not numeric:
            return cls(row, flat.dictionary_encode().indices.to_numpy(), count, None)
        values = flat.to_numpy().astype(np.float64)
        row, values = row[~np.isnan(values)], values[~np.isnan(values)]
        count = np.bincount(row, minlength=len(count))
        token = np.searchsorted(np.unique(np.quantile(values, _QUANTILES)), values) if len(values) else row
        if count.max() > 1:
            return cls(row, token, count, None)
        number = np.full(len(count), np.nan)
        number[row] = values
        return cls(row, token, count, number)


def _tells(values: _Values, label: np.ndarray, fold: np.ndarray) -> dict[str, float]:
    tells = {PRESENCE: _either_way(values.count > 0, label), VALUES: _of_values(values, label, fold)}
    if values.count.max() > 1:
        tells[NUMBER] = _either_way(values.count, label)
    if values.number is not None:
        # Missing examples come before all others or after them, whichever tells more.
        lowest, highest = (np.nan_to_num(values.number, nan=end) for end in (-np.inf, np.inf))
        tells[ORDER] = max(_either_way(lowest, label), _either_way(highest, label))
    return tells


def _either_way(score: np.ndarray, label: np.ndarray) -> float:
    upwards = auc(score, label)
    return max(upwards, 1 - upwards)


def _of_values(values: _Values, label: np.ndarray, fold: np.ndarray) -> float:
    """AUC of the mean label of an example's values; or of its highest, or lowest, where one value among many tells."""
    missing = np.flatnonzero(values.count == 0)
    tokens = values.token.max(initial=-1) + 1
    row = np.concatenate([values.row, missing])
    token = np.concatenate([values.token, np.full(len(missing), tokens)])
    rate = _out_of_fold_mean(token, label[row], fold[row], label.mean())
    count = np.maximum(values.count, 1)
    best = _auc_within_folds(np.bincount(row, weights=rate) / count, label, fold)
    if count.max() > 1:
        for extreme, start in ((np.maximum, -np.inf), (np.minimum, np.inf)):
            score = np.full(len(count), start)
            extreme.at(score, row, rate)
            best = max(best, _auc_within_folds(score, label, fold))
    return best


def _auc_within_folds(score: np.ndarray, label: np.ndarray, fold: np.ndarray) -> float:
    """AUC over the pairs of a fold: the two folds' scores of one value differ by chance alone."""
    halves = [(score[fold == half], label[fold == half]) for half in (0, 1)]
    pairs = [half.sum() * (1 - half).sum() for _, half in halves]
    if not any(pairs):
        return 0.5
    return float(np.average([auc(*half) if n else 0.5 for half, n in zip(halves, pairs, strict=True)], weights=pairs))


def _out_of_fold_mean(token: np.ndarray, label: np.ndarray, fold: np.ndarray, prior: float) -> np.ndarray:
    """Mean label of each value's token in the other fold, smoothed; the prior where it is not seen there. All [V]."""
    cells = 2 * (token.max() + 1)
    sizes = np.bincount(2 * token + fold, minlength=cells)
    positives = np.bincount(2 * token + fold, weights=label, minlength=cells)
    other = 2 * token + 1 - fold
    return (positives[other] + _PRIOR_EXAMPLES * prior) / (sizes[other] + _PRIOR_EXAMPLES)
