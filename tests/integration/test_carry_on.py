"""Vocabularies that are carried on from day to day, on the real LocalDagRunner."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest
from tfx.orchestration import metadata
from typer.testing import CliRunner, Result

from models import vocabulary_files
from pipeline.cli import app
from pipeline.lineage import latest_run_outputs
from schema import vocabulary

pytestmark = pytest.mark.slow

# Fields with a vocabulary, and their least counts.
MIN_COUNTS = {
    "user_id": 2,
    "user_active_degree": 1,
    "onehot_feat4": 1,
    "like_history": 1,
    "video_id": 2,
    "tags": 1,
    "tab": 1,
}
LAST = ("--set", "vocabularies.carry_on=last")


def run(config: Path, root: Path, *more: object) -> Result:
    arguments = ["run", "--config", config, "--root", root, *more]
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def transform_graph(root: Path) -> str:
    """That of the latest run."""
    outputs = latest_run_outputs(metadata.sqlite_metadata_connection_config(str(root / "metadata.sqlite")))
    return outputs["PackedTransform", "transform_graph"].uri


def tokens(graph: str) -> dict[str, list[bytes]]:
    read = vocabulary_files.read_tokens(vocabulary.directory(graph))
    return {name: one.to_pylist() for name, one in read.items()}


def ran(result: Result) -> list[str]:
    """Components that the cache did not answer for."""
    return [line.split()[1] for line in result.stdout.splitlines() if line.startswith("✓") and "cached" not in line]


def counted(rows: pa.Table, name: str) -> list[bytes]:
    """The most frequent tokens first."""
    column = rows[name].combine_chunks()
    values = column.flatten() if pa.types.is_list(column.type) else column.drop_null()
    counts = Counter(str(value).encode() for value in values.to_pylist())
    by_count = sorted(((count, token) for token, count in counts.items()), reverse=True)
    return [token for count, token in by_count if count >= MIN_COUNTS[name]]


class TwoDays(NamedTuple):
    """Two runs in one root, the second of the next day's log, and the graph that each left."""

    config: Path
    root: Path
    next_day: Path
    results: list[Result]
    graphs: list[str]

    def run_next_day(self, root: Path, *more: object) -> Result:
        return run(self.config, root, "--set", f"data.base={self.next_day}", *more)


@pytest.fixture(scope="module")
def two_days(days, write_log, write_config, tmp_path_factory) -> TwoDays:
    folder = tmp_path_factory.mktemp("carry_on")
    logs = [write_log(folder / f"day-{number}", day) for number, day in enumerate(days, 1)]
    ran_so_far = TwoDays(write_config(logs[0]), folder / "root", logs[1], [], [])
    for log in logs:
        result = run(ran_so_far.config, ran_so_far.root, "--set", f"data.base={log}", *LAST)
        assert result.exit_code == 0, result.output
        ran_so_far.results.append(result)
        ran_so_far.graphs.append(transform_graph(ran_so_far.root))
    return ran_so_far


def test_both_days_are_pushed(two_days):
    assert all("CarriedOn" in ran(result) for result in two_days.results)
    assert len(list((two_days.root / "serving").iterdir())) == 2


def test_the_first_day_counts_anew(two_days, days):
    assert tokens(two_days.graphs[0]) == {name: counted(days[0], name) for name in MIN_COUNTS}


def test_the_second_day_appends_what_is_new(two_days, days):
    first, second = map(tokens, two_days.graphs)
    for name, known in first.items():
        assert second[name] == known + [token for token in counted(days[1], name) if token not in known]
    grown = {name for name in first if len(second[name]) > len(first[name])}
    assert grown >= {"user_id", "video_id", "like_history"}


def test_an_unchanged_rerun_is_cached_and_pushes_nothing(two_days):
    pushed = sorted((two_days.root / "serving").iterdir())
    result = two_days.run_next_day(two_days.root, *LAST)
    assert (result.exit_code, ran(result)) == (0, ["CarriedOn", "LastAccepted", "Baseline"])
    assert transform_graph(two_days.root) == two_days.graphs[1]
    assert sorted((two_days.root / "serving").iterdir()) == pushed


def test_a_graph_that_is_named_is_carried_on_like_the_last(two_days, tmp_path):
    result = two_days.run_next_day(tmp_path, "--set", f"vocabularies.carry_on={two_days.graphs[0]}/")
    assert result.exit_code == 0, result.output
    assert tokens(transform_graph(tmp_path)) == tokens(two_days.graphs[1])


def test_a_graph_that_is_not_there_is_told_before_any_component_runs(two_days, tmp_path):
    result = two_days.run_next_day(tmp_path, "--set", "vocabularies.carry_on=/nowhere")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: vocabularies are carried on from a transform graph. Received: /nowhere, without "
        "/nowhere/transform_fn/assets/vocabularies.json\n"
    )
    assert "ImpressionExampleGen" not in result.stdout


@pytest.mark.parametrize("where", ["named", "last"])
def test_a_field_of_another_feature_is_told_before_anything_is_trained(two_days, tmp_path, where):
    graph = two_days.graphs[0]
    root, carry_on = (two_days.root, "last") if where == "last" else (tmp_path, graph)
    other = ("--set", f"vocabularies.carry_on={carry_on}", "--set", "fields.video_id.feature=author_id")
    result = two_days.run_next_day(root, *other)
    assert result.exit_code == 2, result.output
    assert result.stderr == (
        "error: the vocabulary of `video_id` that is carried on should be of author_id (int64). Received: one of "
        f"video_id (int64), in {graph}; rename the field, or count anew: vocabularies.carry_on=none\n"
    )
    assert ("Transform" if where == "named" else "Trainer") not in result.stdout
