"""Training with fields of few ids as one-hot columns, against the same network with all fields looked up."""

import numpy as np
import pytest
import tensorflow as tf

from models.lazy_adam import LazyAdam
from models.network import Compute, Network, Shape
from models.settings import ModelSettings
from models.training_vectors import small_fields
from schema.fields import Field

FIELDS = (
    Field(name="age", entity="user"),
    Field(name="user", entity="user"),
    Field(name="watched", entity="user", values=3, vocabulary="genre"),
    Field(name="genre", entity="item"),
    Field(name="of_seller", entity="item", vocabulary="age"),
    Field(name="tags", entity="item", values=2, weights="tag_weights"),
    Field(name="hour", entity="context", encoding="log"),
    Field(name="device", entity="context"),
)
DIM = 4
ROWS = {"age": 4, "user": 9, "genre": 3, "tags": 2, "device": 5}
# Of age, user, watched, genre, of_seller, tags, device. No example has age 1, genre 2.
IDS = [[0, 8, 1, 1, 0, 1, 2, 1, 0, 4], [3, 2, 1, 0, 0, 1, 3, 0, 0, 0], [2, 2, 0, 0, 0, 0, 0, 1, 1, 4]]
FEATURES = {
    "ids": tf.constant(IDS, tf.int64),
    "weights": tf.constant([[0.5, 0.0], [0.0, 0.0], [1.0, 2.0]]),
    "dense": tf.constant([[0.1], [-2.0], [0.7]]),
}


def _network(
    tower: str = "mlp", fields=FIELDS, compute: Compute | None = None, features=FEATURES, mlp: dict | None = None
) -> Network:
    tf.keras.utils.set_random_seed(1)
    tree = {"embedding_dim": DIM, "embedding_stddev": 1.0, "hidden_units": (8, 4), "tower": tower, "mlp": mlp or {}}
    settings = ModelSettings.model_validate(tree)
    rows = {field.name: ROWS[field.name] for field in fields if field.name in ROWS}
    network = Network(Shape(fields, rows, settings, compute or Compute()), {"ctr": 0.3, "cvr": 0.1}, "network")
    network(features)
    return network


def _gradients(network: Network, training: bool) -> dict[str, np.ndarray]:
    with tf.GradientTape() as tape:
        logits = network(FEATURES, training=training)
        loss = tf.reduce_sum(logits["ctr"] ** 2 + 3 * logits["cvr"] ** 2)
    variables = network.trainable_variables
    gradients = [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, variables)]
    return {
        f"{place} {variable.name}": one for place, (variable, one) in enumerate(zip(variables, gradients, strict=True))
    }


@pytest.mark.parametrize(
    ("tower", "names"), [("mlp", ["age", "genre", "of_seller"]), ("din", ["age", "of_seller"])], ids=["mlp", "din"]
)
def test_small_fields_have_one_value_and_no_more_ids_than_numbers(tower, names):
    """Neither more ids, nor several values, nor weights, nor, of `din`, a history."""
    assert [field.name for field in small_fields(_network(tower).embedding, FIELDS)] == names


@pytest.mark.parametrize("tower", ["mlp", "din", "mmoe", "cross"])
def test_training_gives_the_logits_and_gradients_of_lookups(tower):
    network = _network(tower)
    expected = network(FEATURES)
    assert np.ptp(expected["ctr"]) > 0.1
    for name, logits in network(FEATURES, training=True).items():
        np.testing.assert_allclose(logits, expected[name], rtol=1e-4, atol=1e-5)
    ours, theirs = _gradients(network, True), _gradients(network, False)
    for name, gradient in theirs.items():
        np.testing.assert_allclose(ours[name], gradient, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("tower", ["mlp", "din", "mmoe"])
def test_hidden_layers_know_that_they_are_trained(tower):
    whole = _network(tower)(FEATURES)["ctr"].numpy()
    dropped = _network(tower, mlp={"dropout": 0.5})(FEATURES, training=True)["ctr"]
    assert np.abs(dropped - whole).max() > 0.01
    normalised = _network(tower, mlp={"batch_norm": True})
    before = [weight.numpy() for weight in normalised.non_trainable_weights]
    normalised(FEATURES, training=True)
    assert len(before) > 0
    for old, new in zip(before, normalised.non_trainable_weights, strict=True):
        assert np.abs(old - new).max() > 1e-4, new.name


@pytest.mark.parametrize("tower", ["mlp", "din", "mmoe"])
def test_only_rows_that_an_example_has_get_a_gradient(tower):
    network = _network(tower)
    table = network.embedding.table
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(FEATURES, training=True)["ctr"])
    rows = set(tape.gradient(loss, table).indices.numpy())
    first = network.embedding.first_rows
    absent = {first["age"] + 1, first["genre"] + 2}
    of_small = set(range(first["age"], first["age"] + 4)) | set(range(first["genre"], first["genre"] + 3))
    assert of_small - rows == absent


def test_lazy_adam_leaves_rows_alone_that_no_example_has():
    network = _network()
    table, optimizer = network.embedding.table, LazyAdam(0.1)
    row = network.embedding.first_rows["age"] + 2
    other = {**FEATURES, "ids": tf.tensor_scatter_nd_update(FEATURES["ids"], [[2, 0], [0, 6]], [3, 3])}
    before = []
    for features in (FEATURES, other):
        before.append((table.numpy()[row], *(s.numpy()[row] for s in optimizer.variables() if s.shape == table.shape)))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(features, training=True)["ctr"] ** 2)
        optimizer.apply_gradients([(tape.gradient(loss, table), table)])
    after = (table.numpy()[row], *(s.numpy()[row] for s in optimizer.variables() if s.shape == table.shape))
    assert np.abs(before[1][0] - before[0][0]).max() > 0.01
    # The second step has no example with it, though its moments would move it.
    assert len(after) == 3
    np.testing.assert_array_equal(after, before[1])


@pytest.mark.parametrize(
    ("shape", "width"),
    [
        # Four vectors and one number; 4, 3 and 4 columns for age, genre and of_seller.
        ({}, 17 + 11),
        ({"tower": "din"}, 21 + 8),
        ({"tower": "cross"}, 29),
        ({"compute": Compute(xla=True)}, None),
        ({"fields": FIELDS[:1]}, 4),
        ({"fields": FIELDS[1:2]}, 4),
    ],
    ids=["mlp", "din", "cross", "xla", "only small", "none small"],
)
def test_how_wide_the_first_product_is(shape, width):
    """XLA's are in a function of its own."""
    features = FEATURES if "fields" not in shape else {"ids": FEATURES["ids"][:, :1]}
    network = _network(**shape, features=features)
    graph = tf.function(lambda: network(features, training=True)).get_concrete_function().graph
    products = [node for node in graph.get_operations() if node.type == "MatMul" and "attention" not in node.name]
    widths = [product.inputs[1].shape[0] for product in products if product.inputs[0].shape[0] == len(IDS)]
    assert next(iter(widths), None) == width
