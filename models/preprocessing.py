"""The preprocessing_fn of tf.Transform: from raw features to packed ids.

The same graph runs over the training data and inside the served model, so there is no difference between the two.
"""

import json
from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_transform as tft

from models import packing
from models.vocabularies import Vocabularies
from schema import contract, layout
from schema import fields as schema_fields
from schema.fields import Field

# Keys of the custom_config that Transform hands to preprocessing_fn.
FIELDS_KEY = "fields"
CARRIED_ON_KEY = "carried_on"

_Inputs = Mapping[str, tf.SparseTensor]


def preprocessing_fn(inputs: dict[str, tf.SparseTensor], custom_config: dict[str, str]) -> dict[str, tf.Tensor]:
    """Turns raw features into the packed ones that `models.inputs` reads.

    Args:
        inputs: Raw features and labels; each a SparseTensor [B, number of values].
        custom_config: `fields`: the fields as JSON, see `schema.fields.to_json`; `carried_on`: directory of the
            vocabularies of an earlier run, if they are carried on; `stage_labels`: names of the labels beside click and
            conversion as a JSON list, if there are any.

    Returns:
        `ids`: int64 [B, S], see `schema.fields.embedded`.
        `weights`: float32 [B, W], see `schema.fields.weighted`, if there are weighted fields.
        `dense`: float32 [B, N], if there are dense fields.
        `click`, `conversion`, and the other labels: int64 [B].
    """
    fields = schema_fields.from_json(custom_config[FIELDS_KEY])
    embedded, dense = schema_fields.embedded(fields), schema_fields.dense(fields)
    weighted = schema_fields.weighted(fields)
    rows = inputs[embedded[0].source].dense_shape[0]
    weights = {f.name: packing.aligned_weights(inputs[f.source], inputs[f.weights]) for f in weighted}
    indices = {field.name: _indices(field, inputs[field.source], weights, rows) for field in embedded}

    by_vocabulary = [field for field in embedded if field.encoding == "vocabulary"]
    by_vocabulary.sort(key=lambda field: inputs[field.source].dtype == tf.string)
    others = [field for field in embedded if field.encoding != "vocabulary"]
    ids = [_own_ids(field, inputs[field.source], rows) for field in others]
    if by_vocabulary:
        ids.insert(0, _vocabulary_ids(by_vocabulary, inputs, custom_config.get(CARRIED_ON_KEY, "")))
    outputs = {contract.IDS: _pack(tf.concat(ids, axis=0), [*by_vocabulary, *others], indices, embedded, rows)}
    if weighted:
        values = tf.concat([weights[field.name] for field in weighted], axis=0)
        outputs[contract.WEIGHTS] = _pack(values, weighted, indices, weighted, rows)
    if dense:
        outputs[contract.DENSE] = _columns([_standardised_log(inputs[field.source]) for field in dense])
    labels = (*contract.LABELS, *json.loads(custom_config.get(contract.STAGE_LABELS_KEY, "[]")))
    # Each on its own, so that what is made of a label can be told by the inputs that it needs.
    return outputs | {label: tf.squeeze(_columns([inputs[label]]), axis=1) for label in labels}


def _vocabulary_ids(fields: Sequence[Field], inputs: _Inputs, carried_on: str) -> tf.Tensor:
    owners = schema_fields.vocabulary_owners(fields)
    tokens = {}
    for owner in owners:
        # Fields of the same feature have the same tokens, to be counted once.
        sources = {field.source for field in fields if field.vocabulary_owner == owner.name}
        tokens[owner.name] = tf.concat([inputs[source].values for source in sorted(sources)], axis=0)
    vocabularies = Vocabularies(tokens, owners, carried_on)
    return vocabularies.ids([inputs[f.source].values for f in fields], [f.vocabulary_owner for f in fields])


def _own_ids(field: Field, values: tf.SparseTensor, rows: tf.Tensor) -> tf.Tensor:
    """Ids of a field that needs no vocabulary, int64 [number of values], or [B] of a length."""
    if field.encoding == "length":
        return tf.minimum(packing.lengths(values.indices[:, 0], rows), field.values)
    if field.encoding == "hash":
        tokens = values.values if values.dtype == tf.string else tf.strings.as_string(values.values)
        return 1 + tf.strings.to_hash_bucket_fast(tokens, field.buckets)
    numbers = tf.cast(values.values, tf.float32)
    boundaries = tft.quantiles(numbers, field.buckets, epsilon=0.1 / field.buckets, name=f"quantiles_{field.name}")
    return 1 + tf.cast(tft.apply_buckets(numbers, boundaries), tf.int64)


def _indices(field: Field, values: tf.SparseTensor, weights: Mapping[str, tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
    """Row and slot of each of the field's ids; see `packing.pack`."""
    if field.encoding == "length":
        return tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
    if field.keep == "last":
        return packing.last(values.indices, field.slots, rows)
    if field.keep == "heaviest":
        return packing.heaviest(values.indices, weights[field.name], field.slots, rows)
    return values.indices


def _pack(
    values: tf.Tensor,
    fields: Sequence[Field],
    indices: Mapping[str, tf.Tensor],
    into: Sequence[Field],
    rows: tf.Tensor,
) -> tf.Tensor:
    """Packs values of `fields`, one field after the other, into the slots of the fields `into`."""
    slots = layout.slots(into)
    return packing.pack(
        values,
        [indices[field.name] for field in fields],
        [slots[field.name].start for field in fields],
        [field.slots for field in fields],
        rows,
    )


def _columns(features: Sequence[tf.SparseTensor]) -> tf.Tensor:
    """The first value of each feature, [B, number of features]; 0 where it is missing."""
    count = len(features)
    values = tf.concat([feature.values for feature in features], axis=0)
    indices = [feature.indices for feature in features]
    return packing.pack(values, indices, list(range(count)), [1] * count, features[0].dense_shape[0])


def _standardised_log(values: tf.SparseTensor) -> tf.SparseTensor:
    """float32, of mean 0 and variance 1 over the analysed data."""
    numbers = tf.cast(values.values, tf.float32)
    return values.with_values(tft.scale_to_z_score(tf.sign(numbers) * tf.math.log1p(tf.abs(numbers))))
