"""LightGBM on KuaiRand, as a reference for ESMM: pCTR over all impressions, pCVR over clicked ones, their product.

The same columns as the preset `kuairand`: ids and categories as LightGBM's own categories, lists by their length and
first tag. Not tuned: learning rate 0.05, 300 and 150 rounds, otherwise defaults. In an environment of its own:

    pip install lightgbm==4.7.0 pandas pyarrow scikit-learn
    python benchmarks/lightgbm_kuairand.py data/kuairand
"""

import sys
import time
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

TRAIN = ["0425", "0426", "0427", "0428", "0429", "0430", "0501", "0502", "0503"]
EVAL = ["0504", "0505", "0506"]
NEVER = {"time_ms", "hourmin", "long_view"}  # and every is_* column that is feedback
FEEDBACK = {"is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_profile_enter", "is_hate"}
LISTS = ["tags", "watch_history", "like_history"]
NUMBERS = {"freshness_days", "duration_ms"}


def features(log: pd.DataFrame) -> pd.DataFrame:
    """One column per feature."""
    columns = {}
    for name in log.columns.difference([*NEVER, *FEEDBACK, *LISTS], sort=False):
        columns[name] = log[name] if name in NUMBERS else log[name].astype("category")
    for name in LISTS:
        columns[f"{name}_length"] = log[name].map(lambda values: 0 if values is None else len(values))
    columns["first_tag"] = log["tags"].map(lambda tags: None if tags is None or not len(tags) else tags[0])
    columns["first_tag"] = columns["first_tag"].astype("category")
    return pd.DataFrame(columns)


def train(inputs: pd.DataFrame, labels: np.ndarray, rounds: int) -> lightgbm.Booster:
    settings = {"objective": "binary", "learning_rate": 0.05, "num_threads": 2, "seed": 1, "verbose": -1}
    return lightgbm.train(settings, lightgbm.Dataset(inputs, labels), rounds)


def main(directory: Path) -> None:
    started = time.monotonic()
    days = [pd.read_parquet(directory / f"impressions-2022{day}.parquet") for day in TRAIN + EVAL]
    rows = sum(len(day) for day in days[: len(TRAIN)])
    log = pd.concat(days, ignore_index=True)
    inputs = features(log)
    click = log["is_click"].to_numpy()
    conversion = log["is_like"].to_numpy() * click
    clicked = click[:rows] == 1
    pctr = train(inputs[:rows], click[:rows], 300).predict(inputs[rows:])
    pcvr = train(inputs[:rows][clicked], conversion[:rows][clicked], 150).predict(inputs[rows:])
    click, conversion = click[rows:], conversion[rows:]
    clicked = click == 1
    print(f"ctr_auc_all        {roc_auc_score(click, pctr):.4f}")
    print(f"cvr_auc_clicked    {roc_auc_score(conversion[clicked], pcvr[clicked]):.4f}")
    print(f"ctcvr_auc_all      {roc_auc_score(conversion, pctr * pcvr):.4f}")
    print(f"pctr_pcoc_all      {pctr.sum() / click.sum():.4f}")
    print(f"pcvr_pcoc_clicked  {pcvr[clicked].sum() / conversion.sum():.4f}")
    print(f"pctcvr_pcoc_all    {(pctr * pcvr).sum() / conversion.sum():.4f}")
    print(f"LightGBM {lightgbm.__version__}, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
