"""Drawing the values of features as the schema allows them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column, columns_to_read
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.readers.ali_ccp import WEIGHT_SUFFIX
from pipeline.simulator import sizes
from schema import contract, load

# Weights are thousandths, each at least one and at most this many above the next: no two are equal in a row, and a
# float32 has the digits to print them and read them back.
_WEIGHT_STEP = 20
_WEIGHT_UNIT = 1000

# The cube gives the value of rank r a share that falls with r to the power 2/3: Zipf's law, with a light head.
_SKEW = 3


@dataclass(frozen=True)
class Recipe:
    """How a feature is drawn, with the weights of its values.

    Attributes:
        column: Its type and domain.
        weight: Name of the feature that holds the weights, "" for none.
        vocabulary: How many different values there are.
        shortest: Least number of values in a row that has any.
        longest: Largest number of values in a row.
        missing_every: Every so many rows one has no value; 0 for never.
        first_missing: The first of them, counted from 0.
    """

    column: Column
    weight: str
    vocabulary: int
    shortest: int
    longest: int
    missing_every: int
    first_missing: int

    @property
    def name(self) -> str:
        return self.column.name


def recipes(schema: schema_pb2.Schema, log: LogFormat) -> tuple[Recipe, ...]:
    """A recipe for each feature of the schema that clients may send, weights with what they weigh."""
    features = load.usable_features(schema, contract.SERVING)
    columns = {column.name: column for column in columns_to_read(schema, contract.SERVING, log)}
    weights = {name: weight for name in features if _is_weight_of(weight := name + WEIGHT_SUFFIX, name, columns)}
    return tuple(
        _recipe(columns[name], feature, weights.get(name, ""), position, log.max_values)
        for position, (name, feature) in enumerate(features.items())
        if name not in weights.values()
    )


def _is_weight_of(weight: str, name: str, columns: Mapping[str, Column]) -> bool:
    return (
        weight in columns
        and columns[weight].type == schema_pb2.FLOAT
        and columns[weight].multivalued == columns[name].multivalued
    )


def _recipe(column: Column, feature: schema_pb2.Feature, weight: str, position: int, max_values: int) -> Recipe:
    shortest = longest = 1
    if column.multivalued:
        mean = sizes.ALI_CCP_MEAN_LENGTHS.get(column.name)
        longest = 2 * mean - 1 if mean else column.max_values or sizes.OPEN_LENGTH
        if not weight:  # nothing says which values to leave out
            longest = min(longest, max_values, column.max_values or longest)
        shortest = min(max(1, feature.value_count.min), longest)
    # A fifth of the missing values that the schema allows, and none of them early: so a small log keeps to it too.
    may_miss = 1 - feature.presence.min_fraction
    missing_every = math.ceil(5 / may_miss) if may_miss > 0 else 0
    first_missing = missing_every // 2 + 7 * position % max(1, missing_every // 2)
    return Recipe(column, weight, _vocabulary(column), shortest, longest, missing_every, first_missing)


def _vocabulary(column: Column) -> int:
    if column.tokens:
        return len(column.tokens)
    if column.low is not None and column.high is not None:
        return int(column.high) - int(column.low) + 1
    return sizes.ALI_CCP_VOCABULARIES.get(column.name, sizes.OPEN_VOCABULARY)


def draw(recipe: Recipe, random: np.random.Generator, first_row: int, rows: int) -> dict[str, pa.Array]:
    """Draws a feature, and its weights, for consecutive rows.

    Args:
        recipe: What to draw.
        random: Where from.
        first_row: Number of the first row.
        rows: B.

    Returns:
        By name, int64, float32 or string [B], or lists of these; null where the value is missing, a list is never
        empty. Weights fall strictly within a row.
    """
    numbers = np.arange(first_row, first_row + rows) - recipe.first_missing
    present = (numbers < 0) | (numbers % max(1, recipe.missing_every) != 0) | (recipe.missing_every == 0)
    lengths = random.integers(recipe.shortest, recipe.longest, rows, endpoint=True) * present
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    multivalued = recipe.column.multivalued
    drawn = {recipe.name: _in_rows(_values(recipe, random, offsets[-1]), offsets, present, multivalued)}
    if recipe.weight:
        drawn[recipe.weight] = _in_rows(_weights(random, offsets), offsets, present, multivalued)
    return drawn


def ranks(recipe: Recipe, values: pa.Array) -> np.ndarray:
    """Ranks of drawn INT or BYTES values, int64 [B], in [0, vocabulary): the smaller, the more frequent."""
    if recipe.column.type == schema_pb2.INT:
        return values.to_numpy() - _lowest(recipe)
    if recipe.column.tokens:
        tokens = pa.array([token.decode() for token in recipe.column.tokens])
        return pc.index_in(values, value_set=tokens).to_numpy().astype(np.int64)
    return pc.utf8_slice_codeunits(values, len(recipe.name) + 1).cast(pa.int64()).to_numpy()


def shares(recipe: Recipe, ranks: np.ndarray) -> np.ndarray:
    """Of all INT or BYTES values drawn, the share that has a rank; float64 [B], in [0, 1]."""
    edges = (np.stack([ranks, ranks + 1]) / recipe.vocabulary) ** (1 / _SKEW)
    return edges[1] - edges[0]


def quantiles(recipe: Recipe, values: pa.Array) -> np.ndarray:
    """Of all INT or FLOAT values drawn, the share that is below a value; float64 [B], in [0, 1]."""
    if recipe.column.type == schema_pb2.FLOAT:
        low, high = _range(recipe.column)
        return (values.to_numpy() - low) / ((high - low) or 1)
    return (ranks(recipe, values) / recipe.vocabulary) ** (1 / _SKEW)


def _in_rows(values: pa.Array, offsets: np.ndarray, present: np.ndarray, multivalued: bool) -> pa.Array:
    if multivalued:
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=pa.array(~present))
    return values.take(pa.array(offsets[:-1], mask=~present))


def _values(recipe: Recipe, random: np.random.Generator, count: int) -> pa.Array:
    column, uniform = recipe.column, random.random(count)
    if column.type == schema_pb2.FLOAT:
        low, high = _range(column)
        return pa.array((low + (high - low) * uniform).astype(np.float32))
    ranks = np.minimum((recipe.vocabulary * uniform**_SKEW).astype(np.int64), recipe.vocabulary - 1)
    if column.type == schema_pb2.INT:
        return pa.array(ranks + _lowest(recipe))
    if column.tokens:
        return pa.array([token.decode() for token in column.tokens]).take(pa.array(ranks))
    return pc.binary_join_element_wise(pa.scalar(f"{column.name}_"), pa.array(ranks).cast(pa.string()), "")


def _range(column: Column) -> tuple[float, float]:
    low = 0.0 if column.low is None else column.low
    return low, low + 1.0 if column.high is None else column.high


def _lowest(recipe: Recipe) -> int:
    column = recipe.column
    if column.low is not None:
        return int(column.low)
    return 0 if column.high is None else int(column.high) - recipe.vocabulary + 1


def _weights(random: np.random.Generator, offsets: np.ndarray) -> pa.Array:
    sums = np.concatenate([[0], np.cumsum(random.integers(1, _WEIGHT_STEP, offsets[-1], endpoint=True))])
    remaining = np.repeat(sums[offsets[1:]], np.diff(offsets)) - sums[:-1]
    return pa.array((remaining / _WEIGHT_UNIT).astype(np.float32))
