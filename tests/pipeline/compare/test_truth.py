from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from sklearn.metrics import mean_absolute_error, mean_squared_error, roc_auc_score

from components.impression_example_gen.log_format import LogFormat
from pipeline.compare.truth import TruthAnswers, open_truth, read_truth, truth_metrics
from schema.errors import InputError
from schema.fields import Field

FIELDS = (
    Field(name="user_id", entity="user"),
    Field(name="tags", entity="item", values=3),
    Field(name="tags_length", entity="item", feature="tags", encoding="length", values=3),
)


def table(**changes: list) -> pa.Table:
    columns = {
        "user_id": [7, 8, 9],
        "tags": [["a", "b"], None, ["c"]],
        "unused": [0, 0, 0],
        "click": [1, 0, 0],
        "conversion": [0, 0, 0],
        "true_pctr": [0.5, 0.5, 0.5],
        "true_pcvr": [0.25, 0.5, 0.125],
    }
    return pa.table({name: column for name, column in (columns | changes).items() if column})


def write(folder: Path, **changes: list) -> Path:
    pq.write_table(table(**changes), folder / "truth.parquet", row_group_size=2)
    return folder / "truth.parquet"


def test_rows_are_asked_about_as_examples_of_the_fields_features(tmp_path):
    asked = []

    def pcvr_of(examples: list[bytes]) -> np.ndarray:
        asked.extend(tf.train.Example.FromString(example).features.feature for example in examples)
        return np.full(len(examples), 0.1, np.float32)

    answers = read_truth(open_truth(write(tmp_path), "kuairand", FIELDS, LogFormat()), pcvr_of)
    assert [features["user_id"].int64_list.value[:] for features in asked] == [[7], [8], [9]]
    assert [features["tags"].bytes_list.value[:] for features in asked] == [[b"a", b"b"], [], [b"c"]]
    assert set().union(*asked) == {"user_id", "tags"}
    assert answers.click.tolist() == [True, False, False]
    assert answers.true_pcvr.tolist() == [0.25, 0.5, 0.125]
    assert answers.pcvr.tolist() == np.float32([0.1] * 3).tolist()


@pytest.mark.parametrize("name", ["user_id", "tags", "click", "true_pcvr"])
def test_a_missing_column_is_told(name, tmp_path):
    path = write(tmp_path, **{name: []})
    with pytest.raises(InputError, match=rf"^--truth should have the column {name}. Received: {path} without it$"):
        open_truth(path, "kuairand", FIELDS, LogFormat())


def test_a_file_that_is_not_there_or_no_parquet_is_told(tmp_path):
    (tmp_path / "text").write_text("text")
    for name in ("nowhere", "text"):
        with pytest.raises(InputError, match=f"^--truth should be a Parquet file of .* Received: {tmp_path / name}: "):
            open_truth(tmp_path / name, "kuairand", FIELDS, LogFormat())


def test_a_value_of_another_type_is_told(tmp_path):
    source = open_truth(write(tmp_path, user_id=["7", "x", "9"]), "kuairand", FIELDS, LogFormat())
    with pytest.raises(InputError, match=r"column `user_id` should be an integer\. Received: x$"):
        read_truth(source, lambda examples: np.zeros(len(examples)))


def test_another_file_has_another_fingerprint(tmp_path):
    source = open_truth(write(tmp_path), "kuairand", FIELDS, LogFormat())
    before = source.fingerprint()
    assert source.fingerprint() == before
    write(tmp_path, user_id=[7, 8, 10])
    assert source.fingerprint() != before


def test_metrics_are_scikit_learns_in_each_space():
    random = np.random.default_rng(1)
    click, truth = random.random(400) < 0.3, random.random(400)
    answers = TruthAnswers(click, truth, np.clip(truth + random.normal(0, 0.3, 400), 0, 1).astype(np.float32))
    found = truth_metrics(answers)(np.ones(400))
    for space, rows in (("all", click | ~click), ("clicked", click), ("unclicked", ~click)):
        p, pcvr = truth[rows], answers.pcvr[rows]
        doubled = ([1] * len(p) + [0] * len(p), np.tile(pcvr, 2), np.concatenate([p, 1 - p]))
        auc = roc_auc_score(doubled[0], doubled[1], sample_weight=doubled[2])
        best = roc_auc_score(doubled[0], np.tile(p, 2), sample_weight=doubled[2])
        expected = {
            f"true_cvr_auc_{space}": auc,
            f"true_cvr_auc_gap_{space}": best - auc,
            f"pcvr_mae_{space}": mean_absolute_error(p, pcvr),
            f"pcvr_rmse_{space}": mean_squared_error(p, pcvr) ** 0.5,
            f"pcvr_true_pcoc_{space}": pcvr.mean() / p.mean(),
        }
        assert best > auc
        assert {name: found.pop(name) for name in expected} == pytest.approx(expected)
    assert not found


def test_the_truth_itself_has_no_gap():
    truth = np.random.default_rng(2).random(50)
    found = truth_metrics(TruthAnswers(np.arange(50) < 20, truth, truth))(np.ones(50))
    assert [found[name] for name in found if "gap" in name or "mae" in name or "rmse" in name] == [0.0] * 9
