"""The Beam steps that part files: rows of a key come to one task, whatever file they stand in."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from components.impression_example_gen import partition
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.report import SplitReport, merge
from components.impression_example_gen.rows import DeadLetter, Rows
from components.impression_example_gen.sources import parting
from pipeline.beam import LOCAL_ARGS
from schema.errors import InputError


class Lines:
    """A source of one key a line; `!` is a dead line, `?` one at which the file can't be read on."""

    def read_role(self, role: str, where: FileRange) -> Iterator[Rows]:
        for number, line in enumerate(Path(where.path).read_text().splitlines()):
            if line == "?":
                raise InputError(f"{Path(where.path).name} should be readable")
            yield Rows(pa.RecordBatch.from_pydict({"key": [line.encode()]}), where.path, "line", np.array([number]))

    def prepare(self, role: str, rows: Rows) -> parting.Prepared:
        dead = rows.batch["key"][0].as_py() == b"!"
        kept = rows.batch.slice(0, 0 if dead else 1)
        letters = [DeadLetter(Path(rows.file).name, f"line {n}", "dead", b"!") for n in rows.positions if dead]
        return parting.Prepared(kept, kept["key"], rows.positions[: len(kept)], letters, {f"{role}_in": 1})


Parted = tuple[list[list], SplitReport, list[tuple[str, str]]]


@pytest.fixture
def part(tmp_path) -> Callable[..., Parted]:
    def run(files: dict[str, dict[str, str]]) -> Parted:
        """Gives the tasks as (number, role, [(file, key)]) in order, the report and the letters."""
        logs, parts = tmp_path / "logs", tmp_path / "parts"
        logs.mkdir()
        parts.mkdir()
        matched = {}
        for role, of_role in files.items():
            for name, keys in of_role.items():
                (logs / name).write_text("".join(f"{key}\n" for key in keys))
            matched[role] = [FileSystems.match([str(logs / name)])[0].metadata_list[0] for name in of_role]
        with beam.Pipeline(options=PipelineOptions(list(LOCAL_ARGS))) as pipeline:
            tasks = parting.part(Lines(), pipeline, matched, False, str(parts))
            write(tasks.tasks, "tasks", tmp_path, list)
            write(tasks.reports | "Reports" >> beam.Flatten() | beam.CombineGlobally(merge), "report", tmp_path, told)
            write(tasks.letters | "Letters" >> beam.Flatten(), "letters", tmp_path, json.loads)
        found = {name: read(tmp_path / name) for name in ("tasks", "report", "letters")}
        tasks_found = [
            [number, {role: content(paths) for role, paths in task.items()}] for number, task in found["tasks"]
        ]
        (report,) = found["report"]
        letters = sorted((letter["file"], letter["position"]) for letter in found["letters"])
        return sorted(tasks_found), SplitReport(*report), letters

    return run


def write(values: beam.PCollection, name: str, folder: Path, to_json: Callable) -> None:
    _ = (
        values
        | f"{name} to JSON" >> beam.Map(lambda v: json.dumps(to_json(v)))
        | name >> beam.io.WriteToText(str(folder / name), shard_name_template="")
    )


def told(report: SplitReport) -> list:
    return [report.counts, report.problems, report.letters]


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def content(paths: list[str]) -> list[tuple[str, str]]:
    parts = [part for path in paths for part in partition.read_part(path)]
    return [(Path(part.source).name, key.decode()) for part in parts for key in part.batch["key"].to_pylist()]


def test_one_part_holds_all_roles_in_the_order_of_their_files(part):
    tasks, report, letters = part({"clicks": {"z": "ab", "c": "a"}, "impressions": {"b": "ba", "a": "c"}})
    assert tasks == [
        [
            0,
            {
                "clicks": [("z", "a"), ("z", "b"), ("c", "a")],
                "impressions": [("b", "b"), ("b", "a"), ("a", "c")],
            },
        ]
    ]
    assert (report.counts["clicks_in"], report.counts["impressions_in"]) == (3, 3)
    assert not report.problems
    assert not letters


def test_a_key_is_in_one_part_of_many_and_a_role_may_lack_there(part, monkeypatch):
    monkeypatch.setattr(partition, "_PART_BYTES", 4)
    alphabet = "abcdefghijklmnopqrst"
    tasks, _, _ = part({"clicks": {"x": "aaab", "y": "ba"}, "impressions": {"i": alphabet, "j": alphabet}})
    assert len(tasks) > 8
    assert [number for number, _ in tasks] == sorted({number for number, _ in tasks})
    for role, expected in (("clicks", [("x", "a")] * 3 + [("x", "b"), ("y", "a"), ("y", "b")]), ("impressions", None)):
        found = [row for _, task in tasks for row in task.get(role, [])]
        assert sorted(found) == (expected or sorted((file, key) for file in "ij" for key in alphabet))
    for key in alphabet:
        (task,) = (task for _, task in tasks if ("i", key) in task["impressions"])
        assert ("j", key) in task["impressions"]
        if key in "ab":
            assert ("x", key) in task["clicks"]
    assert any("clicks" not in task for _, task in tasks)


def test_dead_rows_and_files_that_break_off_are_told_and_the_others_parted(part):
    tasks, report, letters = part({"clicks": {"a": "a!b", "b": "c?d", "c": "?", "d": "!e", "e": ""}})
    assert tasks == [[0, {"clicks": [("a", "a"), ("a", "b"), ("b", "c"), ("d", "e")]}]]
    assert report.counts["clicks_in"] == 6
    assert report.problems == ["b should be readable", "c should be readable"]
    assert report.letters == ["a, line 1: dead", "d, line 0: dead"]
    assert letters == [("a", "line 1"), ("d", "line 0")]


def test_nothing_is_no_task(part):
    assert part({"clicks": {"a": ""}})[0] == []
