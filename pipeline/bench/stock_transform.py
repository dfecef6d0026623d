"""The stock recipe: the preprocessing_fn of TFX's taxi template, with the fields of `pipeline.bench.ids`."""

import tensorflow as tf
import tensorflow_transform as tft

from pipeline.bench.ids import VOCABULARY_SIZES
from schema import contract


def preprocessing_fn(inputs: dict[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Turns each raw feature into one of its own.

    Args:
        inputs: int64 raw features and labels; each a SparseTensor [B, at most 1].

    Returns:
        Each field by its name: int64 [B], the place in its vocabulary.
        `click`, `conversion`: int64 [B].
    """
    outputs = {label: _fill_in_missing(inputs[label]) for label in contract.LABELS}
    for name in VOCABULARY_SIZES:
        filled = _fill_in_missing(inputs[name])
        outputs[name] = tft.compute_and_apply_vocabulary(filled, num_oov_buckets=1, vocab_filename=name)
    return outputs


def _fill_in_missing(values: tf.SparseTensor) -> tf.Tensor:
    """int64 [B], 0 where the value is missing."""
    one_column = tf.SparseTensor(values.indices, values.values, [values.dense_shape[0], 1])
    return tf.squeeze(tf.sparse.to_dense(one_column, 0), axis=1)
