"""The preprocessing_fn of tf.Transform: from raw features to packed ids.

The same graph runs over the training data and inside the served model, so there is no difference between the two.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_transform as tft

from models import vocabularies
from schema import contract
from schema import fields as schema_fields
from schema.fields import Field

# Key of the fields' JSON in the custom_config that Transform hands to preprocessing_fn.
FIELDS_KEY = "fields"


def preprocessing_fn(inputs: dict[str, tf.SparseTensor], custom_config: dict[str, str]) -> dict[str, tf.Tensor]:
    """Turns raw features into the packed ones that `models.inputs` reads.

    Args:
        inputs: Raw features and labels; each a SparseTensor [B, number of values].
        custom_config: `fields`: the fields as JSON, see `schema.fields.to_json`.

    Returns:
        `ids`: int64 [B, S], see `schema.fields.embedded`.
        `dense`: float32 [B, N], if there are dense fields.
        `click`, `conversion`: int64 [B].
    """
    fields = schema_fields.from_json(custom_config[FIELDS_KEY])
    embedded, dense = schema_fields.embedded(fields), schema_fields.dense(fields)
    by_name = {field.name: field for field in embedded}

    owners = [field for field in embedded if field.encoding == "vocabulary" and not field.vocabulary]
    paths = vocabularies.write_vocabularies([_tokens(owner, embedded, inputs) for owner in owners], owners)
    path_by_owner = {field.name: path for field, path in zip(owners, paths, strict=True)}

    slots = []
    for field in embedded:
        values = inputs[field.source]
        if field.encoding == "vocabulary":
            owner = by_name[field.vocabulary_owner]
            ids = _vocabulary_ids(values.values, path_by_owner[owner.name], owner)
            slots.append(_to_slots(values.with_values(ids + 1), field.slots, field.keep))
        elif field.encoding == "hash":
            ids = _hash_ids(values.values, field.buckets)
            slots.append(_to_slots(values.with_values(ids + 1), field.slots, field.keep))
        elif field.encoding == "buckets":
            ids = _bucket_ids(values.values, field)
            slots.append(_to_slots(values.with_values(ids + 1), field.slots))
        else:
            slots.append(_lengths(values, field.values))
    outputs = {contract.IDS: tf.concat(slots, axis=1)}
    if dense:
        outputs[contract.DENSE] = tf.concat([_standardised_log(inputs[field.source]) for field in dense], axis=1)
    for label in contract.LABELS:
        outputs[label] = tf.reshape(_to_slots(inputs[label], 1), [-1])
    return outputs


def _tokens(owner: Field, fields: Sequence[Field], inputs: Mapping[str, tf.SparseTensor]) -> tf.Tensor:
    """What a field's vocabulary is counted of: its values and those of the fields that share it, [number of values]."""
    sharing = [f for f in fields if f.encoding == "vocabulary" and f.vocabulary_owner == owner.name]
    # Fields of the same feature have the same tokens, to be counted once.
    return tf.concat([inputs[source].values for source in sorted({field.source for field in sharing})], axis=0)


def _hash_ids(tokens: tf.Tensor, buckets: int) -> tf.Tensor:
    """Ids from 0 to `buckets` - 1, the same for the same token in every process; of shape [number of values]."""
    if tokens.dtype != tf.string:
        tokens = tf.strings.as_string(tokens)
    return tf.strings.to_hash_bucket_fast(tokens, buckets)


def _vocabulary_ids(tokens: tf.Tensor, path: tf.Tensor, field: Field) -> tf.Tensor:
    """Ids from 0: the vocabulary's lines, then the buckets of what is out of it. Shape [number of values]."""
    return tft.apply_vocabulary(tokens, path, num_oov_buckets=field.oov_buckets)


def _bucket_ids(numbers: tf.Tensor, field: Field) -> tf.Tensor:
    """Ids from 0 to `field.buckets` - 1, of shape [number of values]."""
    numbers = tf.cast(numbers, tf.float32)
    boundaries = tft.quantiles(numbers, field.buckets, epsilon=0.1 / field.buckets, name=f"quantiles_{field.name}")
    return tf.cast(tft.apply_buckets(numbers, boundaries), tf.int64)


def _lengths(values: tf.SparseTensor, largest: int) -> tf.Tensor:
    """Number of values of each row, at most `largest`; int64 [B, 1]."""
    ones = values.with_values(tf.ones_like(values.values, tf.int64))
    return tf.reshape(tf.minimum(tf.sparse.reduce_sum(ones, axis=1), largest), [-1, 1])


def _standardised_log(values: tf.SparseTensor) -> tf.Tensor:
    """float32 [B, 1], of mean 0 and variance 1 over the analysed data; 0 where the value is missing."""
    numbers = tf.cast(values.values, tf.float32)
    scaled = tft.scale_to_z_score(tf.sign(numbers) * tf.math.log1p(tf.abs(numbers)))
    return _to_slots(values.with_values(scaled), 1)


def _to_slots(values: tf.SparseTensor, slots: int, keep: str = "first") -> tf.Tensor:
    """The first, or last, `slots` values of each row, [B, slots], in their order, with 0 where there are fewer."""
    rows = values.dense_shape[0]
    if keep == "last":
        row, place = values.indices[:, 0], values.indices[:, 1]
        surplus = tf.maximum(tf.math.unsorted_segment_sum(tf.ones_like(row), row, rows) - slots, 0)
        kept = place >= tf.gather(surplus, row)
        indices = tf.stack([row, place - tf.gather(surplus, row)], axis=1)
        values = tf.SparseTensor(indices[kept], values.values[kept], values.dense_shape)
    first = tf.sparse.slice(values, [0, 0], [rows, slots])
    # Not tf.sparse.reset_shape: its checks, for every field, would be half of the graph.
    padded = tf.SparseTensor(first.indices, first.values, [rows, slots])
    return tf.ensure_shape(tf.sparse.to_dense(padded), [None, slots])
