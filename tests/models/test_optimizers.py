"""What goes to which optimizer; each against the optimizer alone, NumPy, and itself on two replicas."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models.lazy_adam import LazyAdam
from models.optimizers import make_optimizer
from models.settings import TrainSettings

legacy = tf.keras.optimizers.legacy
STEPS = (([0, 1], 1.0), ([1], -0.3), ([1, 1], 0.7))


class _Model(tf.keras.Model):
    """A table and a dense layer, made only when the model is first called."""

    def __init__(self, rows: int = 4):
        super().__init__()
        self.table = self.add_weight("table", (rows, 2), initializer="zeros")
        self.dense = tf.keras.layers.Dense(1)

    def call(self, ids):
        return self.dense(tf.gather(self.table, ids))


def _apply(optimizer, model: _Model, ids, gradient: float) -> None:
    table_gradient = tf.IndexedSlices(tf.fill([len(ids), 2], gradient), tf.constant(ids), tf.constant([4, 2]))
    kernel, bias = model.dense.kernel, model.dense.bias
    optimizer.apply_gradients(
        [(table_gradient, model.table), (tf.fill([2, 1], gradient), kernel), (tf.fill([1], gradient), bias)]
    )


def _trained(**settings) -> tuple[_Model, np.ndarray]:
    """A model after `STEPS`, and its kernel before them."""
    model = _Model()
    train = TrainSettings(learning_rate=0.01, embedding_learning_rate=0.2, **settings)
    optimizer = make_optimizer(model, [model.table], train, steps=10)
    model(tf.constant([0]))  # The dense layer's variables are made after the optimizer.
    kernel = model.dense.kernel.numpy()
    for ids, gradient in STEPS:
        _apply(optimizer, model, ids, gradient)
    return model, kernel


@pytest.mark.parametrize(
    ("settings", "alone"),
    [
        ({}, LazyAdam(0.2, epsilon=1e-8)),
        ({"embedding_optimizer": "lazy_adam"}, LazyAdam(0.2, epsilon=1e-8)),
        ({"embedding_optimizer": "adam"}, legacy.Adam(0.2, epsilon=1e-8)),
        ({"embedding_optimizer": "adagrad"}, legacy.Adagrad(0.2)),
        (
            {"embedding_optimizer": "adagrad", "adagrad": {"initial_accumulator": 0.3}},
            legacy.Adagrad(0.2, initial_accumulator_value=0.3),
        ),
        ({"embedding_optimizer": "ftrl"}, legacy.Ftrl(0.2)),
        (
            {"embedding_optimizer": "ftrl", "ftrl": {"initial_accumulator": 0.3, "l1": 0.2, "l2": 0.4}},
            legacy.Ftrl(
                0.2, initial_accumulator_value=0.3, l1_regularization_strength=0.2, l2_regularization_strength=0.4
            ),
        ),
    ],
)
def test_table_goes_to_the_optimizer_asked_for_and_the_rest_to_adam(settings, alone):
    model, before = _trained(**settings)
    table, kernel, adam = tf.Variable(tf.zeros([4, 2])), tf.Variable(before), legacy.Adam(0.01, epsilon=1e-8)
    for ids, gradient in STEPS:
        slices = tf.IndexedSlices(tf.fill([len(ids), 2], gradient), tf.constant(ids), tf.constant([4, 2]))
        alone.apply_gradients([(slices, table)])
        adam.apply_gradients([(tf.fill([2, 1], gradient), kernel)])
    np.testing.assert_array_equal(model.table, table)
    np.testing.assert_array_equal(model.dense.kernel, kernel)
    assert np.all(model.table[:2] != 0)
    assert not np.any(model.table[2:])


def test_adagrad_by_hand():
    """Duchi et al., JMLR 2011: the rate is divided by the root of the sum of squares."""
    model, _ = _trained(embedding_optimizer="adagrad", adagrad={"initial_accumulator": 0.5})
    row_0 = -0.2 * 1 / 1.5**0.5
    row_1 = row_0 - 0.2 * (-0.3 / 1.59**0.5 + 1.4 / (1.59 + 1.96) ** 0.5)
    np.testing.assert_allclose(model.table[:2], [[row_0] * 2, [row_1] * 2], rtol=1e-5)


def test_ftrl_by_hand():
    """McMahan et al., KDD 2013, algorithm 1; TensorFlow's L2 strength is half of the paper's."""
    settings = {"initial_accumulator": 0.5, "l1": 0.6, "l2": 0.4}
    model, _ = _trained(embedding_optimizer="ftrl", ftrl=settings)
    for row, gradients in ((0, [1.0]), (1, [1.0, -0.3, 1.4])):
        w, z, n = 0.0, 0.0, 0.5
        for g in gradients:
            z += g - (np.sqrt(n + g * g) - np.sqrt(n)) / 0.2 * w
            n += g * g
            w = 0.0 if abs(z) <= 0.6 else -(z - np.sign(z) * 0.6) / (np.sqrt(n) / 0.2 + 2 * 0.4)
        np.testing.assert_allclose(model.table[row], [w, w], rtol=1e-5)


def test_ftrl_makes_weights_zero():
    model, _ = _trained(embedding_optimizer="ftrl", ftrl={"l1": 1.1})
    # Row 0 has seen a gradient of 1 alone.
    assert not np.any(model.table[0])
    assert np.all(model.table[1] < 0)


@pytest.mark.parametrize("optimizer", ["lazy_adam", "adagrad", "ftrl", "adam"])
@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_only_the_exact_adam_reads_a_whole_table(optimizer, clip_norm):
    rows = 997
    model = _Model(rows)
    decay = 0.0 if optimizer == "ftrl" else 0.1
    train = TrainSettings(embedding_optimizer=optimizer, clip_norm=clip_norm, weight_decay=decay)
    made = make_optimizer(model, [model.table], train, steps=10)

    @tf.function
    def step(ids):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(ids))
        made.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )

    graph = step.get_concrete_function(tf.TensorSpec([None], tf.int64)).graph
    nodes = [*graph.as_graph_def().node, *(node for f in graph.as_graph_def().library.function for node in f.node_def)]
    whole = [output.name for op in graph.get_operations() for output in op.outputs if rows in tuple(output.shape)]
    assert bool(whole) == (optimizer == "adam"), whole
    assert any(node.op == "ResourceGather" for node in nodes)


def test_absent_rows_move_under_the_exact_adam_alone():
    """Row 0 has a gradient in the first of three steps."""
    moved = {name: _trained(embedding_optimizer=name)[0].table[0, 0] for name in ("lazy_adam", "adam")}
    np.testing.assert_allclose(moved["lazy_adam"], -0.2, rtol=1e-5)
    assert moved["adam"] < -0.4


@pytest.mark.parametrize(("final", "steps"), [(0.0, 5), (0.25, 4), (1.0, 3)])
def test_learning_rates_fall_linearly_to_their_final_share(final, steps):
    train = TrainSettings(learning_rate=0.01, embedding_learning_rate=0.04, final_learning_rate=final)
    model = _Model()
    optimizer = make_optimizer(model, [model.table], train, steps)
    model(tf.constant([0]))
    moved = []
    for _ in range(steps + 2):
        table, bias = model.table.numpy(), model.dense.bias.numpy()
        _apply(optimizer, model, [0], 1.0)
        # Under a constant gradient Adam's step has the length of the learning rate.
        moved.append([table[0, 0] - model.table.numpy()[0, 0], bias[0] - model.dense.bias.numpy()[0]])
    share = [1 - (1 - final) * min(step / steps, 1) for step in range(steps + 2)]
    np.testing.assert_allclose(moved, np.outer(share, [0.04, 0.01]), rtol=1e-3, atol=1e-8)


def test_clip_norm_is_of_all_gradients():
    """Adam does not see the gradient's size; Adagrad's sum of squares does."""
    settings = {"embedding_optimizer": "adagrad", "adagrad": {"initial_accumulator": 1.0}}
    norm = np.sqrt(2 * 2 + 2 + 1)  # Two entries in each of two rows, two of the kernel, one bias.
    once = []
    for clip_norm in (None, norm / 2):
        model = _Model()
        optimizer = make_optimizer(model, [model.table], TrainSettings(clip_norm=clip_norm, **settings), steps=1)
        model(tf.constant([0]))
        _apply(optimizer, model, [0, 1], 1.0)
        once.append(model.table[0, 0])
    np.testing.assert_allclose(once, [-0.001 / 2**0.5, -0.001 * 0.5 / 1.25**0.5], rtol=1e-5)


def test_weight_decay_is_of_kernels_and_of_rows_looked_up():
    (plain, before), (decayed, start) = _trained(), _trained(weight_decay=0.5)
    shrunk = start
    for _ in STEPS:
        shrunk = shrunk * (1 - 0.01 * 0.5)
    # The same gradients, whatever the weights are: Adam's part is the same.
    np.testing.assert_allclose(decayed.dense.kernel - shrunk, plain.dense.kernel - before, atol=2e-4)
    np.testing.assert_array_equal(decayed.dense.bias, plain.dense.bias)
    np.testing.assert_allclose(decayed.table[0], plain.table[0], rtol=1e-6)  # Was 0, and was looked up once.
    assert np.all(decayed.table[1] > plain.table[1])
    assert not np.any(decayed.table[2:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"embedding_optimizer": "ftrl", "weight_decay": 0.1},
            "weight_decay should be 0 for embedding_optimizer ftrl, which has ftrl.l2. Received: 0.1",
        ),
        ({"schedule": "cosine"}, "schedule cosine should have a final_learning_rate below 1. Received: 1"),
    ],
)
def test_settings_that_contradict_each_other(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainSettings(**settings)


@pytest.mark.slow
def test_two_replicas_with_half_a_batch_each_are_one_with_all_of_it():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    script = Path(__file__).parent / "two_replicas.py"
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert {run["settings"]["embedding_optimizer"] for run in told} == {"lazy_adam", "adam", "adagrad", "ftrl"}
    for run in told:
        assert run["replicas"] == 2
        assert run["difference"] < 1e-6, run
        assert run["moved"] > 1e-3, run
