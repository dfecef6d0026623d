"""Every model through the real pipeline: trained, judged, pushed, and asked."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from models.registry import MODELS
from pipeline.cli import app

pytestmark = pytest.mark.slow

# So small a model, after so few impressions, is not right; that it is judged is what is looked at.
ANY = (
    "evaluation.min_ctr_auc_all=0",
    "evaluation.min_cvr_auc_clicked=0",
    "evaluation.min_ctcvr_auc_all=0",
    "evaluation.max_ctcvr_auc_drop=1",
    "evaluation.pcoc_bounds=[0, 1000]",
)


@pytest.fixture(scope="module")
def pipeline(small_log: Path, write_config, tmp_path_factory) -> tuple[Path, Path]:
    """Root and configuration: from one model to the next, what comes before the Trainer is cached."""
    return tmp_path_factory.mktemp("root"), write_config(small_log)


def _run(root: Path, config: Path, *settings: str) -> None:
    options = [argument for setting in (*settings, *ANY) for argument in ("--set", setting)]
    run = CliRunner().invoke(app, ["run", "--config", str(config), "--root", str(root), *options])
    assert run.exit_code == 0, run.output
    for line in ("ctr_auc_all", "cvr_auc_clicked", "ctcvr_auc_all", "blessed       yes"):
        assert line in run.output


def _unpacked(root: Path, split: str, number: int) -> dict[str, list[str]]:
    arguments = ["unpack", "--root", str(root), "--split", split, "--number", str(number)]
    lines = CliRunner().invoke(app, arguments).stdout.splitlines()
    return {name: rest for name, *rest in (line.split("\t") for line in lines)}


def test_a_stage_between_is_learned_from_its_label(small_log, pipeline):
    """`long_view` goes from the log into the packed examples; a request needs it no more than the other labels."""
    root, config = pipeline
    before = set((root / "serving").glob("*"))
    _run(root, config, "model.name=chain", "model.stages=[click, long_view, conversion]")
    assert len(set((root / "serving").glob("*")) - before) == 1
    rows = pq.read_table(small_log / "eval.parquet", columns=["is_click", "long_view"]).slice(0, 30).to_pylist()
    assert len({(row["is_click"], row["long_view"]) for row in rows}) > 2
    for number, row in enumerate(rows):
        unpacked = _unpacked(root, "eval", number)
        assert (unpacked["click"][1], unpacked["long_view"][1]) == (str(row["is_click"]), str(row["long_view"]))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_trained_judged_pushed_and_served(name, pipeline):
    root, config = pipeline
    before = set((root / "serving").glob("*"))
    _run(root, config, f"model.name={name}")
    (version,) = set((root / "serving").glob("*")) - before
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    record = next((root / "artifacts" / "ImpressionExampleGen").glob("examples/*/Split-eval/*"))
    examples = next(tf.data.TFRecordDataset(str(record), "GZIP").batch(500).as_numpy_iterator())
    outputs = {output: values.numpy() for output, values in served(examples=tf.constant(examples)).items()}
    assert sorted(outputs) == ["pctcvr", "pctr", "pcvr"]
    for values in outputs.values():
        assert values.dtype == np.float32
        assert values.shape == (500,)
        assert 0 <= values.min() < values.max() <= 1
    if name != "division":  # whose served quotient is clipped
        np.testing.assert_allclose(outputs["pctcvr"], outputs["pctr"] * outputs["pcvr"], rtol=1e-5)
