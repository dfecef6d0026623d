"""Logs of single days."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="session")
def days(small_log) -> list[pa.Table]:
    """1,500 impressions of each of two days."""
    return [pq.read_table(small_log / f"train-{day}.parquet") for day in (1, 2)]


@pytest.fixture(scope="session")
def write_log(small_log) -> Callable[[Path, pa.Table], Path]:
    """Writes a log with these rows to train on; gives its folder."""

    def write(folder: Path, train: pa.Table) -> Path:
        folder.mkdir()
        pq.write_table(train, folder / "train-1.parquet")
        shutil.copy(small_log / "eval.parquet", folder)
        return folder

    return write
