import dataclasses

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from pipeline.compare.metrics import Answers, eval_metrics


@pytest.fixture(scope="module")
def answers() -> Answers:
    random = np.random.default_rng(1)
    click = random.random(800) < 0.3
    conversion = click & (random.random(800) < 0.2)
    outputs = (random.random(800).astype(np.float32) for _ in range(3))
    return Answers(click, conversion, *outputs, user=random.integers(0, 50, 800))


def test_each_output_is_judged_in_its_space(answers):
    clicked = answers.click
    found = eval_metrics(answers)(np.ones(800))
    for task, space, labels, scores in (
        ("ctr", "all", answers.click, answers.pctr),
        ("cvr", "clicked", answers.conversion[clicked], answers.pcvr[clicked]),
        ("ctcvr", "all", answers.conversion, answers.pctcvr),
    ):
        scores = scores.astype(np.float64)
        assert found.pop(f"{task}_auc_{space}") == pytest.approx(roc_auc_score(labels, scores))
        assert found.pop(f"p{task}_pcoc_{space}") == pytest.approx(scores.mean() / labels.mean())
        assert found.pop(f"p{task}_log_loss_{space}") == pytest.approx(log_loss(labels, scores))
    assert set(found) == {"ctr_gauc_all", "cvr_gauc_clicked", "ctcvr_gauc_all"}


def test_gauc_leaves_unknown_users_out(answers):
    known = answers.user > 0
    assert not known.all()
    of_known = Answers(
        **{field.name: getattr(answers, field.name)[known] for field in dataclasses.fields(answers)}  # as if not there
    )
    found, expected = eval_metrics(answers)(np.ones(800)), eval_metrics(of_known)(np.ones(known.sum()))
    for name in ("ctr_gauc_all", "cvr_gauc_clicked", "ctcvr_gauc_all"):
        assert found[name] == expected[name]
        assert found[name.replace("gauc", "auc")] != expected[name.replace("gauc", "auc")]


def test_gauc_by_hand_over_clicked_impressions_alone():
    # User 1, clicked: conversion 0.1 below 0.2: AUC 0, 2 impressions. User 2, clicked: AUC 1, 3 impressions. The
    # unclicked impression of user 1 would make their AUC 1/2.
    answers = Answers(
        click=np.array([1, 1, 0, 1, 1, 1], bool),
        conversion=np.array([1, 0, 0, 1, 0, 0], bool),
        pctr=np.zeros(6),
        pcvr=np.array([0.1, 0.2, 0.0, 0.9, 0.3, 0.3], np.float32),
        pctcvr=np.zeros(6),
        user=np.array([1, 1, 1, 2, 2, 2]),
    )
    assert eval_metrics(answers)(np.ones(6))["cvr_gauc_clicked"] == pytest.approx(3 / 5)


def test_weights_are_repeated_impressions(answers):
    weights = np.random.default_rng(3).poisson(1.0, 800)
    repeated = Answers(
        **{field.name: np.repeat(getattr(answers, field.name), weights) for field in dataclasses.fields(answers)}
    )
    expected = eval_metrics(repeated)(np.ones(weights.sum()))
    assert eval_metrics(answers)(weights.astype(np.float64)) == pytest.approx(expected)


def test_without_users_there_is_no_gauc(answers):
    assert not [name for name in eval_metrics(dataclasses.replace(answers, user=None))(np.ones(800)) if "gauc" in name]


def test_log_loss_of_a_certain_error_is_clipped_and_no_click_has_no_pcvr_metrics():
    never = Answers(np.zeros(2, bool), np.zeros(2, bool), *(np.ones(2, np.float32),) * 3, user=None)
    found = eval_metrics(never)(np.ones(2))
    assert found["pctr_log_loss_all"] == pytest.approx(-np.log(1e-7))
    assert np.isnan([found[name] for name in ("pctr_pcoc_all", "pcvr_log_loss_clicked", "cvr_auc_clicked")]).all()
