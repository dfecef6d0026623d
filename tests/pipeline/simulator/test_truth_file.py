"""`esmm simulate --truth`: the log, the truth beside it, and the AUCs that are possible."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config import load_config
from pipeline.simulator import simulate as simulator
from pipeline.simulator.best_auc import best_aucs
from schema import load
from schema.errors import InputError

IMPRESSIONS = 3_001
EVAL_HALF = 1_500
ADDED = ["click", "conversion", "true_pctr", "true_pcvr"]


def write(file_format: str, folder: Path, **changes: Any) -> Path:
    """Writes `folder`/log and gives `folder`/truth.parquet."""
    tree = load_config("kuairand", ())
    schema = load.read_schema(load.schema_path("kuairand"))
    arguments = {"impressions": IMPRESSIONS, "ctr": 0.3, "cvr": 0.3, "seed": 1, "truth": folder / "truth.parquet"}
    *files, truth = simulator.simulate(tree, schema, file_format, folder / "log", **arguments | changes)
    assert sorted(files) == sorted((folder / "log").iterdir())
    return truth


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each flat format and for events."""
    root = tmp_path_factory.mktemp("written")
    for file_format in ("parquet", "csv", "events"):
        write(file_format, root / file_format)
    return root


def eval_log(folder: Path) -> pa.Table:
    return pq.read_table(folder / "log" / "impressions-eval.parquet")


def test_it_has_the_columns_of_the_schema_labels_and_probabilities(written):
    truth = pq.read_table(written / "parquet" / "truth.parquet")
    names = list(load.usable_features(load.read_schema(load.schema_path("kuairand")), "SERVING"))
    assert truth.schema.names == [*names, *ADDED]
    assert truth.schema.field("watch_history").type == pa.list_(pa.int64())
    assert [truth.schema.field(name).type for name in ADDED] == [pa.int64()] * 2 + [pa.float64()] * 2


def test_rows_are_those_of_the_eval_half_in_its_order(written):
    truth, log = pq.read_table(written / "parquet" / "truth.parquet"), eval_log(written / "parquet")
    features = truth.schema.names[: -len(ADDED)]
    assert truth.num_rows == EVAL_HALF
    assert truth.select(features).equals(log.select(features))
    assert truth["click"].equals(log["is_click"])
    assert truth["conversion"].equals(log["is_like"])
    assert 0 < pc.sum(truth["conversion"]).as_py() < pc.sum(truth["click"]).as_py() < EVAL_HALF


def test_the_log_has_no_column_of_it(written, tmp_path):
    write("parquet", tmp_path, truth=tmp_path / "t.parquet")
    tree, schema = load_config("kuairand", ()), load.read_schema(load.schema_path("kuairand"))
    simulator.simulate(tree, schema, "parquet", tmp_path / "plain", impressions=IMPRESSIONS, ctr=0.3, cvr=0.3, seed=1)
    log, plain = eval_log(tmp_path), pq.read_table(tmp_path / "plain" / "impressions-eval.parquet")
    assert log.schema.equals(plain.schema)
    labels = ["is_click", "is_like"]
    assert log.drop_columns(labels).equals(plain.drop_columns(labels))
    assert not log.select(labels).equals(plain.select(labels))


def test_every_format_has_the_same_truth_and_the_same_labels(written):
    expected = (written / "parquet" / "truth.parquet").read_bytes()
    assert all((written / one / "truth.parquet").read_bytes() == expected for one in ("csv", "events"))
    events = written / "events" / "log"
    for split, impressions in (("train", EVAL_HALF + 1), ("eval", EVAL_HALF)):
        log = pq.read_table(written / "parquet" / "log" / f"impressions-{split}.parquet")
        assert log.num_rows == impressions
        for label, kind in (("is_click", "clicks"), ("is_like", "conversions")):
            labelled = log.filter(pc.equal(log[label], 1))["impression_id"]
            assert set(labelled.to_pylist()) == set(
                pq.read_table(events / f"{kind}-{split}.parquet")["impression_id"].to_pylist()
            )


def test_equal_seeds_give_equal_files_and_others_do_not(written, tmp_path):
    first = written / "csv"
    assert write("csv", tmp_path / "again").read_bytes() == (first / "truth.parquet").read_bytes()
    for name in ("impressions-train.csv", "impressions-eval.csv"):
        assert (tmp_path / "again" / "log" / name).read_bytes() == (first / "log" / name).read_bytes()
    other = write("csv", tmp_path / "other", seed=2)
    assert other.read_bytes() != (first / "truth.parquet").read_bytes()


def test_the_bias_is_1_unless_another_is_asked_for(written, tmp_path):
    expected = (written / "parquet" / "truth.parquet").read_bytes()
    assert write("parquet", tmp_path / "one", selection_bias=1.0).read_bytes() == expected
    assert write("parquet", tmp_path / "none", selection_bias=0.0).read_bytes() != expected


def test_one_impression_leaves_it_empty(tmp_path):
    truth = write("parquet", tmp_path, impressions=1)
    assert pq.read_table(truth).num_rows == 0
    assert all(np.isnan(auc) for auc in best_aucs(truth).values())


@pytest.mark.usefixtures("interrupted")
def test_an_interrupted_simulation_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write("csv", tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


class TestBestAucs:
    def test_they_are_those_of_scikit_learn(self, tmp_path):
        path = write("parquet", tmp_path, impressions=20_000)
        truth = pq.read_table(path).to_pandas()
        clicked = truth[truth.click == 1]
        assert best_aucs(path) == pytest.approx(
            {
                "ctr_auc_all": roc_auc_score(truth.click, truth.true_pctr),
                "cvr_auc_clicked": roc_auc_score(clicked.conversion, clicked.true_pcvr),
                "ctcvr_auc_all": roc_auc_score(truth.conversion, truth.true_pctr * truth.true_pcvr),
            },
            abs=2e-4,
        )

    def test_by_hand_with_a_tie_and_with_sure_ones(self, tmp_path):
        columns = {
            "click": [0, 1, 0, 1, 1],
            "conversion": [0, 0, 0, 1, 0],
            "true_pctr": [0.2, 0.2, 0.0, 1.0, 0.1],
            "true_pcvr": [0.9, 0.5, 0.9, 0.5, 0.1],
        }
        pq.write_table(pa.table(columns), tmp_path / "truth.parquet")
        # Clicks: the one at 0.2 is above one other and tied, the one at 1.0 above both, the one at 0.1 above one.
        assert best_aucs(tmp_path / "truth.parquet") == pytest.approx(
            {"ctr_auc_all": (1.5 + 2 + 1) / 6, "cvr_auc_clicked": 1.5 / 2, "ctcvr_auc_all": 1.0}
        )


def esmm(*changed: str, folder: Path) -> tuple[int, str, str]:
    usual = {"--config": "kuairand", "--format": "csv", "--impressions": "600", "--out": str(folder / "out")}
    options = usual | dict(zip(changed[::2], changed[1::2], strict=True))
    result = CliRunner().invoke(app, ["simulate", *(text for option in options.items() for text in option)])
    return result.exit_code, result.stdout, result.stderr


class TestCommand:
    def test_it_writes_the_truth_into_a_new_folder(self, tmp_path):
        truth = tmp_path / "new" / "truth.parquet"
        code, _, _ = esmm("--truth", str(truth), "--selection-bias", "0.5", folder=tmp_path)
        assert code == 0
        assert pq.read_table(truth).num_rows == 300
        assert [path.name for path in truth.parent.iterdir()] == ["truth.parquet"]

    def test_a_truth_that_is_there_is_not_overwritten(self, tmp_path):
        truth = tmp_path / "truth.parquet"
        truth.write_text("mine")
        code, _, error = esmm("--truth", str(truth), folder=tmp_path)
        assert code == 2
        assert error == (
            f"error: --truth should be a file that is not there; it is not overwritten. Received: {truth}\n"
        )
        assert truth.read_text() == "mine"
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            (["--selection-bias", "1"], "--selection-bias should come with --truth. Received: 1.0 without it"),
            (
                ["--truth", "{tmp}/t.parquet", "--selection-bias", "-1"],
                "--selection-bias should be 0 or larger, and finite. Received: -1.0",
            ),
            (
                ["--truth", "{tmp}/t.parquet", "--selection-bias", "nan"],
                "--selection-bias should be 0 or larger, and finite. Received: nan",
            ),
            (["--truth", "{tmp}/t.csv"], "--truth should be a .parquet file. Received: {tmp}/t.csv"),
            (
                ["--format", "parquet", "--truth", "{tmp}/x/../out/impressions-eval.parquet"],
                "--truth should be none of the log's files. Received: {tmp}/x/../out/impressions-eval.parquet",
            ),
            (
                ["--truth", "{tmp}/file/x/t.parquet"],
                "--truth should be a file to write. Received: {tmp}/file/x/t.parquet: Not a directory",
            ),
        ],
    )
    def test_a_wrong_option_is_one_line_and_exit_2(self, tmp_path, changed, message):
        (tmp_path / "file").write_text("")
        code, _, error = esmm(*(text.format(tmp=tmp_path) for text in changed), folder=tmp_path)
        assert code == 2
        assert error == f"error: {message.format(tmp=tmp_path)}\n"
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_feature_that_is_called_as_the_truth(tmp_path):
    tree, schema = load_config("kuairand", ()), load.read_schema(load.schema_path("kuairand"))
    schema.feature.add(name="true_pctr", type="FLOAT").value_count.max = 1
    with pytest.raises(InputError, match=r"--truth should .* Received: true_pctr$"):
        simulator.simulate(
            tree, schema, "csv", tmp_path / "log", impressions=9, ctr=0.1, cvr=0.1, seed=1, truth=tmp_path / "t.parquet"
        )
    assert list(tmp_path.iterdir()) == []
