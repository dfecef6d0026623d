"""pCVR beside the true conversion rates of a simulated log, which no real one has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.impression_example_gen.cast import cast
from components.impression_example_gen.columns import Column, columns_to_read
from components.impression_example_gen.encode import encode_examples
from components.impression_example_gen.log_format import LogFormat
from pipeline.compare.auc import RankedAuc
from pipeline.compare.metrics import Metrics, ratio
from pipeline.simulator.truth_file import TRUE_PCVR
from schema import contract, load
from schema import fields as schema_fields
from schema.errors import InputError
from schema.fields import Field

_BATCH_ROWS = 8192


@dataclass(frozen=True)
class TruthSource:
    """A file of `pipeline.simulator.truth_file`: a row for each eval impression.

    Attributes:
        path: Parquet.
        features: Columns that the fields are made of.
        log: Separator of lists.
    """

    path: Path
    features: tuple[Column, ...]
    log: LogFormat

    def fingerprint(self) -> str:
        """Changes when the file is another one, by path, size and time."""
        stat = self.path.stat()
        return f"{self.path.resolve()} {stat.st_size} {stat.st_mtime_ns}"


@dataclass(frozen=True)
class TruthAnswers:
    """What the file says, and the model.

    Attributes:
        click: Bool [B].
        true_pcvr: float64 [B] in [0, 1].
        pcvr: The model's, float32 [B] in [0, 1].
    """

    click: np.ndarray
    true_pcvr: np.ndarray
    pcvr: np.ndarray


def open_truth(path: Path, schema_file: str, fields: Sequence[Field], log: LogFormat) -> TruthSource:
    """Checks that the file has the columns that are needed.

    Raises:
        InputError: No Parquet file there, or it lacks a column.
    """
    try:
        present = pq.read_schema(path).names
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--truth should be a Parquet file of `esmm simulate`. Received: {path}: {reason}") from None
    schema = load.read_schema(load.schema_path(schema_file))
    used = schema_fields.features(fields)
    features = tuple(column for column in columns_to_read(schema, contract.SERVING, log) if column.name in used)
    for name in (*(column.name for column in features), contract.CLICK, TRUE_PCVR):
        if name not in present:
            raise InputError(f"--truth should have the column {name}. Received: {path} without it")
    return TruthSource(path, features, log)


def read_truth(truth: TruthSource, pcvr_of: Callable[[list[bytes]], np.ndarray]) -> TruthAnswers:
    """Asks about the file's rows, a batch at a time, in their order.

    Args:
        truth: The file.
        pcvr_of: Serialized tf.Examples of raw features, [B], to pCVR, float32 [B].

    Raises:
        InputError: A value is not of the schema's type.
    """
    parts = []
    names = [column.name for column in truth.features]
    with pq.ParquetFile(truth.path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=[*names, contract.CLICK, TRUE_PCVR]):
            arrays = {}
            for column in truth.features:
                arrays[column.name], broken = cast(batch[column.name], column, truth.log.list_separator)
                for reason in broken.values():
                    raise InputError(f"{truth.path}: {reason}")
            pcvr = pcvr_of(encode_examples(pa.RecordBatch.from_pydict(arrays)))
            parts.append((batch[contract.CLICK].to_numpy() == 1, batch[TRUE_PCVR].to_numpy(), pcvr))
    click, true_pcvr, pcvr = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return TruthAnswers(click, true_pcvr, pcvr)


def truth_metrics(answers: TruthAnswers) -> Metrics:
    """How near pCVR is to the true conversion rates, over all, clicked and unclicked impressions.

    `true_cvr_auc_*`: AUC with soft labels, each impression a positive of weight p and a negative of weight 1 − p, p the
    truth. `true_cvr_auc_gap_*`: how much it lies below that of the truth itself, which no model can beat.
    `pcvr_mae_*`, `pcvr_rmse_*`: mean absolute and root mean squared error. `pcvr_true_pcoc_*`: mean pCVR over mean
    truth.
    """
    spaces = {
        "all": np.arange(len(answers.click)),
        "clicked": np.flatnonzero(answers.click),
        "unclicked": np.flatnonzero(~answers.click),
    }
    parts = [_space(name, answers.true_pcvr[rows], answers.pcvr[rows], rows) for name, rows in spaces.items()]
    return lambda weights: {name: value for part in parts for name, value in part(weights).items()}


def _space(space: str, true_pcvr: np.ndarray, pcvr: np.ndarray, rows: np.ndarray) -> Metrics:
    ranked, best = RankedAuc(pcvr, true_pcvr), RankedAuc(true_pcvr, true_pcvr)
    errors = pcvr - true_pcvr

    def metrics(weights: np.ndarray) -> dict[str, float]:
        weights = weights[rows]
        auc, count = ranked.auc(weights), float(weights.sum())
        return {
            f"true_cvr_auc_{space}": auc,
            f"true_cvr_auc_gap_{space}": best.auc(weights) - auc,
            f"pcvr_mae_{space}": ratio(float(weights @ np.abs(errors)), count),
            f"pcvr_rmse_{space}": ratio(float(weights @ errors**2), count) ** 0.5,
            f"pcvr_true_pcoc_{space}": ratio(float(weights @ pcvr), float(weights @ true_pcvr)),
        }

    return metrics
