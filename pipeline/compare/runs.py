"""One model with one seed: trained and judged, in a process of its own."""

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import tensorflow_transform as tft

from models import trainer
from models.epochs import Splits
from models.settings import ModelSettings, TrainSettings
from pipeline.compare.ask import ask, raw_pcvr
from pipeline.compare.bootstrap import draw
from pipeline.compare.examples import TransformedExamples
from pipeline.compare.metrics import eval_metrics
from pipeline.compare.truth import TruthSource, read_truth, truth_metrics
from schema import contract
from schema.fields import Field


@dataclass(frozen=True)
class Run:
    """What to train and judge.

    Attributes:
        examples: That all runs share.
        fields: The model's inputs.
        model: Which model.
        train: How it is trained; has the seed.
        user_field: Field whose ids are users; None leaves GAUC out.
        truth: Of the eval split, if it is known.
    """

    examples: TransformedExamples
    fields: tuple[Field, ...]
    model: ModelSettings
    train: TrainSettings
    user_field: str | None
    truth: TruthSource | None

    @property
    def name(self) -> str:
        """As in `esmm, seed 1`."""
        return f"{self.model.name}, seed {self.train.seed}"


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        seconds: That it took, imports included.
        metrics: Values by name; NaN where there is nothing to measure.
        draws: Of each metric its value under each draw of `pipeline.compare.bootstrap`.
    """

    seconds: float
    metrics: Mapping[str, float]
    draws: Mapping[str, Sequence[float]]


def run_alone(run: Run) -> Result:
    """Does a run in a fresh process, so that neither memory nor random numbers of earlier ones count."""
    started = time.monotonic()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_start) as pool:
        metrics, draws = pool.submit(_train_and_judge, run).result()
    return Result(time.monotonic() - started, metrics, draws)


def _start() -> None:
    """Sends log records where the parent's stderr goes, and ends when the parent does: killed, it could not say so."""
    logging.basicConfig(level=logging.INFO)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _train_and_judge(run: Run) -> tuple[dict[str, float], dict[str, list[float]]]:
    transform = tft.TFTransformOutput(run.examples.transform_graph)
    splits = Splits(*([run.examples.pattern(split)] for split in (contract.TRAIN_SPLIT, contract.EVAL_SPLIT)))
    model = trainer.train(splits, transform, run.fields, run.model, run.train)

    answers = ask(model, transform, run.fields, run.examples.pattern(contract.EVAL_SPLIT), run.user_field)
    judged = [(eval_metrics(answers), len(answers.click))]
    if run.truth:
        beside_truth = read_truth(run.truth, raw_pcvr(model, transform, run.fields))
        judged.append((truth_metrics(beside_truth), len(beside_truth.click)))
    values: dict[str, float] = {}
    draws: dict[str, list[float]] = {}
    for metrics, impressions in judged:
        values |= metrics(np.ones(impressions))
        draws |= draw(metrics, impressions)
    return values, draws
