"""A network asked for the candidates of one request, beside the same network asked for each of them."""

import numpy as np
import pytest
import tensorflow as tf

from models.candidates import Candidates, spread
from models.network import Network, Shape
from models.settings import ModelSettings
from schema.fields import Field

USER = Field(name="user", entity="user")
FIELDS = (
    USER,
    Field(name="watched", entity="user", values=3, vocabulary="item"),
    Field(name="friends", entity="user", values=3, vocabulary="user", pooling="sum"),
    Field(name="item", entity="item"),
    Field(name="tags", entity="item", values=2, weights="tag_weights"),
    Field(name="hour", entity="context", encoding="log"),
    Field(name="price", entity="item", encoding="log"),
    Field(name="seen", entity="cross"),
)
ROWS = {"user": 10, "item": 20, "tags": 7, "seen": 9}
# Of user, watched, friends; item, tags, seen.
SHARED_IDS = [3, 5, 9, 0, 2, 2, 4]
OWN_IDS = [[1, 2, 3, 4], [5, 0, 0, 0], [19, 6, 6, 8], [2, 1, 0, 1], [0, 0, 0, 0]]


def _features(*shared_rows: int) -> dict[str, tf.Tensor]:
    """Of the candidates; what they share stands in some rows, in the others zeros."""
    ids = np.zeros([len(OWN_IDS), 11], np.int64)
    ids[:, 7:] = OWN_IDS
    ids[shared_rows, :7] = SHARED_IDS
    dense = np.linspace(-1, 1, len(OWN_IDS), dtype=np.float32)[:, np.newaxis] * [0, 1]
    dense[shared_rows, 0] = 0.7
    weights = np.where(ids[:, 8:10] > 0, 0.5 + np.arange(len(OWN_IDS))[:, np.newaxis], 0)
    return {
        "ids": tf.constant(ids),
        "weights": tf.constant(weights, tf.float32),
        "dense": tf.constant(dense, tf.float32),
    }


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("tower", ["mlp", "cross", "din", "mmoe"])
def test_candidates_get_the_logits_of_the_whole_examples(tower, batch_norm):
    tf.keras.utils.set_random_seed(1)
    settings = {"embedding_dim": 4, "embedding_stddev": 1.0, "hidden_units": (8, 4), "tower": tower}
    mlp = {"batch_norm": batch_norm, "dropout": 0.5}
    network = Network(Shape(FIELDS, ROWS, ModelSettings(**settings, mlp=mlp)), {"ctr": 0.3, "cvr": 0.1}, "network")
    expected = network(_features(*range(len(OWN_IDS))))
    assert np.ptp(expected["ctr"]) > 0.1
    ranked = network.rank(_features(0))
    for name, logits in expected.items():
        np.testing.assert_allclose(ranked[name], logits, atol=1e-5)


@pytest.mark.parametrize("fields", [(USER,), (FIELDS[3],), (USER, FIELDS[6])], ids=["shared", "own", "both"])
def test_either_side_may_have_no_field(fields):
    settings = ModelSettings(embedding_dim=4, embedding_stddev=1.0, hidden_units=(8,))
    rows = {field.name: ROWS[field.name] for field in fields if field.encoding != "log"}
    network = Network(Shape(fields, rows, settings), {"ctr": 0.3}, "network")
    features = {"ids": tf.constant([[4], [4]], tf.int64)}
    if fields[-1].encoding == "log":
        features["dense"] = tf.constant([[0.5], [0.25]])
    expected = network(features)["ctr"]
    np.testing.assert_allclose(network.rank(features)["ctr"], expected, atol=1e-6)


def test_a_product_is_that_of_the_whole_vectors():
    random = np.random.default_rng(1)
    own, kernel = random.normal(size=(3, 2)).astype(np.float32), random.normal(size=(5, 4)).astype(np.float32)
    columns = np.array([3, 1])
    candidates = Candidates(tf.constant([[1.0, 0.0, 2.0, 0.0, 3.0]]), tf.constant(own), columns)
    whole = np.tile(np.float32([1, 0, 2, 0, 3]), (3, 1))
    whole[:, columns] = own
    np.testing.assert_array_equal(candidates.whole(), whole)
    np.testing.assert_allclose(candidates.product(tf.constant(kernel), None), whole @ kernel, rtol=1e-5)


def test_columns_are_spread():
    spread_out = spread(tf.constant([[1.0, 2.0], [3.0, 4.0]]), np.array([2, 0]), 4)
    np.testing.assert_array_equal(spread_out, [[2, 0, 1, 0], [4, 0, 3, 0]])
