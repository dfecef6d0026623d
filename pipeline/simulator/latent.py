"""Latent factors of the values of features: what each value does to click and conversion.

They are hashes of feature, value and seed, so that no table of all ids is kept.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.simulator.features import Recipe, quantiles, ranks, shares
from pipeline.simulator.impressions import heaviest
from schema.fields import Field

# Axes of a latent vector: what it is about, click or conversion; an effect of its own, then factors of user × item.
TASKS = 2
FACTORS = 2

# An id with this share of a feature's values keeps half of its variance, a rarer one less: what no log of a usual size
# could teach carries little of the signal.
_LEARNABLE_SHARE = 1e-3

# Odd, the step of SplitMix64 (Steele et al., OOPSLA 2014), whose finalizer is pandas' hash of an integer.
_STEP = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class LatentFeature:
    """A feature that labels depend on.

    Attributes:
        recipe: How it is drawn.
        entity: Whose property it is, as in `Field`.
        number: Whether its values are numbers, the effect of which is smooth; each id has an effect of its own.
        most: Most values of a row in the log.
    """

    recipe: Recipe
    entity: str
    number: bool
    most: int


def latent_features(recipes: Iterable[Recipe], fields: Sequence[Field], most: int) -> tuple[LatentFeature, ...]:
    """The features that fields are made of; of others, and of mere lengths, no model could know.

    Args:
        recipes: Of all features.
        fields: Of the model.
        most: Values of a list that the log keeps.
    """
    found = []
    for recipe in recipes:
        made = [field for field in fields if field.source == recipe.name and field.encoding != "length"]
        if made:
            number = all(field.encoding in ("buckets", "log") for field in made)
            found.append(LatentFeature(recipe, made[0].entity, number or recipe.column.type == schema_pb2.FLOAT, most))
    return tuple(found)


def latents(feature: LatentFeature, batch: pa.RecordBatch, rows: int, seed: int) -> np.ndarray:
    """Latent vectors of one feature.

    Args:
        feature: Which one.
        batch: Has it, and its weights.
        rows: B.
        seed: Other seeds give other vectors.

    Returns:
        float64 [B, TASKS, 1 + FACTORS], each of mean 0 and, for frequent ids, of variance 1 over the impressions; 0
        where the value is missing. Of several values it is the mean, by their weights.
    """
    recipe = feature.recipe
    owner, values = _flat(batch[recipe.name], feature.most)
    if feature.number:
        smooth = math.sqrt(2) * np.cos(np.pi * quantiles(recipe, values))[:, None]
        slope = _uniform(recipe.name, np.zeros(1, np.int64), seed)
        vectors = slope * _means(owner, smooth, rows, np.ones(len(values)))
    else:
        of_value = _uniform(recipe.name, ids := ranks(recipe, values), seed)
        share = shares(recipe, ids)
        # The mean of n has an n-th of the variance.
        length = (min(recipe.shortest, feature.most) + min(recipe.longest, feature.most)) / 2
        of_value *= np.sqrt(length * share / (share + _LEARNABLE_SHARE))[:, None]
        weights = _flat(batch[recipe.weight], feature.most)[1].to_numpy() if recipe.weight else np.ones(len(values))
        vectors = _means(owner, of_value, rows, weights)
    return vectors.reshape(rows, TASKS, 1 + FACTORS)


def _flat(column: pa.Array, most: int) -> tuple[np.ndarray, pa.Array]:
    """For each value its row, int64 [N], and the values, [N]."""
    if not pa.types.is_list(column.type):
        return np.flatnonzero(np.asarray(column.is_valid())), column.drop_null()
    kept = heaviest(column, most)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(kept), 0))
    return np.repeat(np.arange(len(kept)), lengths), kept.flatten()


def _means(owner: np.ndarray, values: np.ndarray, rows: int, weights: np.ndarray) -> np.ndarray:
    """Weighted means of the values [N, C] of each row, float64 [B, C]; 0 where there are none."""
    totals = np.bincount(owner, weights, rows)
    sums = np.stack([np.bincount(owner, weights * column, rows) for column in values.T], axis=-1)
    return sums / np.where(totals > 0, totals, 1)[:, None]


def _uniform(name: str, ids: np.ndarray, seed: int) -> np.ndarray:
    """float64 [N, TASKS · (1 + FACTORS)], independent, of mean 0 and variance 1; the same for the same arguments."""
    columns = []
    for number in range(TASKS * (1 + FACTORS)):
        digest = hashlib.blake2b(f"{seed} {number} {name}".encode(), digest_size=8).digest()
        start = np.uint64(int.from_bytes(digest, "big"))
        hashes = pd.util.hash_array(ids.astype(np.uint64) * _STEP + start)
        columns.append(math.sqrt(3) * (hashes / 2.0**63 - 1))
    return np.stack(columns, axis=-1)
