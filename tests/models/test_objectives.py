"""Losses and their gradients against the definitions, worked out with 120 decimal digits."""

import itertools
from decimal import Decimal, localcontext

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from models import objectives

LOGITS = [-80.0, -30.0, -12.0, -5.0, -1.25, 0.0, 0.5, 3.0, 12.0, 30.0, 80.0]
# Rounding of float32 at 160, the largest term of the grid: 80 + 80.
FLOAT32_AT_160 = 160 * 2.0**-23


def _sigmoid(logit: float) -> Decimal:
    return 1 / (1 + (-Decimal(logit)).exp())


def _exact_ctr(logit: float, click: float) -> tuple[float, float]:
    """Loss and its derivative, from -log p and -log(1 - p) themselves."""
    with localcontext() as context:
        context.prec = 120
        p = _sigmoid(logit)
        return float(-(p if click else 1 - p).ln()), float(p - Decimal(click))


def _exact_ctcvr(a: float, b: float, label: float) -> tuple[float, float, float]:
    """Loss and its derivatives by both logits, from -log p and -log(1 - p) with p the product of two sigmoids."""
    with localcontext() as context:
        context.prec = 120
        pctr, pcvr = _sigmoid(a), _sigmoid(b)
        p = pctr * pcvr
        if label:
            return float(-p.ln()), float(pctr - 1), float(pcvr - 1)
        odds = p / (1 - p)
        return float(-(1 - p).ln()), float(odds * (1 - pctr)), float(odds * (1 - pcvr))


def _ctcvr(a, b, label) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = tf.constant(a, tf.float32), tf.constant(b, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        loss = objectives.ctcvr_loss(a, b, tf.constant(label, tf.float32))
    gradients = tape.gradient(loss, [a, b])
    return loss.numpy(), gradients[0].numpy(), gradients[1].numpy()


@pytest.mark.parametrize("click", [0.0, 1.0])
def test_cross_entropy_and_gradient(click):
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = objectives.cross_entropy(logits, tf.fill([len(LOGITS)], click))
    expected = np.array([_exact_ctr(logit, click) for logit in LOGITS])
    np.testing.assert_allclose(loss, expected[:, 0], rtol=1e-6, atol=1e-37)
    np.testing.assert_allclose(tape.gradient(loss, logits), expected[:, 1], rtol=1e-6, atol=1e-7)


def test_cross_entropy_is_scikit_learns_log_loss():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, 200)
    clicks = generator.integers(0, 2, 200)
    loss = objectives.cross_entropy(tf.constant(logits, tf.float32), tf.constant(clicks, tf.float32))
    assert np.mean(loss) == pytest.approx(log_loss(clicks, 1 / (1 + np.exp(-logits))), rel=1e-6)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_ctcvr_loss_and_gradients_over_the_grid(label):
    grid = list(itertools.product(LOGITS, LOGITS))
    a, b = zip(*grid, strict=True)
    loss, by_a, by_b = _ctcvr(a, b, [label] * len(grid))
    expected = np.array([_exact_ctcvr(x, y, label) for x, y in grid])
    np.testing.assert_allclose(loss, expected[:, 0], rtol=1e-6, atol=FLOAT32_AT_160)
    np.testing.assert_allclose(by_a, expected[:, 1], rtol=1e-6, atol=5e-7)
    np.testing.assert_allclose(by_b, expected[:, 2], rtol=1e-6, atol=5e-7)


def test_ctcvr_loss_by_hand():
    # pCTR = pCVR = 1/2: p = 1/4.
    loss, by_a, by_b = _ctcvr([0.0, 0.0], [0.0, 0.0], [1.0, 0.0])
    np.testing.assert_allclose(loss, [np.log(4), -np.log(0.75)], rtol=1e-6)
    np.testing.assert_allclose(by_a, [-0.5, 0.25 / 0.75 * 0.5], rtol=1e-6)
    np.testing.assert_allclose(by_b, by_a, rtol=1e-6)


@settings(max_examples=200, deadline=None)
@given(
    a=st.floats(-80, 80, width=32), b=st.floats(-80, 80, width=32), label=st.sampled_from([0.0, 1.0])
)  # fmt: skip
def test_ctcvr_loss_is_exact_and_finite_anywhere(a, b, label):
    loss, by_a, by_b = _ctcvr([a], [b], [label])
    expected = _exact_ctcvr(a, b, label)
    np.testing.assert_allclose(loss[0], expected[0], rtol=1e-6, atol=FLOAT32_AT_160)
    np.testing.assert_allclose(by_a[0], expected[1], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(by_b[0], expected[2], rtol=1e-6, atol=1e-6)
    assert np.isfinite([loss[0], by_a[0], by_b[0]]).all()


def test_ctcvr_loss_is_the_plain_log_of_the_product_where_that_is_safe():
    generator = np.random.default_rng(1)
    a, b = generator.uniform(-3, 3, (2, 500))
    p = 1 / (1 + np.exp(-a)) / (1 + np.exp(-b))
    converted, _, _ = _ctcvr(a, b, np.ones(500))
    not_converted, _, _ = _ctcvr(a, b, np.zeros(500))
    np.testing.assert_allclose(converted, -np.log(p), rtol=2e-6)
    np.testing.assert_allclose(not_converted, -np.log(1 - p), rtol=2e-6, atol=1e-6)


def test_losses_are_at_least_zero():
    a, b = np.meshgrid(np.linspace(-80, 80, 161), np.linspace(-80, 80, 161))
    for label in (0.0, 1.0):
        loss, _, _ = _ctcvr(a.ravel(), b.ravel(), np.full(a.size, label))
        assert loss.min() >= 0
        assert objectives.cross_entropy(tf.constant(a.ravel(), tf.float32), tf.fill([a.size], label)).numpy().min() >= 0


def test_ctcvr_loss_of_rare_conversions_is_precise():
    """At the rates of real logs the loss of an impression without conversion is about p itself."""
    a, b = [-3.0, -4.0, -5.0, -6.0], [-4.0, -5.0, -6.0, -7.0]
    loss, by_a, by_b = _ctcvr(a, b, [0.0] * 4)
    expected = np.array([_exact_ctcvr(x, y, 0.0) for x, y in zip(a, b, strict=True)])
    np.testing.assert_allclose(loss, expected[:, 0], rtol=1e-4)
    np.testing.assert_allclose(by_a, expected[:, 1], rtol=1e-4)
    np.testing.assert_allclose(by_b, expected[:, 2], rtol=1e-4)


def test_losses_keep_examples_apart():
    loss, by_a, _ = _ctcvr([1.0, -2.0, 0.3], [0.5, 4.0, -1.0], [1.0, 0.0, 1.0])
    for i, (x, y, label) in enumerate([(1.0, 0.5, 1.0), (-2.0, 4.0, 0.0), (0.3, -1.0, 1.0)]):
        assert loss[i] == pytest.approx(_exact_ctcvr(x, y, label)[0], rel=1e-5)
        assert by_a[i] == pytest.approx(_exact_ctcvr(x, y, label)[1], rel=1e-5)
