"""What `models.trainer.run_fn` is configured with; checkpoints are found again by it, so there is one place for it."""

from models import trainer, warm_start
from models.settings import WARM_START_LAST, WARM_START_NONE, TrainSettings
from pipeline import stores
from pipeline.config import Config, absolute
from pipeline.fingerprint import code_fingerprint
from schema import fields as schema_fields


def settings(config: Config) -> dict[str, str]:
    """What the Trainer and the Tuner are given alike.

    Raises:
        InputError: The model to begin with is not like this one, or in a store that can't be read.
    """
    return {
        trainer.FIELDS_KEY: schema_fields.to_json(config.fields),
        trainer.MODEL_KEY: config.model.model_dump_json(),
        trainer.TRAIN_KEY: _checked_train(config).model_dump_json(),
    }


def custom_config(config: Config, checkpoints: str) -> dict[str, str]:
    """What the Trainer is given, or what trains in its place.

    Args:
        config: The configuration.
        checkpoints: Folder of the checkpoints of trainings.

    Raises:
        InputError: See `settings`.
    """
    return {
        **settings(config),
        trainer.SERVING_KEY: config.serving.model_dump_json(),
        trainer.CHECKPOINTS_KEY: checkpoints,
        "fingerprint": code_fingerprint("models.trainer"),
    }


def _checked_train(config: Config) -> TrainSettings:
    """How to train; the model that it begins with, where one is named, is like this one."""
    begin_with = config.train.warm_start
    if begin_with in (WARM_START_NONE, WARM_START_LAST):
        return config.train
    stores.check("`train.warm_start`", begin_with)
    warm_start.earlier_shape(begin_with, config.model)
    return config.train.model_copy(update={"warm_start": absolute(begin_with)})
