"""The matrix products of a training step alone: what no ESMM on this machine is faster than."""

from itertools import pairwise

import tensorflow as tf

from models.settings import ModelSettings
from pipeline.bench.clock import Clock

_TOWERS = 2


def products(fields: int, dtype: str, batch_size: int, seconds: float) -> dict[str, float]:
    """Runs them for both towers, forward and backward.

    Args:
        fields: Their number.
        dtype: Of the factors.
        batch_size: B.
        seconds: How long to measure at least.

    Returns:
        See `pipeline.bench.clock`.
    """
    clock = Clock(seconds)
    settings = ModelSettings()
    widths = [fields * settings.embedding_dim, *settings.hidden_units, 1]
    inputs = tf.Variable(tf.random.normal([batch_size, widths[0]], dtype=dtype))
    # As large as keeps the products' values at the size of the factors'.
    towers = [
        [tf.Variable(tf.random.normal(pair, 0, pair[0] ** -0.5, dtype)) for pair in pairwise(widths)]
        for _ in range(_TOWERS)
    ]

    @tf.function
    def step() -> list[tf.Tensor]:
        return [product for kernels in towers for product in tower_products(inputs, kernels)]

    step()
    while not clock.tick():
        step()
    return clock.figures(batch_size)


def tower_products(inputs: tf.Tensor, kernels: list[tf.Variable]) -> list[tf.Tensor]:
    """Those of a tower, with the logits in the place of their gradient.

    Args:
        inputs: [B, width].
        kernels: Of its layers, [width before, width].

    Returns:
        The gradients of the kernels, from the last to the first, and of the inputs.
    """
    layers = [inputs]
    for kernel in kernels:
        layers.append(layers[-1] @ kernel)
    gradient = layers.pop()
    gradients = []
    for kernel, layer in zip(reversed(kernels), reversed(layers), strict=True):
        gradients.append(tf.matmul(layer, gradient, transpose_a=True))
        gradient = tf.matmul(gradient, kernel, transpose_b=True)
    return [*gradients, gradient]
