"""`esmm bench serving` on a model too small to say anything, to see that each side does what it says."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console
from typer.testing import CliRunner

from models.network import Shape
from models.settings import ModelSettings
from pipeline.bench import serving, serving_floor
from pipeline.cli import app
from schema.fields import Field


@pytest.mark.slow
def test_all_sides_are_measured(exported, small_log):
    screen = io.StringIO()
    figures = serving.bench_serving(exported[0], str(small_log / "eval.parquet"), [2, 40], 0, Console(file=screen))
    assert set(figures) == {"machine", "serving"}
    by_side = {(row["candidates"], row["side"]): row for row in figures["serving"]}
    sides = ("rank", "serving_default", "floor")
    assert list(by_side) == [(number, side) for number in (2, 40) for side in sides]
    for (number, side), row in by_side.items():
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        if side != "rank":
            assert row["ratio"] == pytest.approx(row["p50_ms"] / by_side[number, "rank"]["p50_ms"])
    # An example more has its user's features, too; a candidate more has not.
    grown = {side: by_side[40, side]["bytes"] - by_side[2, side]["bytes"] for side in sides[:2]}
    assert 38 * 8 < grown["rank"] < grown["serving_default"] / 2
    assert "40 candidates" in screen.getvalue()


def test_whole_examples_are_all_of_the_first_ones_user():
    def example(**features: int) -> bytes:
        made = tf.train.Example()
        for name, value in features.items():
            made.features.feature[name].int64_list.value.append(value)
        return made.SerializeToString()

    examples = [example(user=1, item=5), example(user=2, item=6, age=3)]
    merged = [tf.train.Example.FromString(one) for one in serving.of_one_user(examples, {"user", "age"})]
    values = [{name: list(f.int64_list.value) for name, f in one.features.feature.items()} for one in merged]
    assert values == [{"user": [1], "item": [5], "age": []}, {"user": [1], "item": [6], "age": []}]


def test_the_floor_is_what_candidates_differ_in():
    fields = (
        Field(name="user", entity="user"),
        Field(name="item", entity="item"),
        Field(name="tags", entity="item", values=3),
        Field(name="price", entity="item", encoding="log"),
        Field(name="hour", entity="context", encoding="log"),
    )
    shape = Shape(fields, {"user": 3, "item": 3, "tags": 3}, ModelSettings(embedding_dim=4, hidden_units=(7, 5)))
    assert serving_floor.widths(shape) == [4 + 4 + 1, 7, 5, 1]


def test_products_are_achain():
    random = np.random.default_rng(1)
    vectors, *kernels = (tf.constant(random.normal(size=shape)) for shape in [(6, 4), (4, 3), (3, 1)])
    np.testing.assert_allclose(serving_floor.chain(vectors, kernels), vectors.numpy() @ kernels[0] @ kernels[1])


def test_too_few_rows_are_told(exported, small_log, tmp_path):
    file = small_log / "eval.parquet"
    arguments = ["bench", "serving", "--model", exported[0], "--input", file, "--candidates", 10**6]
    result = CliRunner().invoke(app, [*map(str, arguments), "--out", str(tmp_path / "figures.json")])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --input should have 1000000 rows at least. Received: ")
    assert not (tmp_path / "figures.json").exists()


@pytest.mark.slow
def test_figures_are_written(exported, small_log, tmp_path):
    out = tmp_path / "figures.json"
    arguments = ["bench", "serving", "--model", exported[0], "--input", small_log / "eval.parquet", "--seconds", 0]
    result = CliRunner().invoke(app, [*map(str, arguments), "--candidates", "3", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert len(json.loads(out.read_text())["serving"]) == 3
