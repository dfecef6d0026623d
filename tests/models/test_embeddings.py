"""Lookups and pooling with a table that can be worked out by hand: row r is (r, 100 + r)."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attention import AttentionPooling
from models.embeddings import FusedEmbedding
from models.towers import DenseLayers
from schema.fields import Field

USER = Field(name="user_id", entity="user")
TAB = Field(name="tab", entity="context")
AGE = Field(name="age", entity="user", encoding="buckets", buckets=2)


def _history(pooling: str, values: int = 3, weights: str = "") -> Field:
    return Field(name="history", entity="user", values=values, pooling=pooling, weights=weights)


def _embedding(fields, rows, dim=2) -> FusedEmbedding:
    embedding = FusedEmbedding(fields, rows, dim, stddev=0.01)
    count = sum(rows[field.name] for field in fields)
    embedding.table.assign(np.arange(count)[:, None] + np.arange(dim) * 100.0)
    return embedding


def _attending(fields, rows) -> FusedEmbedding:
    """Histories are pooled by attention; with random weights, biases too."""
    embedding = FusedEmbedding(fields, rows, 2, stddev=1.0, attention=lambda: AttentionPooling((5,), DenseLayers()))
    embedding(_ids(np.zeros((1, sum(field.slots for field in fields)))), tf.zeros([1, 9]))
    generator = np.random.default_rng(0)
    embedding.set_weights([generator.normal(size=weight.shape) for weight in embedding.get_weights()])
    return embedding


def _attend(embedding: FusedEmbedding, number: int, values: list[int], weights: list[float], candidate: int):
    """What a history's attention makes of rows of the table, in NumPy."""
    parameters = [
        weight.astype(np.float64) for weight in embedding.get_weights() if weight.shape != embedding.table.shape
    ]
    k1, b1, k2, b2 = parameters[4 * number : 4 * number + 4]
    table = embedding.table.numpy().astype(np.float64)
    pooled, c = np.zeros(2), table[candidate]
    for value, weight in zip(values, weights, strict=True):
        v = table[value]
        pooled += weight * (np.maximum(np.concatenate([v, c, v - c, v * c]) @ k1 + b1, 0) @ k2 + b2) * v
    return pooled


def _ids(rows) -> tf.Tensor:
    return tf.constant(rows, tf.int64)


def test_each_field_looks_up_in_its_own_rows():
    embedding = _embedding([USER, TAB, AGE], {"user_id": 4, "tab": 3, "age": 3})
    # First rows of the fields: 0, 4, 7.
    vectors = embedding(_ids([[0, 0, 0], [3, 2, 1]]))
    np.testing.assert_array_equal(vectors, [[0, 100, 4, 104, 7, 107], [3, 103, 6, 106, 8, 108]])


def test_table_has_the_rows_of_all_fields_and_the_wanted_spread():
    tf.keras.utils.set_random_seed(0)
    embedding = FusedEmbedding([USER, TAB], {"user_id": 3000, "tab": 2000}, 4, stddev=0.05)
    table = embedding.table.numpy()
    assert table.shape == (5000, 4)
    assert table.std() == pytest.approx(0.05, rel=0.03)
    assert table.mean() == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize(
    ("pooling", "two_values", "three_values"),
    [
        # Rows of history: 4, 5, 6, 7 for ids 0 to 3.
        ("sum", [5 + 7, 105 + 107], [5 + 5 + 6, 105 + 105 + 106]),
        ("mean", [6, 106], [16 / 3, 316 / 3]),
        ("sqrtn", [12 / 2**0.5, 212 / 2**0.5], [16 / 3**0.5, 316 / 3**0.5]),
    ],
)
def test_pooling_of_present_values_alone(pooling, two_values, three_values):
    embedding = _embedding([USER, _history(pooling)], {"user_id": 4, "history": 4})
    vectors = embedding(_ids([[1, 1, 3, 0], [1, 1, 1, 2], [2, 0, 0, 0], [2, 2, 0, 0]]))
    expected = [[1, 101, *two_values], [1, 101, *three_values], [2, 102, 0, 0], [2, 102, 6, 106]]
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)


def test_fields_of_several_values_come_after_those_of_one():
    embedding = _embedding([_history("sum", 2), USER, TAB], {"history": 3, "user_id": 4, "tab": 2})
    # First rows: history 0, user_id 3, tab 7.
    vectors = embedding(_ids([[1, 2, 1, 1]]))
    np.testing.assert_array_equal(vectors, [[4, 104, 8, 108, 1 + 2, 101 + 102]])


def test_lengths_and_buckets_take_one_slot():
    length = Field(name="history_length", feature="history", entity="user", encoding="length", values=20)
    embedding = _embedding([length, AGE, USER], {"history_length": 21, "age": 3, "user_id": 2})
    # First rows: 0, 21, 24. A length of 0 is a row of its own, not a value to be masked.
    vectors = embedding(_ids([[20, 2, 1], [0, 0, 0]]))
    np.testing.assert_array_equal(vectors, [[20, 120, 23, 123, 25, 125], [0, 100, 21, 121, 24, 124]])


def test_fields_of_several_values_alone():
    embedding = _embedding([_history("sum", 2)], {"history": 3})
    np.testing.assert_array_equal(embedding(_ids([[1, 2], [0, 0]])), [[3, 203], [0, 0]])


@pytest.mark.parametrize("batch", [0, 1])
def test_small_batches(batch):
    embedding = _embedding([USER, _history("mean")], {"user_id": 4, "history": 4})
    vectors = embedding(_ids([[3, 2, 0, 0]] * batch or np.zeros((0, 4))))
    np.testing.assert_array_equal(vectors, np.reshape([[3, 103, 6, 106]] * batch, (batch, 4)))


def test_padding_gets_no_gradient():
    embedding = _embedding([USER, _history("mean")], {"user_id": 2, "history": 4})
    with tf.GradientTape() as tape:
        vectors = embedding(_ids([[1, 1, 3, 0], [1, 0, 0, 0], [0, 2, 2, 1]]))
        total = tf.reduce_sum(vectors)
    gradient = tf.convert_to_tensor(tape.gradient(total, embedding.table)).numpy()
    # user_id: row 0 once, row 1 twice. history: padding never; 1 as a half and a third, 2 as two thirds, 3 as a half.
    expected = [1, 2, 0, 1 / 2 + 1 / 3, 2 / 3, 1 / 2]
    np.testing.assert_allclose(gradient, np.array(expected)[:, None] * [1, 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("pooling", "vectors"),
    [
        # Rows of history: 0 to 3. Two values by weights 3 and -1, all three, one, and two that weigh nothing.
        ("sum", [[3 * 1 - 3, 3 * 101 - 103], [9, 409], [6, 306], [0, 0]]),
        ("mean", [[0, 100], [9 / 4, 409 / 4], [2, 102], [0, 0]]),
        ("sqrtn", [[0, 200 / 10**0.5], [9 / 6.5**0.5, 409 / 6.5**0.5], [2, 102], [0, 0]]),
    ],
)
def test_pooling_by_weights(pooling, vectors):
    embedding = _embedding([_history(pooling, weights="w")], {"history": 4})
    ids = [[1, 3, 0], [1, 2, 3], [2, 0, 0], [3, 1, 0]]
    weights = [[3, -1, 0], [0.5, 2, 1.5], [3, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(embedding(_ids(ids), tf.constant(weights, tf.float32)), vectors, rtol=1e-6, atol=1e-5)


def test_a_weight_without_a_value_counts_for_nothing():
    embedding = _embedding([_history("mean", 2, "w")], {"history": 4})
    np.testing.assert_array_equal(embedding(_ids([[2, 0]]), tf.constant([[1.0, 9.0]])), [[2, 102]])


def test_each_weighted_field_has_its_own_weights():
    fields = [
        _history("sum", 2, "w"),
        USER,
        Field(name="tags", entity="item", values=2, pooling="sum"),
        TAB.model_copy(update={"weights": "x", "pooling": "sum"}),
        Field(name="topics", entity="item", values=2, pooling="mean", weights="y"),
    ]
    # First rows: 0, 4, 8, 12, 16.
    embedding = _embedding(fields, {"history": 4, "user_id": 4, "tags": 4, "tab": 4, "topics": 4})
    ids, weights = [[1, 2, 3, 1, 3, 2, 3, 1]], [[10, 0.5, -2, 3, 1]]
    history, tags, tab, topics = 10 * 1 + 0.5 * 2, 9 + 11, -2 * 14, (3 * 19 + 17) / 4
    expected = [7, 107, history, history + 1050, tags, tags + 200, tab, tab - 200, topics, topics + 100]
    np.testing.assert_allclose(embedding(_ids(ids), tf.constant(weights, tf.float32)), [expected], rtol=1e-6)


# Quarters, so that the weights' sums are exact and their order doesn't matter; they often are 0.
VALUES_WITH_WEIGHTS = st.lists(st.tuples(st.integers(1, 5), st.integers(-12, 12).map(lambda n: n / 4)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(VALUES_WITH_WEIGHTS, min_size=1, max_size=5),
    pooling=st.sampled_from(["mean", "sum", "sqrtn"]),
    seed=st.integers(0, 2**16),
)
def test_weighted_pooling_and_its_gradient_are_those_of_embedding_lookup_sparse(rows, pooling, seed):
    embedding = FusedEmbedding([_history(pooling, 4, "w")], {"history": 6}, 3, stddev=1.0)
    upstream = tf.random.stateless_normal([len(rows), 3], [seed, 1])
    ids = _ids([[value for value, _ in row] + [0] * (4 - len(row)) for row in rows])
    weights = tf.constant([[weight for _, weight in row] + [0] * (4 - len(row)) for row in rows], tf.float32)
    with tf.GradientTape() as tape:
        ours = embedding(ids, weights)
    our_gradient = tape.gradient(ours, embedding.table, upstream)

    table = tf.Variable(embedding.table)
    present = tf.where(ids != 0)
    with tf.GradientTape() as tape:
        stock = tf.nn.embedding_lookup_sparse(
            table,
            tf.SparseTensor(present, tf.gather_nd(ids, present), ids.shape),
            tf.SparseTensor(present, tf.gather_nd(weights, present), ids.shape),
            combiner=pooling,
        )
        # It leaves out the rows behind the last one with a value.
        stock = tf.concat([stock, tf.zeros([len(rows) - stock.shape[0], 3])], axis=0)
    stock_gradient = tape.gradient(stock, table, upstream)
    np.testing.assert_allclose(ours, stock, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        tf.convert_to_tensor(our_gradient), tf.convert_to_tensor(stock_gradient), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("pooling", ["mean", "sum", "sqrtn"])
def test_values_that_weigh_nothing_get_no_gradient(pooling):
    embedding = _embedding([_history(pooling, 2, "w")], {"history": 3})
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(embedding(_ids([[1, 2], [2, 0]]), tf.constant([[0.0, 0], [2, 0]])))
    gradient = tf.convert_to_tensor(tape.gradient(total, embedding.table)).numpy()
    np.testing.assert_allclose(gradient, [[0, 0], [0, 0], [{"sum": 2}.get(pooling, 1)] * 2])


@settings(max_examples=25, deadline=None)
@given(
    ids=st.lists(st.tuples(*[st.integers(0, 5)] * 6), min_size=1, max_size=6),
    poolings=st.tuples(*[st.sampled_from(["mean", "sum", "sqrtn"])] * 2),
)
def test_pooling_agrees_with_numpy(ids, poolings):
    fields = [Field(name=f"f{i}", entity="user", values=3, pooling=pooling) for i, pooling in enumerate(poolings)]
    fields.insert(1, USER)
    embedding = FusedEmbedding(fields, {"f0": 6, "user_id": 6, "f1": 6}, 3, stddev=1.0)
    table = embedding.table.numpy().astype(np.float64)
    ids = np.array([[*row[:3], row[3], *row[3:]] for row in ids])
    expected = []
    for row in ids:
        parts = [table[6 + row[3]]]
        for pooling, first_row, values in zip(poolings, (0, 12), (row[:3], row[4:]), strict=True):
            present = [value for value in values if value]
            divisor = {"sum": 1, "mean": len(present), "sqrtn": len(present) ** 0.5}[pooling]
            parts.append(sum((table[first_row + value] for value in present), np.zeros(3)) / max(divisor, 1))
        expected.append(np.concatenate(parts))
    np.testing.assert_allclose(embedding(_ids(ids)), expected, rtol=1e-5, atol=1e-6)


def test_histories_are_pooled_by_attention_of_their_candidate():
    shared = _history("mean").model_copy(update={"vocabulary": "video"})
    fields = [
        shared.model_copy(update={"name": "favourites", "values": 2, "weights": "w"}),
        USER,
        Field(name="tags", entity="item", values=2),
        Field(name="video", entity="item"),
        shared,
        Field(name="first_seen", entity="user", vocabulary="video"),
    ]
    # First rows: user_id 0, tags 4, video 8.
    # Slots: favourites 0 and 1, user_id 2, tags 3 and 4, video 5, history 6 to 8.
    embedding = _attending(fields, {"user_id": 4, "tags": 4, "video": 5})
    ids = [[1, 3, 2, 1, 3, 4, 3, 2, 0, 1], [2, 0, 1, 2, 0, 0, 1, 1, 1, 0], [0, 0, 3, 0, 0, 2, 0, 0, 0, 4]]
    weights = [[2.0, -0.5], [1, 0], [0, 0]]
    vectors = embedding(_ids(ids), tf.constant(weights)).numpy()
    table = embedding.table.numpy()
    # The fields of one value come first, then the others.
    nothing = np.zeros(2)
    expected = [
        [table[2], table[12], table[9]],
        # The candidate is missing: its row is the one for that.
        [table[1], table[8], table[8]],
        [table[3], table[10], table[12]],
    ]
    expected[0] += [_attend(embedding, 0, [9, 11], [2, -0.5], 12), (table[5] + table[7]) / 2]
    expected[0] += [_attend(embedding, 1, [11, 10], [1, 1], 12)]
    expected[1] += [_attend(embedding, 0, [10], [1], 8), table[6], _attend(embedding, 1, [9, 9, 9], [1, 1, 1], 8)]
    expected[2] += [nothing, nothing, nothing]
    np.testing.assert_allclose(vectors, np.reshape(expected, (3, 12)), rtol=1e-4, atol=1e-5)


def test_padding_of_a_history_gets_no_gradient():
    fields = [Field(name="video", entity="item"), _history("mean").model_copy(update={"vocabulary": "video"})]
    embedding = _attending(fields, {"video": 5})
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(embedding(_ids([[4, 1, 2, 0], [4, 0, 0, 0]])))
    gradient = tf.convert_to_tensor(tape.gradient(total, embedding.table)).numpy()
    # Row 0 is the padding, 3 is not looked up.
    assert (np.abs(gradient).max(axis=1) > 0).tolist() == [False, True, True, False, True]


def test_without_attention_histories_are_pooled_like_other_fields():
    fields = [Field(name="video", entity="item"), _history("sum").model_copy(update={"vocabulary": "video"})]
    embedding = FusedEmbedding(fields, {"video": 4}, 2, stddev=0.01)
    embedding.table.assign(np.arange(4)[:, None] + np.arange(2) * 100.0)
    np.testing.assert_array_equal(embedding(_ids([[2, 1, 3, 0]])), [[2, 102, 4, 204]])
