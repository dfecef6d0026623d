"""A simulated log in the format of the Ali-CCP release: a skeleton and the common features, two CSV files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.log_format import COMMON_FEATURES, SKELETON
from pipeline.simulator.features import Recipe
from pipeline.simulator.impressions import Sessions
from pipeline.simulator.text import join_lists, joined_lines
from schema.errors import InputError

# Between features, between a field and its value, between a value and its weight.
_FEATURES, _VALUE, _WEIGHT = "\x01", "\x02", "\x03"

# Odd, so that multiplied with it numbers stay different in 64 bits.
_SPREAD = 0x9E3779B97F4A7C15


def check_recipes(recipes: Sequence[Recipe]) -> None:
    """Checks that the release's format can hold the features.

    Raises:
        InputError: A feature is neither an INT nor the weights of one.
    """
    for recipe in recipes:
        if recipe.column.type != schema_pb2.INT:
            kind = schema_pb2.FeatureType.Name(recipe.column.type)
            raise InputError(
                "`--format ali_ccp` should be asked for a schema with INT features and their FLOAT weights only, as "
                f"ali_ccp is. Received: feature `{recipe.name}`, {kind}"
            )


class AliCcpFiles:
    """The two files of a split. Weighted lists are written whole and in no order.

    Args:
        paths: The files, under `skeleton` and `common_features`.
        recipes: Of the features.
    """

    def __init__(self, paths: Mapping[str, Path], recipes: Sequence[Recipe]):
        self._skeleton = paths[SKELETON].open("wb")
        self._common_features = paths[COMMON_FEATURES].open("wb")
        self._recipes = recipes

    def write(self, sessions: Sessions) -> None:
        # A generator of its own: the order must not change what other formats hold.
        random = np.random.default_rng(sessions.first)
        index = _indices(sessions)
        counts, lists = self._feature_lists(sessions.users, len(index), random)
        self._common_features.write(_csv(index, counts, lists))
        counts, lists = self._feature_lists(sessions.own, len(sessions.click), random)
        index_of_impression = index.take(pa.array(sessions.user))
        labels = (pa.array(sessions.click), pa.array(sessions.conversion))
        self._skeleton.write(_csv(pa.array(sessions.impression_id), *labels, index_of_impression, counts, lists))

    def close(self) -> None:
        self._skeleton.close()
        self._common_features.close()

    def _feature_lists(
        self, batch: pa.RecordBatch, rows: int, random: np.random.Generator
    ) -> tuple[pa.Array, pa.Array]:
        """For each row how many features it has, int64 [rows], and their list, string [rows]."""
        counts = np.zeros(rows, np.int64)
        lists: list[pa.Array] = []
        for recipe in self._recipes:
            if recipe.name in batch.schema.names:
                ids = batch[recipe.name]
                lengths = _lengths(ids)
                weights = _values(batch[recipe.weight]) if recipe.weight else None
                counts += lengths
                lists.append(_field(recipe.name, _values(ids), weights, lengths, random))
        none = pa.array([""] * rows, pa.string())
        return pa.array(counts), pc.binary_join_element_wise(*lists, _FEATURES, null_handling="skip") if lists else none


def _field(
    name: str, ids: pa.Array, weights: pa.Array | None, lengths: np.ndarray, random: np.random.Generator
) -> pa.Array:
    """Each row's features of one field, string [B]; null where the row has none."""
    weight_texts: pa.Array | pa.Scalar = pa.scalar("1.0")
    if weights is not None:
        order = pa.array(np.argsort(np.repeat(np.arange(len(lengths)), lengths) + random.random(len(ids))))
        ids, weight_texts = ids.take(order), _decimal(weights.take(order))
    texts = pc.binary_join_element_wise(
        pa.scalar(name + _VALUE), ids.cast(pa.string()), pa.scalar(_WEIGHT), weight_texts, ""
    )
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return join_lists(pa.ListArray.from_arrays(offsets, texts, mask=pa.array(lengths == 0)), _FEATURES)


def _decimal(numbers: pa.Array) -> pa.Array:
    """Numbers as text that reads as a float."""
    texts = numbers.cast(pa.string())
    return pc.if_else(pc.match_substring(texts, "."), texts, pc.binary_join_element_wise(texts, pa.scalar(".0"), ""))


def _lengths(column: pa.Array) -> np.ndarray:
    if pa.types.is_list(column.type):
        return np.asarray(pc.fill_null(pc.list_value_length(column), 0)).astype(np.int64)
    return np.asarray(column.is_valid()).astype(np.int64)


def _values(column: pa.Array) -> pa.Array:
    return column.flatten() if pa.types.is_list(column.type) else column.drop_null()


def _indices(sessions: Sessions) -> pa.Array:
    """16 hex characters for each session, string [U], different in the whole log."""
    starts = sessions.first + np.cumsum(sessions.lengths) - sessions.lengths
    return pa.array([f"{(int(start) + 1) * _SPREAD % (1 << 64):016x}" for start in starts], pa.string())


def _csv(*columns: pa.Array) -> bytes:
    return joined_lines(pc.binary_join_element_wise(*(column.cast(pa.string()) for column in columns), ","))
