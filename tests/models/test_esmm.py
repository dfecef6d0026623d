"""ESMM's outputs, loss and gradients against the same network in float64 NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from models.conversion_model import Priors
from models.esmm import EsmmModel
from models.network import Shape
from models.settings import ModelSettings
from schema.fields import Field

FIELDS = (
    Field(name="user_id", entity="user"),
    Field(name="history", entity="user", values=2, pooling="sum"),
    Field(name="age", entity="user", encoding="log"),
)
ROWS = {"user_id": 5, "history": 4}
SETTINGS = ModelSettings(embedding_dim=3, embedding_stddev=0.5, hidden_units=(8, 6))
BATCH = {
    "ids": np.array([[1, 2, 3], [2, 1, 0], [3, 0, 0], [4, 3, 3], [1, 1, 0], [0, 2, 1]]),
    "dense": np.array([[0.5], [-1.0], [0.0], [2.0], [-0.3], [1.5]]),
    "click": np.array([1, 1, 0, 0, 1, 0]),
    # The last conversion came without a click.
    "conversion": np.array([1, 0, 0, 0, 1, 1]),
}


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _tensors(batch) -> dict[str, tf.Tensor]:
    floats = ("weights", "dense")
    return {name: tf.constant(values, tf.float32 if name in floats else tf.int64) for name, values in batch.items()}


def _model(fields=FIELDS, batch=BATCH) -> EsmmModel:
    """With random weights, biases too."""
    tf.keras.utils.set_random_seed(4)
    model = EsmmModel(Shape(fields, ROWS, SETTINGS), Priors(click=0.3, conversion=0.2))
    model(_tensors(batch))
    generator = np.random.default_rng(4)
    for weight in model.trainable_weights:
        weight.assign(generator.normal(0, 0.7, weight.shape))
    return model


def _numpy_logits(model: EsmmModel, batch) -> tuple[np.ndarray, np.ndarray]:
    table = model.tables[0].numpy().astype(np.float64)
    ids = batch["ids"]
    by_value = batch.get("weights", ids[:, 1:] != 0)
    history = sum(table[5 + ids[:, slot]] * by_value[:, slot - 1, None] for slot in (1, 2))
    inputs = np.concatenate([table[ids[:, 0]], history, batch["dense"]], axis=1)
    logits = []
    for name in ("ctr", "cvr"):
        k1, b1, k2, b2, k3, b3 = [weight.astype(np.float64) for weight in model.networks[0].towers[name].get_weights()]
        hidden = np.maximum(np.maximum(inputs @ k1 + b1, 0) @ k2 + b2, 0)
        logits.append((hidden @ k3 + b3)[:, 0])
    return logits[0], logits[1]


def _numpy_losses(a, b, batch) -> tuple[np.ndarray, np.ndarray]:
    """Both cross-entropies of equation 4, for each example, from the probabilities."""
    pctr, pctcvr = _sigmoid(a), _sigmoid(a) * _sigmoid(b)
    y, z = batch["click"], batch["click"] * batch["conversion"]
    ctr = -(y * np.log(pctr) + (1 - y) * np.log(1 - pctr))
    return ctr, -(z * np.log(pctcvr) + (1 - z) * np.log(1 - pctcvr))


def _numpy_logit_gradients(a, b, batch) -> tuple[np.ndarray, np.ndarray]:
    """Of the sum of both losses, for each example."""
    pctr, pcvr = _sigmoid(a), _sigmoid(b)
    odds = pctr * pcvr / (1 - pctr * pcvr)
    y, z = batch["click"], batch["click"] * batch["conversion"]
    by_a = (pctr - y) + np.where(z, pctr - 1, odds * (1 - pctr))
    return by_a, np.where(z, pcvr - 1, odds * (1 - pcvr))


def _gradients(model: EsmmModel, batch, variables) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss = model.compute_loss(_tensors(batch), training=True)
    return [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, variables)]


def _logits(model: EsmmModel, batch) -> list[np.ndarray]:
    logits = model.logits(_tensors(batch))
    return [logits["ctr"], logits["cvr"]]


def _last_biases(model: EsmmModel) -> list[tf.Variable]:
    """What is added to each logit, so its gradient is the sum of the logits' gradients."""
    return [model.networks[0].towers[name].trainable_weights[-1] for name in ("ctr", "cvr")]


def test_logits_and_outputs():
    model = _model()
    a, b = _numpy_logits(model, BATCH)
    np.testing.assert_allclose(_logits(model, BATCH), [a, b], rtol=1e-5, atol=1e-5)
    outputs = model(_tensors(BATCH))
    assert sorted(outputs) == ["pctcvr", "pctr", "pcvr"]
    np.testing.assert_allclose(outputs["pctr"], _sigmoid(a), rtol=1e-5)
    np.testing.assert_allclose(outputs["pcvr"], _sigmoid(b), rtol=1e-5)
    np.testing.assert_allclose(outputs["pctcvr"], _sigmoid(a) * _sigmoid(b), rtol=1e-5)
    # The towers are not the same network.
    assert np.abs(a - b).min() > 0.01


def test_values_count_by_their_weights():
    fields = (FIELDS[0], FIELDS[1].model_copy(update={"weights": "watched"}), FIELDS[2])
    weights = np.array([[0.5, 3], [-1, 0], [0, 0], [2, 2], [1, 0], [1, 0.25]])
    batch = {**BATCH, "weights": weights}
    model = _model(fields, batch)
    logits = np.stack(_numpy_logits(model, batch))
    np.testing.assert_allclose(_logits(model, batch), logits, rtol=1e-5, atol=1e-5)
    ctr, ctcvr = _numpy_losses(*logits, batch)
    assert float(model.compute_loss(_tensors(batch))) == pytest.approx((ctr + ctcvr).mean(), rel=1e-5)
    assert np.abs(logits - np.stack(_numpy_logits(model, BATCH)))[:, :2].min() > 0.01


def test_a_batch_of_one():
    model = _model()
    one = {name: values[3:4] for name, values in BATCH.items()}
    outputs = model(_tensors(one))
    np.testing.assert_allclose(outputs["pctcvr"], model(_tensors(BATCH))["pctcvr"][3:4], rtol=1e-5)
    ctr, ctcvr = _numpy_losses(*_numpy_logits(model, one), one)
    assert float(model.compute_loss(_tensors(one))) == pytest.approx((ctr + ctcvr)[0], rel=1e-5)


def test_no_dense_fields():
    model = EsmmModel(Shape(FIELDS[:2], ROWS, SETTINGS), Priors(0.3, 0.2))
    features = {"ids": tf.constant(BATCH["ids"])}
    outputs = model(features)
    assert model.networks[0].towers["ctr"].get_weights()[0].shape[0] == 2 * 3
    logits = model.logits(features)
    np.testing.assert_allclose(outputs["pctcvr"], _sigmoid(logits["ctr"]) * _sigmoid(logits["cvr"]), rtol=1e-6)


def test_loss_is_equation_4():
    model = _model()
    ctr, ctcvr = _numpy_losses(*_numpy_logits(model, BATCH), BATCH)
    assert float(model.compute_loss(_tensors(BATCH))) == pytest.approx(ctr.mean() + ctcvr.mean(), rel=1e-5)
    assert {metric.name: float(metric.result()) for metric in model.metrics} == {
        "ctr_loss": pytest.approx(ctr.mean(), rel=1e-5),
        "ctcvr_loss": pytest.approx(ctcvr.mean(), rel=1e-5),
    }


@pytest.mark.parametrize("example", range(6))
def test_gradients_by_the_logits_of_each_example(example):
    """Unclicked impressions too move the CVR tower: pCVR is learned over all impressions."""
    model = _model()
    one = {name: values[example : example + 1] for name, values in BATCH.items()}
    expected = _numpy_logit_gradients(*_numpy_logits(model, one), one)
    np.testing.assert_allclose(_gradients(model, one, _last_biases(model)), expected, rtol=1e-4, atol=1e-6)
    assert abs(expected[1][0]) > 1e-4


def test_gradients_are_means_over_the_batch():
    model = _model()
    by_a, by_b = _numpy_logit_gradients(*_numpy_logits(model, BATCH), BATCH)
    gradients = _gradients(model, BATCH, _last_biases(model))
    np.testing.assert_allclose(gradients, [[by_a.mean()], [by_b.mean()]], rtol=1e-4, atol=1e-6)


def test_conversion_without_a_click_is_no_conversion():
    model = _model()
    corrected = {**BATCH, "conversion": BATCH["click"] * BATCH["conversion"]}
    assert corrected["conversion"].sum() < BATCH["conversion"].sum()
    assert float(model.compute_loss(_tensors(corrected))) == float(model.compute_loss(_tensors(BATCH)))


@pytest.mark.parametrize("tower", [0, 1], ids=["ctr", "cvr"])
def test_both_towers_train_the_one_table(tower):
    """The table's gradient by one tower's logits, against central differences of the network in NumPy."""
    model = _model()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(_logits(model, BATCH)[tower])
    gradient = tf.convert_to_tensor(tape.gradient(total, model.tables[0])).numpy()
    table = model.tables[0].numpy()
    step = 2.0**-10
    for row, column in np.ndindex(*table.shape):
        totals = []
        for sign in (1, -1):
            moved = table.copy()
            moved[row, column] += sign * step
            model.tables[0].assign(moved)
            totals.append(_numpy_logits(model, BATCH)[tower].sum())
        assert gradient[row, column] == pytest.approx((totals[0] - totals[1]) / (2 * step), rel=1e-3, abs=1e-4)
    # Row 5 is history's padding; every other row is looked up.
    assert np.abs(gradient).max(axis=1)[5] == 0
    assert (np.abs(gradient).max(axis=1)[[0, 1, 2, 3, 4, 6, 7, 8]] > 1e-3).all()


def test_there_is_one_table():
    assert [v.name for v in _model().trainable_variables if v.shape[0] == sum(ROWS.values())] == ["table:0"]


def test_priors_set_the_initial_outputs():
    tf.keras.utils.set_random_seed(1)
    settings = ModelSettings(embedding_dim=3, embedding_stddev=1e-6, hidden_units=(4,))
    model = EsmmModel(Shape(FIELDS, ROWS, settings), Priors(click=0.07, conversion=0.002))
    outputs = model(_tensors({**BATCH, "dense": np.zeros((6, 1))}))
    np.testing.assert_allclose(outputs["pctr"], np.full(6, 0.07), rtol=1e-4)
    np.testing.assert_allclose(outputs["pcvr"], np.full(6, 0.002), rtol=1e-4)
    np.testing.assert_allclose(outputs["pctcvr"], np.full(6, 0.07 * 0.002), rtol=1e-4)


def test_learns_the_rates_of_a_synthetic_log():
    """Four users of 100 impressions each, every one with rates of his own: pCVR is found though it has no loss."""
    rates = {1: (50, 5), 2: (50, 40), 3: (20, 10), 4: (80, 8)}  # clicks, conversions
    ids, click, conversion = [], [], []
    for user, (clicks, conversions) in rates.items():
        ids += [[user]] * 100
        click += [1] * clicks + [0] * (100 - clicks)
        conversion += [1] * conversions + [0] * (100 - conversions)
    tf.keras.utils.set_random_seed(3)
    settings = ModelSettings(embedding_dim=4, embedding_stddev=0.1, hidden_units=(8,))
    model = EsmmModel(Shape(FIELDS[:1], {"user_id": 5}, settings), Priors(click=0.5, conversion=63 / 200))
    model.compile(optimizer=tf.keras.optimizers.legacy.Adam(0.03))
    examples = {"ids": tf.constant(ids, tf.int64), "click": tf.constant(click), "conversion": tf.constant(conversion)}
    data = tf.data.Dataset.from_tensors(examples).repeat(300)
    history = model.fit(data, epochs=1, verbose=0).history
    outputs = model({"ids": tf.constant([[1], [2], [3], [4]], tf.int64)})
    np.testing.assert_allclose(outputs["pctr"], [0.5, 0.5, 0.2, 0.8], atol=0.01)
    np.testing.assert_allclose(outputs["pcvr"], [0.1, 0.8, 0.5, 0.1], atol=0.01)
    np.testing.assert_allclose(outputs["pctcvr"], [0.05, 0.4, 0.1, 0.08], atol=0.01)
    # No model does better than the entropy of the rates.
    p = np.array([0.5, 0.5, 0.2, 0.8, 0.05, 0.4, 0.1, 0.08])
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum() / 4
    assert entropy - 1e-6 < history["loss"][-1] < entropy + 1e-3
