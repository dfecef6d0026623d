"""The real search on some hundred packed examples of a real transform graph."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from models import search_space, trainer, tuner
from models.epochs import Splits
from models.search_space import TunerSettings
from models.settings import ModelSettings, TrainSettings
from schema import blocks
from schema import fields as schema_fields
from schema.errors import InputError
from schema.fields import Field

FIELDS = (Field(name="user", entity="user"), Field(name="item", entity="item"))


@pytest.fixture(scope="module")
def given(run_preprocessing, tmp_path_factory) -> tuple[str, str]:
    """Transform graph and packed training examples; users and items differ in how much is clicked and converts."""
    directory = tmp_path_factory.mktemp("tuner")
    random = np.random.default_rng(3)
    rows = []
    for user, item in random.integers(0, 12, [600, 2]):
        click = random.random() < (user + 1) / 14
        conversion = click and random.random() < (item + 1) / 14
        rows.append({"user": [int(user)], "item": [int(item)], "click": [int(click)], "conversion": [int(conversion)]})
    run = run_preprocessing(rows, {"user": tf.int64, "item": tf.int64}, FIELDS, directory)
    path = directory / "packed.gz"
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for block in blocks.encode(run.features):
            writer.write(block)
    return str(directory / "graph"), str(path)


def _fn_args(given: tuple[str, str], folder: Path, settings: Mapping[str, Any]) -> FnArgs:
    graph, examples = given
    return FnArgs(
        working_dir=str(folder),
        train_files=[examples],
        transform_graph_path=graph,
        custom_config={
            trainer.FIELDS_KEY: schema_fields.to_json(FIELDS),
            trainer.MODEL_KEY: ModelSettings(embedding_dim=4, hidden_units=(16,)).model_dump_json(),
            trainer.TRAIN_KEY: TrainSettings(batch_size=64, seed=0).model_dump_json(),
            search_space.TUNER_KEY: TunerSettings.model_validate(settings).model_dump_json(),
        },
    )


def _search(fn_args: FnArgs):
    """As TFX's executor does."""
    result = tuner.tuner_fn(fn_args)
    result.tuner.search(**result.fit_kwargs)
    return result.tuner


def test_the_trial_of_the_greatest_metric_is_the_best(given, tmp_path, caplog):
    caplog.set_level(logging.INFO, "esmm.progress")
    space = {
        "train.embedding_learning_rate": {"min": 0.0001, "max": 0.1, "log": True},
        "train.epochs": {"min": 1, "max": 3},
        "model.hidden_units": {"choices": [[3], [4, 2]]},
    }
    settings = {"trials": 3, "metric": "cvr_auc_clicked", "validation_share": 0.4, "space": space}
    found = _search(_fn_args(given, tmp_path, settings))
    trials = found.oracle.get_best_trials(3)
    scores = [trial.metrics.get_best_value("cvr_auc_clicked") for trial in trials]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1
    assert found.get_best_hyperparameters()[0].values == trials[0].hyperparameters.values
    for trial in trials:
        values = trial.hyperparameters.values
        assert 0.0001 <= values["train.embedding_learning_rate"] <= 0.1
        assert values["train.epochs"] in (1, 2, 3)
        assert values["model.hidden_units"] in ("[3]", "[4, 2]")
    lines = [record.getMessage() for record in caplog.records if hasattr(record, "trial")]
    assert [line.partition(":")[0] for line in lines] == [f"trial {number} of 3" for number in (1, 2, 3)]
    first = next(trial for trial in trials if trial.trial_id == "0")
    assert f"cvr_auc_clicked {first.score:.4f}" in lines[0]
    assert f"train.epochs {first.hyperparameters.values['train.epochs']}" in lines[0]


def test_the_score_is_of_a_training_with_these_values_on_the_other_examples(given, tmp_path):
    """Trained anew by hand on what was not held out: the same AUC of what was."""
    space = {"train.epochs": {"choices": [8]}, "train.learning_rate": {"choices": [0.01]}}
    fn_args = _fn_args(given, tmp_path, {"trials": 1, "validation_share": 0.4, "space": space})
    (trial,) = _search(fn_args).oracle.get_best_trials(1)
    transform = tuner.tft.TFTransformOutput(fn_args.transform_graph_path)
    model_settings = ModelSettings(embedding_dim=4, hidden_units=(16,))
    settings = TrainSettings(batch_size=64, seed=0, epochs=8, learning_rate=0.01)
    splits = Splits([f"{tmp_path}/train.gz"], [f"{tmp_path}/held_out.gz"])
    model = trainer.train(splits, transform, FIELDS, model_settings, settings)
    aucs = tuner.validation.aucs(model, [f"{tmp_path}/held_out.gz"], transform.transformed_feature_spec())
    assert trial.score == pytest.approx(aucs["ctcvr_auc_all"], abs=1e-3)  # sums have no fixed order
    assert aucs["ctcvr_auc_all"] > 0.6


def test_bayesian_search_goes_on_past_its_random_start(given, tmp_path):
    """Of one setting it starts with three random trials."""
    space = {"train.embedding_learning_rate": {"min": 0.001, "max": 0.1, "log": True}}
    settings = {"trials": 4, "method": "bayesian", "validation_share": 0.4, "space": space}
    trials = _search(_fn_args(given, tmp_path, settings)).oracle.get_best_trials(4)
    assert [trial.status for trial in trials] == ["COMPLETED"] * 4


def test_a_trial_that_fails_is_told_and_the_others_count(given, tmp_path, caplog):
    space = {"train.learning_rate": {"choices": [0.001, 1e30]}}
    settings = {"trials": 2, "validation_share": 0.4, "space": space}
    found = _search(_fn_args(given, tmp_path, settings))
    assert found.get_best_hyperparameters()[0].values == {"train.learning_rate": "0.001"}
    (warning,) = (record.getMessage() for record in caplog.records if record.name == "esmm.progress")
    assert "of 2, with train.learning_rate 1e+30, failed: " in warning
    assert "should" in warning


def test_when_all_fail_the_last_reason_is_told(given, tmp_path):
    """More in a row than KerasTuner would take by itself."""
    space = {"train.learning_rate": {"min": 1e30, "max": 1e35}}
    with pytest.raises(InputError) as error:
        _search(_fn_args(given, tmp_path, {"trials": 4, "validation_share": 0.4, "space": space}))
    start = "one of the Tuner's trials at least should succeed. Received: 4 that failed, the last so: "
    assert str(error.value).startswith(start)
    assert "should" in str(error.value).removeprefix(start)
    assert "\n" not in str(error.value)


def test_what_is_no_wrong_input_stays_an_error_of_its_own(given, tmp_path):
    fn_args = _fn_args(
        given, tmp_path, {"trials": 2, "validation_share": 0.4, "space": {"train.epochs": {"choices": [1]}}}
    )
    result = tuner.tuner_fn(fn_args)
    (tmp_path / "train.gz").write_bytes(b"no gzip")
    with pytest.raises(tf.errors.DataLossError):
        result.tuner.search()


def test_too_few_labels_among_those_held_out_are_told_before_any_trial(given, tmp_path):
    settings = {"validation_share": 0.00001, "space": {"train.epochs": {"choices": [1]}}}
    with pytest.raises(InputError) as error:
        tuner.tuner_fn(_fn_args(given, tmp_path, settings))
    assert str(error.value).startswith(
        "the training examples held out should have clicks with and without a conversion"
    )
    assert str(error.value).endswith("conversions; a greater `tuner.validation_share` may help")
