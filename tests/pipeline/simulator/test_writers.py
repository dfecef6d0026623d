"""The files of a simulated log, read by other means than ours, and `esmm simulate` itself."""

import csv
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config import load_config
from pipeline.simulator import simulate as simulator
from schema import load
from schema.errors import InputError

IMPRESSIONS = 2_400
HALF = IMPRESSIONS // 2
USER = {"101", "109_14", "110_14", "127_14", "150_14", "121", "122", "124", "125", "126", "127", "128", "129"}
WEIGHTED = {"109_14", "110_14", "127_14", "150_14", "508", "509", "702", "853"}


def write(preset: str, file_format: str, out: Path, overrides: tuple[str, ...] = (), **changes: Any) -> list[Path]:
    tree = load_config(preset, overrides)
    schema = load.read_schema(load.schema_path(tree.schema_file))
    arguments = {"impressions": IMPRESSIONS, "ctr": 0.1, "cvr": 0.1, "seed": 1, **changes}
    return simulator.simulate(tree, schema, file_format, out, **arguments)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each preset and format."""
    root = tmp_path_factory.mktemp("logs")
    for preset in ("ali_ccp", "kuairand"):
        for file_format in simulator.FORMATS:
            if (preset, file_format) != ("kuairand", "ali_ccp"):
                write(preset, file_format, root / preset / file_format)
    return root


def present(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    return [present(row) for row in pq.read_table(path).to_pylist()]


def as_typed(text: str, value: Any) -> Any:
    """Text in the type of a value."""
    if isinstance(value, list):
        return [as_typed(part, value[0]) for part in text.split("|")]
    return float(np.float32(text)) if isinstance(value, float) else type(value)(text)


@pytest.mark.parametrize("preset", ["ali_ccp", "kuairand"])
@pytest.mark.parametrize("split", ["train", "eval"])
class TestFlatFormats:
    def test_csv_has_the_rows_of_parquet(self, logs, preset, split):
        expected = parquet_rows(logs / preset / "parquet" / f"impressions-{split}.parquet")
        assert len(expected) == HALF
        with (logs / preset / "csv" / f"impressions-{split}.csv").open(newline="") as file:
            for wanted, row in zip(expected, csv.DictReader(file), strict=True):
                assert {n: as_typed(text, wanted.get(n, "")) for n, text in row.items() if text} == wanted

    def test_json_lines_have_the_rows_of_parquet(self, logs, preset, split):
        expected = parquet_rows(logs / preset / "parquet" / f"impressions-{split}.parquet")
        with (logs / preset / "jsonl" / f"impressions-{split}.jsonl").open() as file:
            for wanted, line in zip(expected, file, strict=True):
                row = json.loads(line, parse_float=lambda text: float(np.float32(text)))
                assert row == wanted

    def test_tf_records_have_the_rows_of_parquet(self, logs, preset, split):
        expected = parquet_rows(logs / preset / "parquet" / f"impressions-{split}.parquet")
        records = tf.data.TFRecordDataset(str(logs / preset / "tfrecord" / f"impressions-{split}.tfrecord"))
        for wanted, record in zip(expected, records.as_numpy_iterator(), strict=True):
            features = tf.train.Example.FromString(record).features.feature
            values = {n: getattr(f, kind).value for n, f in features.items() if (kind := f.WhichOneof("kind"))}
            got = {n: [v.decode() if isinstance(v, bytes) else v for v in vs] for n, vs in values.items()}
            assert got == {n: v if isinstance(v, list) else [v] for n, v in wanted.items()}

    def test_labels_have_the_names_of_the_configuration(self, logs, preset, split):
        labels = load_config(preset).data.log.labels
        rows = parquet_rows(logs / preset / "parquet" / f"impressions-{split}.parquet")
        clicks, conversions = [r[labels.click] for r in rows], [r[labels.conversion] for r in rows]
        assert (sum(clicks), sum(conversions)) == (120, 12)
        assert all(click >= conversion for click, conversion in zip(clicks, conversions, strict=True))

    def test_events_come_in_time_and_have_the_labels_of_the_flat_log(self, logs, preset, split):
        tree = load_config(preset)
        labels, events = tree.data.log.labels, tree.data.log.events
        flat = parquet_rows(logs / preset / "parquet" / f"impressions-{split}.parquet")
        shown, clicked, converted = (
            parquet_rows(logs / preset / "events" / f"{role}-{split}.parquet")
            for role in ("impressions", "clicks", "conversions")
        )
        only_flat = (labels.click, labels.conversion, "time_ms")  # time_ms tells KuaiRand's impressions apart
        assert shown == [{n: v for n, v in row.items() if n not in only_flat} for row in flat]
        assert {e["impression_id"] for e in clicked} == {r["impression_id"] for r in flat if r[labels.click]}
        assert {e["impression_id"] for e in converted} == {r["impression_id"] for r in flat if r[labels.conversion]}
        assert (len(clicked), len(converted)) == (120, 12)
        shown_at = {e["impression_id"]: e["time"] for e in shown}
        clicked_at = {e["impression_id"]: e["time"] for e in clicked}
        for click in clicked:
            assert 0 < click["time"] - shown_at[click["impression_id"]] <= 1000 * events.click_window_seconds
        for conversion in converted:
            late = conversion["time"] - clicked_at[conversion["impression_id"]]
            assert 0 < late <= 1000 * events.conversion_window_seconds


def features(count: str, text: str) -> list[tuple[str, int, np.float32]]:
    """The features of a list of the release, which are as many as it says."""
    found = [feature.replace("\x03", "\x02").split("\x02") for feature in text.split("\x01")]
    assert len(found) == int(count)
    assert all("." in weight for _, _, weight in found)
    return [(field, int(id_), np.float32(weight)) for field, id_, weight in found]


def ali_ccp_rows(directory: Path, half: str, most: int) -> Iterator[dict[str, Any]]:
    """The impressions of the release's two files, with the heaviest values only."""
    common = [line.split(",") for line in (directory / f"common_features_{half}.csv").read_text().splitlines()]
    users = {index: features(*rest) for index, *rest in common}
    assert len(users) == len(common)
    for line in (directory / f"sample_skeleton_{half}.csv").read_text().splitlines():
        sample, click, conversion, index, *own = line.split(",")
        row: dict[str, Any] = {"impression_id": int(sample), "click": int(click), "conversion": int(conversion)}
        found = users[index] + features(*own)
        for field in {field for field, _, _ in found}:
            values = [(float(weight), id_) for name, id_, weight in found if name == field]
            if field in WEIGHTED:
                values = sorted(values, reverse=True)[:most]
                row[f"{field}_weight"] = [weight for weight, _ in values]
            ids = [id_ for _, id_ in values]
            row[field] = ids if field in WEIGHTED | {"210"} else ids[0]
        yield row


class TestAliCcpFormat:
    @pytest.mark.parametrize(("split", "half"), [("train", "train"), ("eval", "test")])
    def test_it_has_the_rows_of_parquet(self, logs, split, half):
        expected = parquet_rows(logs / "ali_ccp" / "parquet" / f"impressions-{split}.parquet")
        for wanted, row in zip(expected, ali_ccp_rows(logs / "ali_ccp" / "ali_ccp", half, 50), strict=True):
            del wanted["time"]
            assert row == wanted

    def test_rows_of_an_index_are_adjacent_and_only_users_are_common(self, logs):
        directory = logs / "ali_ccp" / "ali_ccp"
        lines = [line.split(",") for line in (directory / "common_features_train.csv").read_text().splitlines()]
        indices = [line[0] for line in lines]
        assert all(len(index) == 16 and set(index) <= set("0123456789abcdef") for index in indices)
        assert {field for line in lines for field, _, _ in features(*line[1:])} == USER
        used = [line.split(",")[3] for line in (directory / "sample_skeleton_train.csv").read_text().splitlines()]
        assert list(dict.fromkeys(used)) == indices
        assert sum(here != there for here, there in pairwise(used)) == len(indices) - 1

    def test_histories_are_whole_and_in_no_order(self, logs):
        lines = (logs / "ali_ccp" / "ali_ccp" / "common_features_train.csv").read_text().splitlines()
        histories = [
            [weight for field, _, weight in features(*line.split(",")[1:]) if field == "110_14"] for line in lines
        ]
        assert max(map(len, histories)) > 300
        assert all(len(set(weights)) == len(weights) for weights in histories)
        assert all(weights != sorted(weights, reverse=True) for weights in histories if len(weights) > 10)

    def test_user_features_are_common_though_they_are_no_fields(self, tmp_path):
        write("ali_ccp", "ali_ccp", tmp_path, ("fields={'101': {entity: user}, '205': {entity: item}}",))
        lines = (tmp_path / "common_features_train.csv").read_text().splitlines()
        assert {field for line in lines for field, _, _ in features(*line.split(",")[1:])} == USER

    def test_a_truth_has_the_test_half_as_it_is_read_and_nothing_else_of_it(self, logs, tmp_path):
        *files, truth = write("ali_ccp", "ali_ccp", tmp_path / "log", truth=tmp_path / "truth.parquet")
        expected = parquet_rows(truth)
        for wanted, row in zip(expected, ali_ccp_rows(tmp_path / "log", "test", 50), strict=True):
            assert 0 < wanted.pop("true_pctr") < 1
            assert 0 < wanted.pop("true_pcvr") < 1
            del row["impression_id"]
            assert row == wanted
        assert sum(row["click"] for row in expected) > 60
        without = logs / "ali_ccp" / "ali_ccp"  # labels are in the skeleton
        assert all(path.read_bytes() == (without / path.name).read_bytes() for path in files if "common" in path.name)

    def test_features_that_it_cannot_hold(self, tmp_path):
        with pytest.raises(InputError, match=r"Received: feature `user_active_degree`, BYTES"):
            write("kuairand", "ali_ccp", tmp_path)
        assert list(tmp_path.iterdir()) == []


def content(path: Path) -> Any:
    """Bytes; tf.Examples parsed, since their features have no order."""
    if path.suffix != ".tfrecord":
        return path.read_bytes()
    return [tf.train.Example.FromString(r) for r in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()]


@pytest.mark.parametrize("file_format", simulator.FORMATS)
def test_equal_seeds_give_equal_files_and_others_do_not(logs, tmp_path, file_format):
    first = logs / "ali_ccp" / file_format
    again = write("ali_ccp", file_format, tmp_path / "again")
    other = write("ali_ccp", file_format, tmp_path / "other", seed=2)
    assert sorted(path.name for path in again) == sorted(path.name for path in first.iterdir())
    assert all(content(path) == content(first / path.name) for path in again)
    assert all(content(path) != content(first / path.name) for path in other)


def test_names_and_units_of_the_configuration(tmp_path):
    overrides = ("data.log.events={format: jsonl, impression_id: key, time: at, time_unit: s}",)
    write("kuairand", "events", tmp_path, overrides, impressions=200)
    (click, *_) = [json.loads(line) for line in (tmp_path / "clicks-train.jsonl").read_text().splitlines()]
    assert click.keys() == {"key", "at"}
    assert 1_767_225_600 < click["at"] < 1_767_225_600 + 24 * 3600


def test_one_impression_leaves_the_eval_split_empty(tmp_path):
    for file_format in simulator.FORMATS:
        write("ali_ccp", file_format, tmp_path / file_format, impressions=1)
    assert [len(pq.read_table(tmp_path / "parquet" / f"impressions-{s}.parquet")) for s in ("train", "eval")] == [1, 0]
    lines = {path.name: len(path.read_text().splitlines()) for path in (tmp_path / "ali_ccp").iterdir()}
    assert lines == {
        "sample_skeleton_train.csv": 1,
        "common_features_train.csv": 1,
        "sample_skeleton_test.csv": 0,
        "common_features_test.csv": 0,
    }


@pytest.mark.usefixtures("interrupted")
def test_an_interrupted_simulation_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write("ali_ccp", "csv", tmp_path)
    assert list(tmp_path.iterdir()) == []


def esmm(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["simulate", *arguments])
    return result.exit_code, result.stdout, result.stderr


class TestCommand:
    def test_it_prints_the_files(self, tmp_path):
        code, _, _ = esmm(
            "--config", "ali_ccp", "--format", "ali_ccp", "--impressions", "300", "--out", str(tmp_path / "new")
        )
        assert code == 0
        assert {path.name for path in (tmp_path / "new").iterdir()} == {
            "sample_skeleton_train.csv",
            "common_features_train.csv",
            "sample_skeleton_test.csv",
            "common_features_test.csv",
        }

    def test_files_that_are_there_are_not_overwritten(self, tmp_path):
        (tmp_path / "impressions-eval.csv").write_text("mine")
        code, _, error = esmm("--config", "ali_ccp", "--format", "csv", "--impressions", "10", "--out", str(tmp_path))
        assert code == 2
        assert error == (
            f"error: --out should be a folder without impressions-eval.csv; it is not overwritten. "
            f"Received: {tmp_path}\n"
        )
        assert [path.name for path in tmp_path.iterdir()] == ["impressions-eval.csv"]

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            (["--impressions", "0"], "--impressions should be at least 1. Received: 0"),
            (["--format", "xml"], "--format should be one of: parquet, csv, jsonl, tfrecord, ali_ccp, events."),
            (["--ctr", "1.5"], "--ctr should be from 0 to 1. Received: 1.5"),
            (["--cvr", "-0.1"], "--cvr should be from 0 to 1. Received: -0.1"),
            (["--seed", "-1"], "--seed should be 0 or larger. Received: -1"),
            (["--set", "data.log.events.time=tab"], "`data.log.events.time` should be no feature's name; use --set."),
            (["--format", "ali_ccp"], "Received: feature `user_active_degree`, BYTES"),
            (["--config", "nothing"], "--config should be a file or one of: ali_ccp, kuairand, paper_table2."),
            (
                ["--out", "{tmp}/file/x"],
                "--out should be a folder to write to. Received: {tmp}/file/x: Not a directory",
            ),
        ],
    )
    def test_a_wrong_option_is_one_line_and_exit_2(self, tmp_path, changed, message):
        (tmp_path / "file").write_text("")
        usual = {"--config": "kuairand", "--format": "csv", "--impressions": "10", "--out": str(tmp_path / "out")}
        options = {**usual, changed[0]: changed[1].format(tmp=tmp_path)}
        code, _, error = esmm(*(text for option in options.items() for text in option))
        assert code == 2
        assert message.format(tmp=tmp_path) in error
        assert len(error.splitlines()) == 1
        assert not (tmp_path / "out").exists()


def test_columns_that_tell_impressions_apart_are_there_though_they_are_no_features(tmp_path):
    command = ["simulate", "--config", "kuairand", "--format", "parquet", "--impressions", "40", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, command).exit_code == 0
    table = pq.read_table(tmp_path / "impressions-train.parquet")
    assert table["time_ms"].to_pylist() == table["impression_id"].to_pylist()
