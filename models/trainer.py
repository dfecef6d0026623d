"""The run_fn of TFX's Trainer, and the training in it."""

import os
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.utils import io_utils

from models import inputs, optimizers, signatures, vocabulary_files
from models.conversion_model import ConversionModel, Priors
from models.guards import LossGuard, OutputGuard
from models.network import Shape
from models.progress import ProgressCallback
from models.registry import make_model
from models.settings import ModelSettings, TrainSettings
from schema import fields as schema_fields
from schema import layout
from schema.fields import Field

# Keys of the JSON texts in the custom_config that the Trainer hands to run_fn.
FIELDS_KEY = "fields"
MODEL_KEY = "model"
TRAIN_KEY = "train"

# Training examples that are asked after each epoch whether the model still tells them apart.
_GUARDED_EXAMPLES = 4096


def run_fn(fn_args: FnArgs) -> None:
    """Trains the model on the transformed examples and exports it.

    Args:
        fn_args: `train_files`, `transform_graph_path`, `schema_path`, `serving_model_dir`, and a `custom_config` with
            the JSON of the fields, of `ModelSettings` and of `TrainSettings`.

    Raises:
        InputError: See `train`.
    """
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    model = train(
        fn_args.train_files,
        transform,
        schema_fields.from_json(fn_args.custom_config[FIELDS_KEY]),
        ModelSettings.model_validate_json(fn_args.custom_config[MODEL_KEY]),
        TrainSettings.model_validate_json(fn_args.custom_config[TRAIN_KEY]),
    )
    schema = io_utils.parse_pbtxt_file(fn_args.schema_path, schema_pb2.Schema())
    signatures.export(model, transform, schema, fn_args.serving_model_dir)


def train(
    file_patterns: Sequence[str],
    transform: tft.TFTransformOutput,
    fields: tuple[Field, ...],
    model_settings: ModelSettings,
    settings: TrainSettings,
    watching: Sequence[tf.keras.callbacks.Callback] = (),
) -> ConversionModel:
    """Trains a model.

    Args:
        file_patterns: Patterns of the transformed training examples' files.
        transform: The transform graph that they come from.
        fields: The model's inputs.
        model_settings: Which model, and its shape.
        settings: How to train it; with the same seed and files it is the same model, but for the order of sums.
        watching: Callbacks beside the training's own.

    Raises:
        InputError: The loss stopped being a number, or the model collapsed; see `models.guards`.
    """
    spec = transform.transformed_feature_spec()
    counts = inputs.count(file_patterns, spec)
    steps = settings.epochs * -(-counts.examples // settings.batch_size)

    tf.keras.utils.set_random_seed(settings.seed)
    # Rule of succession: a rate of exactly 1 has no logit.
    priors = Priors((counts.clicks + 1) / (counts.examples + 2), (counts.conversions + 1) / (counts.clicks + 2))
    model = make_model(Shape(fields, embedding_rows(transform, fields), model_settings), priors)
    model.compile(optimizer=optimizers.make_optimizer(model, model.tables, settings, steps))
    examples = inputs.read_packed(file_patterns, spec, settings.batch_size, settings.shuffle_buffer, settings.seed)
    progress = ProgressCallback(counts.examples, settings.batch_size, settings.epochs)
    some = next(iter(inputs.read_packed(file_patterns, spec, _GUARDED_EXAMPLES)))
    callbacks = [progress, LossGuard(), OutputGuard(some), *watching]
    model.fit(examples, epochs=settings.epochs, verbose=0, callbacks=callbacks)
    return model


def embedding_rows(transform: tft.TFTransformOutput, fields: tuple[Field, ...]) -> dict[str, int]:
    """Number of ids of each embedded field with rows of its own, the one for a missing value included."""
    assets = os.path.join(transform.transform_savedmodel_dir, "assets")
    entries = vocabulary_files.read_entries(assets) if schema_fields.vocabulary_owners(fields) else {}
    embedded = schema_fields.embedded(fields)
    layouts = layout.layouts(embedded, entries)
    return {field.name: layouts[field.name].ids for field in embedded if not field.vocabulary}
