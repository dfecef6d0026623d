"""LightGBM on KuaiRand, tuned, as a reference for ESMM: CTR, CVR on clicked impressions, and CTCVR.

Twice: with the columns that the preset `kuairand` has as fields, and with target encoding too, smoothed rates of click
and conversion of each id on earlier days.

Settings are drawn at random, fitted on 25 to 30 April and judged by their AUC on 1 to 3 May, which stops the boosting
too. The best of them are fitted again on 25 April to 3 May and judged on 4 to 6 May, which takes no part before.

In an environment of its own:

    pip install -r benchmarks/requirements.txt
    python benchmarks/lightgbm_kuairand.py data/kuairand
"""

import sys
import time
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from kuairand_inputs import CATEGORY, IDS, earlier_rates, features, read
from sklearn.metrics import roc_auc_score

FIRST_TUNING_DAY = 20220501
FIRST_EVALUATION_DAY = 20220504
TASKS = ["ctr", "cvr", "ctcvr"]
TRIALS = 20
SEEDS = [1, 2, 3]
MAX_ROUNDS = 400
PATIENCE = 30  # rounds without a better AUC
SETTINGS = {
    "learning_rate": [0.05, 0.08, 0.12],
    "num_leaves": [7, 15, 31, 63],
    "min_data_in_leaf": [20, 50, 100, 200, 400],
    "feature_fraction": [0.3, 0.5, 0.7, 0.9],
    "bagging_fraction": [0.6, 0.8, 1.0],
    "lambda_l2": [0, 1, 10, 100],
    "cat_smooth": [10, 50, 200],
    "cat_l2": [10, 50, 200],
    "max_cat_threshold": [8, 32, 128],
    "ids_as_categories": [True, False],
}


class Window:
    """Impressions before the first judged day, to fit on, and from it to the last day, to judge on."""

    def __init__(self, log: pa.Table, first_judged_day: int, target_encoding: bool):
        inputs = features(log, first_judged_day)
        if target_encoding:
            inputs = inputs.join(earlier_rates(log, first_judged_day))
        self.inputs = inputs
        self.judged = log["day"].to_numpy() >= first_judged_day
        self.click, self.conversion = log["click"].to_numpy(), log["conversion"].to_numpy()

    def dataset(self, task: str, judged: bool, ids_as_categories: bool) -> lightgbm.Dataset:
        """What a task learns from: CVR from clicked impressions, the others from all."""
        rows = self.judged == judged
        if task == "cvr":
            rows = rows & (self.click == 1)
        label = self.click if task == "ctr" else self.conversion
        inputs = self.inputs[self.names(ids_as_categories)]
        categories = [name for name in inputs if name.endswith(CATEGORY)]
        return lightgbm.Dataset(inputs[rows], label[rows], categorical_feature=categories)

    def names(self, ids_as_categories: bool) -> list[str]:
        left_out = set() if ids_as_categories else {f"{name} {CATEGORY}" for name in IDS}
        return [name for name in self.inputs if name not in left_out]


def parameters(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    given = {name: value for name, value in settings.items() if name not in ("ids_as_categories", "rounds")}
    fixed = {"objective": "binary", "metric": "auc", "bagging_freq": 1, "num_threads": 1, "verbose": -1}
    return given | fixed | {"seed": seed}


def tune(window: Window, task: str) -> dict[str, Any]:
    """The settings, and rounds, of the best AUC on the judged days."""
    draw = np.random.default_rng(seed=0)  # the same settings for every task and variant
    best: dict[str, Any] = {"auc": 0.0}
    for _ in range(TRIALS):
        settings = {name: values[draw.integers(len(values))] for name, values in SETTINGS.items()}
        data = [window.dataset(task, judged, settings["ids_as_categories"]) for judged in (False, True)]
        data[1].set_reference(data[0])
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        model = lightgbm.train(parameters(settings, 0), data[0], MAX_ROUNDS, valid_sets=data[1:], callbacks=[stop])
        auc = model.best_score["valid_0"]["auc"]
        if auc > best["auc"]:
            best = {"auc": auc, "settings": settings | {"rounds": model.best_iteration}}
    print(f"{task}: {best['auc']:.4f} on 1 to 3 May with {best['settings']}", flush=True)
    return best["settings"]


def predict(window: Window, task: str, settings: dict[str, Any], seed: int) -> np.ndarray:
    """Probabilities on the judged days, [B]."""
    data = window.dataset(task, False, settings["ids_as_categories"])
    model = lightgbm.train(parameters(settings, seed), data, settings["rounds"])
    return model.predict(window.inputs.loc[window.judged, window.names(settings["ids_as_categories"])])


def metrics(window: Window, pctr: np.ndarray, pcvr: np.ndarray, pctcvr: np.ndarray) -> dict[str, float]:
    """AUC and PCOC (the sum of predictions over that of labels); CTCVR also as the product pCTR · pCVR."""
    click, conversion = window.click[window.judged], window.conversion[window.judged]
    clicked, all_of_them = click == 1, np.full(len(click), True)
    judged = {
        "ctr_{}_all": (click, pctr, all_of_them),
        "cvr_{}_clicked": (conversion, pcvr, clicked),
        "ctcvr_{}_all": (conversion, pctcvr, all_of_them),
        "product_{}_all": (conversion, pctr * pcvr, all_of_them),
    }
    return {
        name.format(metric): of(label[rows], prediction[rows])
        for metric, of in {"auc": roc_auc_score, "pcoc": lambda label, p: p.sum() / label.sum()}.items()
        for name, (label, prediction, rows) in judged.items()
    }


def benchmark(log: pa.Table, target_encoding: bool) -> None:
    """Tunes, fits and judges the three models of a variant."""
    started = time.monotonic()
    print("\nwith target encoding" if target_encoding else "\ncolumns only", flush=True)
    earlier = log.filter(pc.less(log["day"], FIRST_EVALUATION_DAY))  # all that tuning sees
    window = Window(earlier, FIRST_TUNING_DAY, target_encoding)
    chosen = {task: tune(window, task) for task in TASKS}
    window = Window(log, FIRST_EVALUATION_DAY, target_encoding)
    by_seed = pd.DataFrame(
        [metrics(window, *(predict(window, task, chosen[task], seed) for task in TASKS)) for seed in SEEDS]
    )
    table = by_seed.rename(lambda row: f"seed {SEEDS[row]}").T
    print(table.assign(mean=by_seed.mean(), std=by_seed.std()).round(4).to_string())
    print(f"LightGBM {lightgbm.__version__}, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    days = read(Path(sys.argv[1]))
    for target_encoding in (False, True):
        benchmark(days, target_encoding)
