"""`esmm train`: the training alone, on this machine or on several workers, before a run that evaluates and pushes."""

import contextlib
from pathlib import Path

import tensorflow as tf
from rich.console import Console
from rich.text import Text
from tfx.components.trainer.fn_args_utils import FnArgs

from components.packed_transform import spec
from models import distribution, trainer
from models.settings import WARM_START_LAST
from pipeline import failures, lineage, screen, trainer_config
from pipeline.config import Config
from pipeline.failures import ComponentFailed
from pipeline.root import Root
from pipeline.transformed import newest_transform, transform_fingerprint
from schema import contract
from schema import fields as schema_fields
from schema.errors import InputError


def train(config: Config, root: Root, console: Console, log: Path) -> None:
    """Trains on what the last Transform made, as the Trainer would, and leaves the checkpoints to it.

    The Trainer of the next run of the same configuration finds the training finished, and exports its model. Where
    TF_CONFIG names several workers, each of them does this, with the same root; the first one's files count.

    Args:
        config: The configuration.
        root: Of a run that came at least as far as Transform.
        console: The screen.
        log: Where libraries write to meanwhile.

    Raises:
        InputError: There is no such run, it is of other fields or other code, or the configuration has something that
            only a run can answer. Or another run uses the root. See also `models.trainer.train`.
        ComponentFailed: Training failed for another reason.
    """
    _check_needs_no_run(config)
    transform = newest_transform(root)
    _check_transform(transform, config, root)
    examples = transform.outputs[spec.TRANSFORMED_EXAMPLES_KEY].uri
    train_files, eval_files = (f"{examples}/Split-{split}/*" for split in contract.LABELLED_SPLITS)
    with contextlib.ExitStack() as stack:
        if distribution.is_chief():
            stack.enter_context(root.only_run())
        model_run = stack.enter_context(distribution.own_folder(str(root.model_run)))
        display = stack.enter_context(screen.RunDisplay(console))
        display.start("Trainer")
        try:
            trainer.run_fn(
                FnArgs(
                    train_files=[train_files],
                    eval_files=[eval_files],
                    transform_graph_path=transform.outputs[spec.TRANSFORM_GRAPH_KEY].uri,
                    model_run_dir=model_run,
                    custom_config=trainer_config.custom_config(config, str(root.checkpoints)),
                )
            )
        except tf.errors.UnavailableError as error:
            raise ComponentFailed("training failed: another worker was lost; all of them should start again") from error
        except Exception as error:
            raise failures.explained(error, "training", log) from error
        display.finish()
    console.print(Text("trained       the next run with this configuration evaluates the model"), soft_wrap=True)


def _check_needs_no_run(config: Config) -> None:
    if config.tuner:
        raise InputError(
            "`tuner` should not be given: what it chose in a run can be set in `model` and `train`. Received: "
            f"{config.tuner.trials} trials"
        )
    if config.train.warm_start == WARM_START_LAST:
        raise InputError(
            "`train.warm_start` should be none, or the folder of a SavedModel: only a run finds the last one. "
            f"Received: {WARM_START_LAST}"
        )


def _check_transform(transform: lineage.Finished, config: Config, root: Root) -> None:
    again = "`esmm run --to Transform` makes them anew"
    theirs = {field.name: field for field in schema_fields.from_json(str(transform.properties[spec.FIELDS_KEY]))}
    ours = {field.name: field for field in config.fields}
    other = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    if other or list(theirs) != list(ours):
        raise InputError(
            f"`fields` should be those of the last Transform in {root.path}; {again}. Received: "
            + (f"others, {', '.join(other)}" if other else "another order")
        )
    if transform.properties[spec.FINGERPRINT_KEY] != transform_fingerprint():
        raise InputError(
            f"the last Transform in {root.path} should be of this code; {again}. Received: one of other code"
        )
    examples = Path(transform.outputs[spec.TRANSFORMED_EXAMPLES_KEY].uri)
    for split in contract.LABELLED_SPLITS:
        if not any(examples.glob(f"Split-{split}/*")):
            raise InputError(f"the last Transform's files should be in {examples}; {again}. Received: no split {split}")
