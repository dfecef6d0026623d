"""Asking a trained model, as it would answer when served."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models import inputs, signatures, vocabulary_files
from models.conversion_model import ConversionModel
from pipeline.compare.metrics import Answers
from schema import contract, layout
from schema import fields as schema_fields
from schema.fields import Field

_BATCH_SIZE = 8192


def ask(
    model: ConversionModel,
    transform: tft.TFTransformOutput,
    fields: tuple[Field, ...],
    file_pattern: str,
    user_field: str | None,
) -> Answers:
    """Asks about transformed examples, in the order of their files.

    Args:
        model: The model.
        transform: The transform graph that the examples come from.
        fields: The model's inputs.
        file_pattern: Of the examples' files.
        user_field: Field with a vocabulary and one value, whose ids are users; None leaves them out.
    """
    answer = tf.function(lambda batch: signatures.served(model, batch), reduce_retracing=True)
    user_of = _user_of(transform, fields, user_field) if user_field else None
    parts: dict[str, list[np.ndarray]] = {}
    for batch in inputs.read_packed([file_pattern], transform.transformed_feature_spec(), _BATCH_SIZE):
        found = {name: output.numpy() for name, output in answer(batch).items()}
        found |= {label: batch[label].numpy() == 1 for label in contract.LABELS}
        if user_of:
            found["user"] = user_of(batch[contract.IDS].numpy())
        for name, values in found.items():
            parts.setdefault(name, []).append(values)
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return Answers(**columns)


def raw_pcvr(
    model: ConversionModel, transform: tft.TFTransformOutput, fields: tuple[Field, ...]
) -> Callable[[list[bytes]], np.ndarray]:
    """Gives a function from serialized tf.Examples of raw features, [B], to pCVR, float32 [B]."""
    to_features = transform.transform_features_layer()
    requested = schema_fields.features(fields)
    raw_spec = {name: of for name, of in transform.raw_feature_spec().items() if name in requested}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def pcvr(examples: tf.Tensor) -> tf.Tensor:
        return signatures.served(model, to_features(tf.io.parse_example(examples, raw_spec)))[contract.PCVR]

    return lambda examples: pcvr(tf.constant(examples)).numpy()


def _user_of(
    transform: tft.TFTransformOutput, fields: tuple[Field, ...], user_field: str
) -> Callable[[np.ndarray], np.ndarray]:
    """Gives a function from ids, int64 [B, S], to the user's, [B], 0 where it is missing or out of vocabulary."""
    embedded = schema_fields.embedded(fields)
    entries = vocabulary_files.read_entries(f"{transform.transform_savedmodel_dir}/assets")
    slot = layout.slots(embedded)[user_field].start
    first = layout.layouts(embedded, entries)[user_field].first
    return lambda ids: np.where(ids[:, slot] >= first, ids[:, slot], 0)
