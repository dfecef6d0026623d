"""Whether the transform, traced on what the schema says of examples, reads and gives what it should."""

import json
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from models import preprocessing
from pipeline.tensors import told
from schema import contract, load
from schema import fields as schema_fields
from schema.fields import Field

_Outputs = dict[str, tf.Tensor]


def problems(schema: schema_pb2.Schema, fields: Sequence[Field]) -> Iterator[str]:
    """One line for each thing in which the transform and the schema do not agree.

    Args:
        schema: Well-formed.
        fields: Allowed by the schema.

    Returns:
        What the model is fed with is made of a label, or of a feature that requests do not have; or an output is
        missing, unknown, or of another dtype or shape than the contract says.
    """
    given: _Outputs = {}
    stages = load.stage_labels(schema)
    labels = (*contract.LABELS, *stages)

    def without_labels(inputs: Mapping[str, tf.SparseTensor]) -> _Outputs:
        config = {
            preprocessing.FIELDS_KEY: schema_fields.to_json(fields),
            contract.STAGE_LABELS_KEY: json.dumps(stages),
        }
        given.update(preprocessing.preprocessing_fn(dict(inputs), config))
        return {name: tensor for name, tensor in given.items() if name not in labels}

    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    try:
        # In a graph of its own, because a traced function's tables stay in the process and clash with the next one's.
        read = {
            *tft.get_analyze_input_columns(without_labels, spec, force_tf_compat_v1=True),
            *tft.get_transform_input_columns(without_labels, spec, force_tf_compat_v1=True),
        }
    except (KeyError, TypeError, ValueError, tf.errors.OpError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        yield f"preprocessing_fn should trace on the schema's features. Received: {reason}"
        return
    for name in sorted(read - load.usable_features(schema, contract.SERVING).keys()):
        yield f"the ids and numbers that preprocessing_fn makes should be of SERVING features only. Received: {name}"
    yield from _output_problems(given, _expected(fields, labels))


def _expected(fields: Sequence[Field], labels: Sequence[str]) -> dict[str, tf.TensorSpec]:
    slots = sum(field.slots for field in schema_fields.embedded(fields))
    weights = sum(field.slots for field in schema_fields.weighted(fields))
    numbers = len(schema_fields.dense(fields))
    expected = {contract.IDS: tf.TensorSpec([None, slots], tf.int64)}
    if weights:
        expected[contract.WEIGHTS] = tf.TensorSpec([None, weights], tf.float32)
    if numbers:
        expected[contract.DENSE] = tf.TensorSpec([None, numbers], tf.float32)
    return expected | {label: tf.TensorSpec([None], tf.int64) for label in labels}


def _output_problems(given: _Outputs, expected: dict[str, tf.TensorSpec]) -> Iterator[str]:
    for name in sorted(given.keys() | expected.keys()):
        should = told(expected[name]) if name in expected else "left out"
        received = told(given[name]) if name in given else "no such output"
        if should != received:
            yield f"output `{name}` of preprocessing_fn should be {should}. Received: {received}"
