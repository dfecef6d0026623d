"""Labels that depend on the features, by probabilities that are known."""

import dataclasses
import math
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa

from pipeline.simulator.features import Recipe
from pipeline.simulator.impressions import Sessions, draw_all
from pipeline.simulator.latent import FACTORS, TASKS, LatentFeature, latents

# Standard deviation of both logits over the impressions: the best possible AUCs are then near 0.8. (Where positives are
# rare and logits normal, theirs are shifted by the variance: AUC = Φ(σ/√2).)
_SIGNAL = 1.2

# Of the variance of the logits, the part of user × item.
_INTERACTION = 0.1

# Impressions that means are adjusted on, and how many of them a user has: few, for it is users that make means differ.
_SAMPLE_BATCHES = 16
_SAMPLE_USERS = 2048
_SAMPLE_SESSION = 4

# Bisection starts from logits of this size, and halves the interval as often.
_FARTHEST_LOGIT = 40.0
_HALVINGS = 60


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Impressions with the probabilities that their labels were drawn from.

    Attributes:
        sessions: With labels.
        pctr: p(click), float64 [B].
        pcvr: p(conversion | click), float64 [B]; also of what was not clicked.
    """

    sessions: Sessions
    pctr: np.ndarray
    pcvr: np.ndarray


class Truth:
    """How clicks and conversions come about.

    Both logits are a sum over the features' effects, the inner product of the user's and the item's factors, and an
    intercept; that of the conversion also has the click's signal in it, so that clicked impressions differ from others
    in their pCVR (the selection bias of Ma et al., SIGIR 2018, section 1).

    Args:
        recipes: Of all features.
        features: Those that labels depend on.
        user_features: Which features belong to the user.
        ctr: Mean p(click), over the impressions.
        cvr: Mean p(conversion | click), over the clicked impressions.
        selection_bias: How many times the click's signal is in the conversion's, before this is scaled to a fixed size.
        seed: Of the effects, and of the labels that are drawn.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        features: Sequence[LatentFeature],
        user_features: Collection[str],
        *,
        ctr: float,
        cvr: float,
        selection_bias: float,
        seed: int,
    ):
        self._features = features
        self._seed = seed
        parts = np.concatenate([self._parts(sessions) for sessions in _sample(recipes, user_features, seed)])
        self._mean = parts.mean(axis=0)
        self._slopes = _slopes(parts - self._mean, selection_bias)
        click, conversion = _SIGNAL * ((parts - self._mean) @ self._slopes).T
        click_intercept = _intercept(click, np.ones(len(click)), ctr)
        self._intercepts = np.array([click_intercept, _intercept(conversion, _sigmoid(click_intercept + click), cvr)])

    def label(self, sessions: Sessions) -> Labelled:
        """Gives impressions their probabilities, and labels drawn from these instead of those they have."""
        logits = self._intercepts + _SIGNAL * ((self._parts(sessions) - self._mean) @ self._slopes)
        pctr, pcvr = _sigmoid(logits).T
        # A generator of its own: the features are the same as without a truth.
        uniform = np.random.default_rng([self._seed, sessions.first, 2]).random((2, len(pctr)))
        click = (uniform[0] < pctr).astype(np.int64)
        conversion = click * (uniform[1] < pcvr)
        return Labelled(dataclasses.replace(sessions, click=click, conversion=conversion), pctr, pcvr)

    def _parts(self, sessions: Sessions) -> np.ndarray:
        """What logits are made of, float64 [B, 2 · TASKS]: sums of effects by task, then inner products by task."""
        of_users = self._sums(sessions.users, len(sessions.lengths))
        of_impressions = self._sums(sessions.own, len(sessions.click))
        effects, users, items = (of_users[sessions.user] + of_impressions).swapaxes(0, 1)
        return np.concatenate([effects[..., 0], (users * items)[..., 1:].sum(axis=-1)], axis=-1)

    def _sums(self, batch: pa.RecordBatch, rows: int) -> np.ndarray:
        """float64 [B, 3, TASKS, 1 + FACTORS]: latent vectors added up over all features, the user's, the item's."""
        sums = np.zeros((rows, 3, TASKS, 1 + FACTORS))
        for feature in self._features:
            if feature.recipe.name in batch.schema.names:
                vectors = latents(feature, batch, rows, self._seed)
                sums[:, 0] += vectors
                if feature.entity in ("user", "item"):
                    sums[:, 1 if feature.entity == "user" else 2] += vectors
        return sums


def _sample(recipes: Sequence[Recipe], user_features: Collection[str], seed: int) -> Iterator[Sessions]:
    """Impressions of none of the splits, in short sessions."""
    of_users = [recipe for recipe in recipes if recipe.name in user_features]
    of_impressions = [recipe for recipe in recipes if recipe.name not in user_features]
    lengths = np.full(_SAMPLE_USERS, _SAMPLE_SESSION)
    rows = _SAMPLE_USERS * _SAMPLE_SESSION
    unlabelled = np.zeros(rows, np.int64)
    for number in range(_SAMPLE_BATCHES):
        random = np.random.default_rng([seed, number, 3])
        users = draw_all(of_users, random, number * _SAMPLE_USERS, _SAMPLE_USERS)
        own = draw_all(of_impressions, random, number * rows, rows)
        yield Sessions(users, own, lengths, number * rows, unlabelled, unlabelled)


def _slopes(parts: np.ndarray, selection_bias: float) -> np.ndarray:
    """Slopes of the signals, float64 [2 · TASKS, TASKS], such that both have variance 1.

    Args:
        parts: Of mean 0, float64 [B, 2 · TASKS].
        selection_bias: Times that the click's signal is added to the conversion's, once the two are uncorrelated.
    """
    covariance = parts.T @ parts / len(parts)

    def scaled(slopes: np.ndarray) -> np.ndarray:
        deviation = math.sqrt(max(0.0, slopes @ covariance @ slopes))
        return slopes / deviation if deviation > 1e-6 else np.zeros_like(slopes)

    effect_click, effect_conversion, pair_click, pair_conversion = (scaled(axis) for axis in np.eye(2 * TASKS))
    effect, pair = math.sqrt(1 - _INTERACTION), math.sqrt(_INTERACTION)
    click = scaled(effect * effect_click + pair * pair_click)
    own = scaled(effect * effect_conversion + pair * pair_conversion)
    own = scaled(own - (own @ covariance @ click) * click)
    return np.stack([click, scaled(own + selection_bias * click)], axis=-1)


def _intercept(signal: np.ndarray, weights: np.ndarray, mean: float) -> float:
    """The intercept, found by bisection, with which the probabilities have a weighted mean."""
    low, high = -_FARTHEST_LOGIT, _FARTHEST_LOGIT
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if np.average(_sigmoid(middle + signal), weights=weights) < mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
