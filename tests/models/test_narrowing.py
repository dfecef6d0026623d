"""A model, and its copy with a narrower embedding."""

import numpy as np
import pytest
import tensorflow as tf

from models import narrow_report, narrowing, validation
from models.conversion_model import Priors
from models.narrow_report import NarrowReport
from models.network import Shape
from models.registry import make_model
from models.settings import ModelSettings
from schema import blocks
from schema.fields import Field

FIELDS = (
    Field(name="user", entity="user"),
    Field(name="watched", entity="user", values=2, vocabulary="item"),
    Field(name="item", entity="item"),
)
SETTINGS = {"embedding_dim": 4, "embedding_stddev": 0.5, "hidden_units": (8,), "tower": "din"}
IDS = np.random.default_rng(1).integers(0, 20, size=(400, 4))
SPEC = {
    "ids": tf.io.FixedLenFeature([4], tf.int64),
    "click": tf.io.FixedLenFeature([], tf.int64),
    "conversion": tf.io.FixedLenFeature([], tf.int64),
}


@pytest.fixture
def eval_files(write_records) -> list[str]:
    labels = np.random.default_rng(2).random((400, 2)) < 0.5
    click, conversion = labels.T.astype(int)
    features = {"click": click, "conversion": click * conversion, "ids": IDS}
    return [write_records("eval.gz", blocks.encode(features))]


@pytest.mark.parametrize("stored", ["float16", "int8"])
@pytest.mark.parametrize("name", ["esmm", "esmm_ns"])
def test_the_copy_answers_nearly_the_same_in_fewer_bytes(name, stored, eval_files):
    tf.keras.utils.set_random_seed(3)
    settings = ModelSettings(name=name, **SETTINGS, mlp={"batch_norm": True})
    model = make_model(Shape(FIELDS, {"user": 30, "item": 20}, settings), Priors(0.3, 0.1))
    features = {"ids": tf.constant(IDS, tf.int64)}
    expected = model(features)
    copy, report = narrowing.narrowed(model, stored, eval_files, SPEC)
    for name, values in copy(features).items():
        np.testing.assert_allclose(values, expected[name], rtol=0.05)
        assert not np.array_equal(values, expected[name])
    networks = len(model.networks)
    assert report == NarrowReport(
        stored=stored,
        float32_bytes=networks * 50 * 4 * 4,
        bytes=networks * (50 * 4 * 2 if stored == "float16" else 50 * 8),
        float32_aucs=validation.aucs(model, eval_files, SPEC),
        aucs=validation.aucs(copy, eval_files, SPEC),
    )
    assert report.aucs != report.float32_aucs


def test_a_report_is_read_back_and_told(tmp_path):
    assert narrow_report.read(str(tmp_path / "run")) is None
    report = NarrowReport(
        stored="int8",
        float32_bytes=72_000_000,
        bytes=22_000_000,
        float32_aucs={"ctr_auc_all": 0.75, "ctcvr_auc_all": 0.85},
        aucs={"ctr_auc_all": 0.7501, "ctcvr_auc_all": 0.8498},
    )
    narrow_report.write(report, str(tmp_path / "run"))
    assert narrow_report.read(str(tmp_path / "run")) == report
    assert narrow_report.told(report) == "int8: 22.0 MB of 72.0 MB; ctr_auc_all +0.00010, ctcvr_auc_all -0.00020"
