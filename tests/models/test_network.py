"""Networks with each kind of tower: what they are made of, and whole models trained, saved and asked."""

import numpy as np
import pytest
import tensorflow as tf

from models.conversion_model import ConversionModel, Priors
from models.network import Network, Shape
from models.optimizers import make_optimizer
from models.registry import make_model
from models.settings import ModelSettings, TrainSettings
from schema.fields import Field

FIELDS = (
    Field(name="user_id", entity="user"),
    Field(name="history", entity="user", values=3, vocabulary="video"),
    Field(name="video", entity="item"),
    Field(name="age", entity="user", encoding="log"),
)
ROWS = {"user_id": 6, "video": 7}
# An embedding's vector is 3 long, the input of a tower 3 · 3 + 1.
WIDTH = 10
TOWERS = ("mlp", "cross", "din", "mmoe")
GENERATOR = np.random.default_rng(0)
BATCH = {
    "ids": tf.constant(np.concatenate([GENERATOR.integers(0, 6, (32, 1)), GENERATOR.integers(0, 7, (32, 4))], axis=1)),
    "dense": tf.constant(GENERATOR.normal(size=(32, 1)), tf.float32),
    "click": tf.constant([1, 1, 1, 0] * 8, tf.int64),
    "conversion": tf.constant([1, 0, 0, 0] * 8, tf.int64),
}


def _settings(**others) -> ModelSettings:
    tree = {"embedding_dim": 3, "embedding_stddev": 0.5, "hidden_units": (6, 4), "mmoe": {"hidden_units": (5,)}}
    return ModelSettings.model_validate({**tree, **others})


def _network(settings: ModelSettings, towers=("ctr", "cvr")) -> Network:
    tf.keras.utils.set_random_seed(0)
    network = Network(Shape(FIELDS, ROWS, settings), dict.fromkeys(towers, 0.3), name="network")
    network(BATCH)
    return network


def _untrained(settings: ModelSettings) -> ConversionModel:
    tf.keras.utils.set_random_seed(0)
    model = make_model(Shape(FIELDS, ROWS, settings), Priors(0.7, 0.3))
    model(BATCH)
    return model


def _trained(settings: ModelSettings, steps: int = 1) -> tuple[ConversionModel, tf.keras.callbacks.History]:
    model = _untrained(settings)
    model.compile(optimizer=make_optimizer(model, model.tables, TrainSettings(learning_rate=0.01), steps))
    return model, model.fit(tf.data.Dataset.from_tensors(BATCH).repeat(steps), verbose=0)


def _shapes(weights) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in weights]


MLP = [(6,), (6, 4), (4,), (4, 1), (1,)]


@pytest.mark.parametrize("towers", [("ctr",), ("ctr", "cvr")])
@pytest.mark.parametrize(
    ("kind", "shared", "by_tower", "of_tower"),
    [
        ("mlp", [], [], [(WIDTH, 6), *MLP]),
        ("cross", [], [], [(WIDTH, 6), *MLP, *[(WIDTH, WIDTH), (WIDTH,)] * 3]),
        ("din", [(12, 36), (36,), (36, 1), (1,)], [], [(WIDTH, 6), *MLP]),
        ("mmoe", [(WIDTH, 5), (5,)] * 4, [(WIDTH, 4)], [(5, 6), *MLP]),
    ],
)
def test_what_a_network_is_made_of(kind, shared, by_tower, of_tower, towers):
    network = _network(_settings(tower=kind), towers)
    assert list(network.towers) == list(towers)
    for tower in network.towers.values():
        assert _shapes(tower.weights) == of_tower
    table = [(sum(ROWS.values()), 3)]
    expected = table + shared + by_tower * len(towers) + of_tower * len(towers)
    assert sorted(_shapes(network.weights)) == sorted(expected)


def test_dense_layers_alone_are_the_default():
    network = _network(ModelSettings(embedding_dim=3, hidden_units=(6, 4)))
    assert network.losses == []
    assert sorted(_shapes(network.weights)) == sorted([(13, 3), *[(WIDTH, 6), *MLP] * 2])


def test_settings_reach_the_layers():
    mlp = {"dropout": 0.5, "l2": 0.25, "batch_norm": True, "kernel_initializer": "he_normal"}
    network = _network(_settings(tower="cross", mlp=mlp, cross={"layers": 1, "projection_dim": 2}))
    tower = network.towers["ctr"]
    assert {(WIDTH, 2), (2, WIDTH)} <= set(_shapes(tower.weights))
    assert len(tower.non_trainable_weights) == 4
    squares = sum((weight.astype(np.float64) ** 2).sum() for weight in tower.get_weights() if weight.ndim == 2)
    assert float(tf.add_n(tower.losses)) == pytest.approx(0.25 * squares, rel=1e-5)
    kinds = {type(layer).__name__: layer for layer in tower.submodules}
    assert kinds["Dropout"].rate == 0.5
    assert kinds["Dense"].kernel_initializer.__class__.__name__ == "HeNormal"


def test_the_history_follows_the_candidate_under_din_alone():
    for kind in TOWERS:
        embedding = _network(_settings(tower=kind)).embedding
        # The history's part is the last one; the same history before another candidate.
        one, other = embedding(tf.constant([[1, 2, 3, 0, 4], [1, 2, 3, 0, 5]], tf.int64)).numpy()[:, 6:]
        assert (one != other).all() == (kind == "din")


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("name", ["esmm", "base", "escm2_dr"])
def test_a_step_moves_every_variable_and_l2_is_added_to_its_loss(name, tower):
    settings = _settings(name=name, tower=tower, mlp={"dropout": 0.1, "l2": 0.01, "batch_norm": True})
    untrained = _untrained(settings)
    model, history = _trained(settings)
    squares = 0.0
    for old_network, new_network in zip(untrained.networks, model.networks, strict=True):
        for old, new in zip(old_network.weights, new_network.weights, strict=True):
            assert np.abs(old - new).max() > 0, new.name
            if old.shape.rank == 2 and old is not old_network.embedding.table:
                squares += np.square(old.numpy(), dtype=np.float64).sum()
    shown = {term: values[0] for term, values in history.history.items()}
    assert shown["regularization_loss"] == pytest.approx(0.01 * squares, rel=1e-5)
    assert shown["total_loss"] == pytest.approx(shown["loss"] + 0.01 * squares, rel=1e-5)


@pytest.mark.parametrize("tower", TOWERS)
def test_learns_what_a_batch_holds(tower):
    model, history = _trained(_settings(tower=tower), steps=300)
    assert history.history["loss"][0] < 0.2
    outputs = model(BATCH)
    np.testing.assert_allclose(outputs["pctr"], BATCH["click"], atol=0.2)


@pytest.mark.parametrize("tower", TOWERS)
def test_the_saved_model_neither_drops_out_nor_looks_at_the_batch(tower, tmp_path):
    model, _ = _trained(_settings(tower=tower, mlp={"dropout": 0.5, "batch_norm": True}), steps=3)
    signature = {name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for name, tensor in BATCH.items()}
    module = tf.Module()
    module.model = model
    module.serve = tf.function(lambda features: model(features), input_signature=[signature])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    outputs, expected = loaded.serve(BATCH), model(BATCH, training=False)
    one = loaded.serve({name: tensor[:1] for name, tensor in BATCH.items()})
    for name in ("pctr", "pcvr", "pctcvr"):
        np.testing.assert_allclose(outputs[name], expected[name], rtol=1e-5)
        np.testing.assert_allclose(one[name], expected[name][:1], rtol=1e-5)
    assert np.abs(model(BATCH, training=True)["pctr"] - expected["pctr"]).max() > 0.01


def test_where_each_fields_numbers_stand():
    """The field of several values behind those of one, the dense one last."""
    network = _network(_settings())
    assert network.inputs == {
        "user_id": range(0, 3),
        "video": range(3, 6),
        "history": range(6, 9),
        "age": range(9, 10),
    }
