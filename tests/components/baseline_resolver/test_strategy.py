"""Which model a candidate is compared with."""

import pytest
from tfx.types import standard_artifacts

from components.baseline_resolver.strategy import EarlierBlessedModelStrategy


def model(model_id: int) -> standard_artifacts.Model:
    artifact = standard_artifacts.Model()
    artifact.id = model_id
    artifact.uri = f"/models/{model_id}"
    return artifact


def blessing(blessing_id: int, model_id: int, blessed: bool = True) -> standard_artifacts.ModelBlessing:
    artifact = standard_artifacts.ModelBlessing()
    artifact.id = blessing_id
    artifact.set_int_custom_property("current_model_id", model_id)
    artifact.set_int_custom_property("blessed", int(blessed))
    return artifact


def resolve(models, blessings, candidates) -> tuple[list[int], list[int], list[int]]:
    inputs = {"model": models, "model_blessing": blessings, "candidate": candidates}
    resolved = EarlierBlessedModelStrategy().resolve_artifacts(None, inputs)
    assert resolved.keys() == {"model", "model_blessing", "candidate"}
    return tuple([artifact.id for artifact in resolved[key]] for key in ("model", "model_blessing", "candidate"))


def test_the_latest_blessed_model_other_than_the_candidate():
    models = [model(i) for i in (3, 1, 7, 5)]
    blessings = [blessing(11, 1), blessing(13, 3), blessing(15, 5), blessing(17, 7)]
    assert resolve(models, blessings, [models[2]]) == ([5], [15], [7])


def test_models_that_were_not_blessed_are_passed_over():
    models = [model(i) for i in (1, 3, 5, 7)]
    blessings = [blessing(11, 1), blessing(13, 3), blessing(15, 5, blessed=False)]
    assert resolve(models, blessings, [models[3]]) == ([3], [13], [7])


def test_a_new_candidate_without_a_blessing():
    models = [model(1), model(9)]
    assert resolve(models, [blessing(11, 1)], [models[1]]) == ([1], [11], [9])


def test_a_rerun_finds_the_same_baseline_after_the_candidate_is_blessed():
    models = [model(1), model(9)]
    before = resolve(models, [blessing(11, 1)], [models[1]])
    after = resolve(models, [blessing(11, 1), blessing(19, 9)], [models[1]])
    assert before == after == ([1], [11], [9])


def test_none_blessed():
    models = [model(1), model(3), model(5)]
    blessings = [blessing(11, 1, blessed=False), blessing(13, 3, blessed=False)]
    assert resolve(models, blessings, [models[2]]) == ([], [], [5])


@pytest.mark.parametrize("blessings", [[], [blessing(15, 5)]])
def test_the_candidate_alone(blessings):
    candidate = model(5)
    assert resolve([candidate], blessings, [candidate]) == ([], [], [5])


def test_models_without_any_blessing():
    models = [model(1), model(5)]
    assert resolve(models, [], [models[1]]) == ([], [], [5])


def test_no_candidate_leaves_the_latest_blessed():
    assert resolve([model(1), model(5)], [blessing(11, 1), blessing(15, 5)], []) == ([5], [15], [])


def test_the_candidate_is_known_by_its_id_not_by_its_object():
    """ML Metadata gives a new object for each query."""
    assert resolve([model(1), model(5)], [blessing(11, 1), blessing(15, 5)], [model(5)]) == ([1], [11], [5])


def test_the_given_lists_stay_as_they_are():
    models = [model(1), model(5), model(3)]
    inputs = {"model": models, "model_blessing": [blessing(11, 1)], "candidate": [models[1]]}
    EarlierBlessedModelStrategy().resolve_artifacts(None, inputs)
    assert [artifact.id for artifact in inputs["model"]] == [1, 5, 3]
    assert [artifact.id for artifact in inputs["model_blessing"]] == [11]
