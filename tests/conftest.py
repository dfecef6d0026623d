"""A small impression log cut from the real one, and a small configuration to train on it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

REPOSITORY = Path(__file__).parent.parent
KUAIRAND = REPOSITORY / "data" / "kuairand"

# What `esmm` sets for its own process; tests import the modules behind it.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

SMALL_CONFIG: dict[str, Any] = {
    "name": "small",
    "schema": "kuairand",
    "data": {
        "splits": {"train": ["train-*.parquet"], "eval": ["eval.parquet"]},
        "log": {"labels": {"click": "is_click", "conversion": "is_like"}},
    },
    "fields": {
        "user_id": {"entity": "user", "min_count": 2},
        "user_active_degree": {"entity": "user"},
        "onehot_feat4": {"entity": "user"},
        "like_history": {"entity": "user", "values": 5},
        "like_history_length": {"entity": "user", "feature": "like_history", "encoding": "length", "values": 20},
        "video_id": {"entity": "item", "min_count": 2, "oov_buckets": 3},
        "tags": {"entity": "item", "values": 3, "pooling": "sum"},
        "duration_ms": {"entity": "item", "encoding": "buckets", "buckets": 8},
        "duration_log": {"entity": "item", "feature": "duration_ms", "encoding": "log"},
        "tab": {"entity": "context"},
    },
    "model": {"embedding_dim": 4, "hidden_units": [16, 8]},
    "train": {"batch_size": 256, "epochs": 1, "embedding_learning_rate": 0.01},
    "evaluation": {
        "slices": ["tab"],
        "min_ctr_auc_all": 0,
        "min_cvr_auc_clicked": 0,
        "min_ctcvr_auc_all": 0,
        "max_ctcvr_auc_drop": 1,
        "pcoc_bounds": [0, 100],
    },
}


def real_rows(day: str, rows: int) -> pa.Table:
    """The first rows of a day of the KuaiRand log."""
    return pq.read_table(KUAIRAND / f"impressions-{day}.parquet").slice(0, rows)


@pytest.fixture(scope="session")
def small_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two train files and an eval file, 4,000 real impressions in all."""
    directory = tmp_path_factory.mktemp("log")
    pq.write_table(real_rows("20220501", 1500), directory / "train-1.parquet")
    pq.write_table(real_rows("20220502", 1500), directory / "train-2.parquet")
    pq.write_table(real_rows("20220504", 1000), directory / "eval.parquet")
    return directory


@pytest.fixture(scope="session")
def write_config(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Writes the small configuration for a log's folder; gives the file."""

    def write(log: Path) -> Path:
        path = tmp_path_factory.mktemp("config") / "small.yaml"
        tree = {**SMALL_CONFIG, "data": {"base": str(log), **SMALL_CONFIG["data"]}}
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
        return path

    return write
