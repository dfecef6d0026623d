"""Which spaces are taken, what is told of the others, and what chosen values make of the settings."""

import pytest
from pydantic import ValidationError

from models import search_space
from models.search_space import Range, TunerSettings
from models.settings import MlpSettings, ModelSettings, TrainSettings

MODEL = ModelSettings(embedding_dim=4, hidden_units=(8,))
TRAIN = TrainSettings(epochs=2, learning_rate=0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "should be choices, or a min below a max. Received: neither"),
        ({"min": 1}, "should be choices, or a min below a max. Received: min 1"),
        ({"max": 1}, "should be choices, or a min below a max. Received: max 1"),
        ({"min": 0, "max": 0}, "should be choices, or a min below a max. Received: min 0, max 0"),
        ({"min": 0.2, "max": 0.1}, "should be choices, or a min below a max. Received: min 0.2, max 0.1"),
        ({"min": 0, "max": 1, "log": True}, "min should be above 0 with log. Received: min 0"),
        (
            {"min": 1, "choices": [2, 3]},
            "choices should have no min, max or log beside them. Received: min 1, choices (2, 3)",
        ),
        ({"choices": [2], "log": True}, "choices should have no min, max or log beside them. Received: log True"),
    ],
)
def test_a_range_is_choices_or_has_two_ends(values, message):
    with pytest.raises(ValidationError) as error:
        Range.model_validate(values)
    assert message in str(error.value)


def _candidates(**space: dict) -> list[tuple[ModelSettings, TrainSettings]]:
    ranges = {key.replace("__", "."): Range(**values) for key, values in space.items()}
    return list(search_space.candidates(ranges, MODEL, TRAIN))


def test_every_end_and_choice_is_a_candidate_beside_the_other_settings():
    found = _candidates(
        train__learning_rate={"min": 0.25, "max": 0.75, "log": True},
        model__mlp__dropout={"choices": [0.5]},
        model__hidden_units={"choices": [[4, 2], [3]]},
    )
    assert found == [
        (MODEL, TrainSettings(epochs=2, learning_rate=0.25)),
        (MODEL, TrainSettings(epochs=2, learning_rate=0.75)),
        (ModelSettings(embedding_dim=4, hidden_units=(8,), mlp=MlpSettings(dropout=0.5)), TRAIN),
        (ModelSettings(embedding_dim=4, hidden_units=(4, 2)), TRAIN),
        (ModelSettings(embedding_dim=4, hidden_units=(3,)), TRAIN),
    ]


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        (
            "train__learning_rat",
            {"choices": [1]},
            "space should have settings of `model` and `train`. Received: train.learning_rat, which is none; "
            "did you mean `train.learning_rate`?",
        ),
        (
            "model__mlp__dropot",
            {"choices": [0.1]},
            "model.mlp.dropot, which is none; did you mean `model.mlp.dropout`?",
        ),
        ("guard__allow", {"choices": [[]]}, "Received: guard.allow, which is none"),
        ("model__stages", {"choices": [["click", "conversion"]]}, "Received: model.stages, which is none"),
        (
            "train__learning_rate",
            {"min": -1, "max": 1},
            "space.train.learning_rate: Input should be greater than 0. Received: -1",
        ),
        (
            "model__mlp__dropout",
            {"min": 0, "max": 1},
            "space.model.mlp.dropout: Input should be less than 1. Received: 1",
        ),
        (
            "train__epochs",
            {"min": 1.5, "max": 3},
            "space.train.epochs: Input should be a valid integer, got a number with a fractional part. Received: 1.5",
        ),
        ("model__tower", {"choices": ["mlp", "crss"]}, "or 'mmoe'. Received: 'crss'"),
        ("model__hidden_units", {"choices": [[8], []]}, "space.model.hidden_units: Tuple should have at least 1 item"),
        (
            "train__batch_size",
            {"min": 16, "max": 512, "log": True},
            "space.train.batch_size: log should be of a setting that is no whole number; give choices instead",
        ),
    ],
)
def test_what_no_setting_can_be_is_told(key, values, message):
    with pytest.raises(ValueError, match=r"^space") as error:
        _candidates(**{key: values})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("train.epochs", True),
        ("model.cross.projection_dim", True),
        ("train.learning_rate", False),
        ("model.mlp.l2", False),
    ],
)
def test_the_setting_says_whether_it_is_a_whole_number(key, whole):
    """`min: 1, max: 2` of a learning rate is no choice of 1 and 2."""
    assert search_space.is_whole(key, Range(min=1, max=2), MODEL, TRAIN) is whole


def test_a_key_may_be_written_as_a_tree():
    values = {"min": 0.1, "max": 0.2}
    tree = TunerSettings.model_validate(
        {"space": {"model": {"mlp": {"l2": values}}, "train": {"learning_rate": values}}}
    )
    assert tree == TunerSettings(space={"model.mlp.l2": Range(**values), "train.learning_rate": Range(**values)})


def test_chosen_values_replace_settings_through_the_texts_that_keras_tuner_takes():
    chosen = {"train.learning_rate": 0.125, "train.epochs": 3}
    texts = {"model.hidden_units": [5, 3], "model.tower": "cross", "model.cross.projection_dim": None}
    values = chosen | {key: search_space.encode(value) for key, value in texts.items()}
    assert all(isinstance(value, int | float | str) for value in values.values())
    model, train = search_space.apply(search_space.decode(values), MODEL, TRAIN)
    assert train == TrainSettings(epochs=3, learning_rate=0.125)
    assert (model.hidden_units, model.tower, model.cross.projection_dim) == ((5, 3), "cross", None)
    assert model.embedding_dim == 4


def test_chosen_values_on_one_line():
    values = {
        "train.learning_rate": 0.00123456,
        "train.epochs": 12,
        "model.hidden_units": "[5, 3]",
        "model.tower": '"din"',
    }
    assert search_space.told(values) == (
        "train.learning_rate 0.001235, train.epochs 12, model.hidden_units [5, 3], model.tower din"
    )
