"""The SavedModel: the transform graph and the network behind serving signatures."""

import os
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from models.conversion_model import ConversionModel
from schema import contract, load
from schema.errors import InputError


class _Server(tf.Module):
    """Holds all that the signatures use, so that it is saved with them."""

    def __init__(self, model: tf.keras.Model, transform: tft.TFTransformOutput, schema: schema_pb2.Schema):
        super().__init__()
        # Not the model, which would take its optimizer along.
        self._networks = model.networks
        self._answer = lambda features: served(model, features)
        self._transform = transform.transform_features_layer()
        serving = load.usable_features(schema, contract.SERVING)
        self._raw_spec = {name: feature for name, feature in transform.raw_feature_spec().items() if name in serving}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=contract.EXAMPLES)])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized tf.Examples, string [B], to `pctr`, `pcvr`, `pctcvr`, float32 [B] in [0, 1]. Needs no labels."""
        raw = tf.io.parse_example(examples, self._raw_spec)
        return self._answer(self._transform(raw))


def served(model: tf.keras.Model, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The model's outputs as they are served, float32 [B] in [0, 1]: a quotient may pass 1."""
    return {name: tf.minimum(output, 1.0) for name, output in model(features).items()}


def export(model: tf.keras.Model, transform: tft.TFTransformOutput, schema: schema_pb2.Schema, directory: str) -> None:
    """Writes the SavedModel, with the schema of its examples under `assets.extra`.

    Args:
        model: From packed features to the three outputs.
        transform: The transform graph that the model was trained behind.
        schema: The curated schema.
        directory: Where to write to.
    """
    server = _Server(model, transform, schema)
    tf.saved_model.save(server, directory, signatures={contract.SERVING_SIGNATURE: server.serve_examples})
    path = os.path.join(directory, contract.MODEL_SCHEMA_PATH)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text_format.MessageToString(schema))


def restore(model: ConversionModel, directory: str) -> None:
    """Gives a model's networks the values that they had when it was exported.

    Args:
        model: Of the same shape; has its variables already.
        directory: Of the SavedModel.

    Raises:
        InputError: The SavedModel has no such variables.
    """
    path = os.path.join(directory, tf.saved_model.VARIABLES_DIRECTORY, tf.saved_model.VARIABLES_FILENAME)
    exported = tf.train.Checkpoint(_networks=model.networks)
    try:
        exported.read(path).expect_partial().assert_existing_objects_matched()
    except (AssertionError, ValueError, tf.errors.OpError):
        raise InputError(f"a SavedModel should have the variables of its shape. Received: {directory}") from None
