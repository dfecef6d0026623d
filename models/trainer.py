"""The run_fn of TFX's Trainer, and the training in it."""

import os
from collections.abc import Sequence
from dataclasses import replace

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.utils import io_utils

from models import (
    distribution,
    exported_shape,
    inputs,
    narrow_report,
    narrowing,
    optimizers,
    resumable,
    search_space,
    signatures,
    vocabulary_files,
    warm_start_report,
)
from models.conversion_model import ConversionModel, Priors
from models.epochs import NOTHING_KEPT, Folders, Splits, train_epochs
from models.network import Compute, Shape
from models.registry import make_model
from models.settings import WARM_START_LAST, WARM_START_NONE, ModelSettings, ServingSettings, TrainSettings
from models.warm_start import WarmStart
from models.warm_start_report import WarmStartReport
from schema import fields as schema_fields
from schema import layout
from schema.fields import Field

# Keys of the custom_config that the Trainer hands to run_fn: four JSON texts, and a folder.
FIELDS_KEY = "fields"
MODEL_KEY = "model"
TRAIN_KEY = "train"
SERVING_KEY = "serving"
CHECKPOINTS_KEY = "checkpoints"


def run_fn(fn_args: FnArgs) -> None:
    """Trains the model on the transformed examples and exports it.

    Without a `serving_model_dir` it is not exported, and its checkpoints stay: the next call with the same examples and
    `custom_config` finds a training that is finished, and exports it.

    Args:
        fn_args: `train_files`, `eval_files`, `transform_graph_path`, `schema_path`, `model_run_dir`,
            `serving_model_dir`, and a `custom_config` with the JSON of the fields, of `ModelSettings`, of
            `TrainSettings` and of `ServingSettings`, and the folder of checkpoints. `hyperparameters`, the Tuner's,
            replace some settings; `base_model` is what training begins with, if there is one.

    Raises:
        InputError: See `train` and `WarmStart`.
    """
    config = fn_args.custom_config
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    fields = schema_fields.from_json(config[FIELDS_KEY])
    model_settings = ModelSettings.model_validate_json(config[MODEL_KEY])
    settings = TrainSettings.model_validate_json(config[TRAIN_KEY])
    serving = ServingSettings.model_validate_json(config[SERVING_KEY])
    if fn_args.hyperparameters:
        chosen = search_space.decode(fn_args.hyperparameters["values"])
        model_settings, settings = search_space.apply(chosen, model_settings, settings)
    start = None
    if settings.warm_start != WARM_START_NONE:
        earlier = fn_args.base_model if settings.warm_start == WARM_START_LAST else settings.warm_start
        start = _start(earlier, transform, fields, model_settings, fn_args.model_run_dir)
    follows_from = [config, fn_args.hyperparameters, fn_args.base_model]
    checkpoints = resumable.folder(config[CHECKPOINTS_KEY], fn_args.train_files, follows_from)
    splits, folders = Splits(fn_args.train_files, fn_args.eval_files), Folders(checkpoints, fn_args.model_run_dir)
    model = train(splits, transform, fields, model_settings, settings, folders, start)
    if not fn_args.serving_model_dir:
        return
    if serving.embedding != "float32":
        spec = transform.transformed_feature_spec()
        model, report = narrowing.narrowed(model, serving.embedding, fn_args.eval_files, spec)
        narrow_report.write(report, fn_args.model_run_dir)
    schema = io_utils.parse_pbtxt_file(fn_args.schema_path, schema_pb2.Schema())
    with distribution.own_folder(fn_args.serving_model_dir) as directory:
        signatures.export(model, transform, schema, directory, serving.required)
        exported_shape.write(model.shape, directory)
    if distribution.is_chief():
        tf.io.gfile.rmtree(checkpoints)


def train(
    splits: Splits,
    transform: tft.TFTransformOutput,
    fields: tuple[Field, ...],
    model_settings: ModelSettings,
    settings: TrainSettings,
    folders: Folders = NOTHING_KEPT,
    start: WarmStart | None = None,
    watching: Sequence[tf.keras.callbacks.Callback] = (),
) -> ConversionModel:
    """Trains a model, on all devices there are.

    Args:
        splits: The transformed examples.
        transform: The transform graph that they come from.
        fields: The model's inputs.
        model_settings: Which model, and its shape.
        settings: How to train it; with the same seed and files it is the same model, but for the order of sums.
        folders: Where to write to meanwhile; a training that was killed goes on from its checkpoints.
        start: What it begins with; without it, from scratch.
        watching: Callbacks beside the training's own.

    Returns:
        The model, on one device and in float32.

    Raises:
        InputError: The loss stopped being a number, or the model collapsed; see `models.guards`. Or the eval split has
            nothing to stop early by; see `models.best_epoch`. Or there is no GPU, where one is asked for.
    """
    strategy = distribution.strategy(settings.device)  # that of several workers has to come before all operations
    spec = transform.transformed_feature_spec()
    counts = inputs.count(splits.train, spec)
    # Rule of succession: a rate of exactly 1 has no logit.
    priors = Priors((counts.clicks + 1) / (counts.examples + 2), (counts.conversions + 1) / (counts.clicks + 2))
    shape = Shape(fields, embedding_rows(transform, fields), model_settings)
    compute = Compute(settings.precision, settings.xla)
    steps = settings.epochs * -(-counts.examples // settings.batch_size)

    tf.keras.utils.set_random_seed(settings.seed)
    with strategy.scope():
        model = make_model(replace(shape, compute=compute), priors)
        model.compile(
            optimizer=optimizers.make_optimizer(model, model.tables, settings, steps),
            steps_per_execution=settings.steps_per_execution,
        )
        model.make_variables()
        if start:
            start.apply(model)
    train_epochs(model, splits, spec, counts.examples, settings, folders, watching)
    if compute == Compute() and strategy.num_replicas_in_sync == 1:
        return model
    plain = make_model(shape, priors)
    plain.make_variables()
    for network, trained in zip(plain.networks, model.networks, strict=True):
        # Without a copy in numpy's memory, which `set_weights` would need.
        for weight, value in zip(network.weights, trained.weights, strict=True):
            weight.assign(value)
    return plain


def embedding_rows(transform: tft.TFTransformOutput, fields: tuple[Field, ...]) -> dict[str, int]:
    """Number of ids of each embedded field with rows of its own, the one for a missing value included."""
    entries = vocabulary_files.read_entries(_assets(transform)) if schema_fields.vocabulary_owners(fields) else {}
    embedded = schema_fields.embedded(fields)
    layouts = layout.layouts(embedded, entries)
    return {field.name: layouts[field.name].ids for field in embedded if not field.vocabulary}


def _start(
    earlier: str | None,
    transform: tft.TFTransformOutput,
    fields: tuple[Field, ...],
    model_settings: ModelSettings,
    directory: str,
) -> WarmStart | None:
    """What the training begins with, if there is an earlier model; says so in a file of the directory."""
    start = None
    if earlier:
        start = WarmStart(earlier, Shape(fields, embedding_rows(transform, fields), model_settings), _assets(transform))
    warm_start_report.write(start.report if start else WarmStartReport(), directory)
    return start


def _assets(transform: tft.TFTransformOutput) -> str:
    """Where the transform graph keeps the vocabularies."""
    return os.path.join(transform.transform_savedmodel_dir, tf.saved_model.ASSETS_DIRECTORY)
