"""The Beam steps of a split: from files to examples, dead letters and a report."""

import base64
import glob
import json
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import IMPRESSIONS, Duplicates, LogFormat
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.report import SplitReport, merge
from components.impression_example_gen.sources.flat import FlatSource
from components.impression_example_gen.transforms import EXAMPLES, KEYS, LETTERS, REPORTS, IngestSplit, ReadTask, Split
from pipeline.beam import LOCAL_ARGS

CLICK, LIKE = (Column(name, schema_pb2.INT, required=True, low=0, high=1) for name in ("is_click", "is_like"))
N = Column("n", schema_pb2.INT)
COLUMNS = (CLICK, LIKE, N)
HEADER = "is_click,is_like,n"


def split(policy: str = "drop", labelled: bool = True, remove: bool | None = None) -> Split:
    log = LogFormat(
        format="csv",
        labels={"click": "is_click", "conversion": "is_like"},
        conversion_without_click=policy,
        duplicates=None if remove is None else Duplicates(key=("n",), remove=remove),
    )
    columns = COLUMNS if labelled else (N,)
    return Split(FlatSource("csv", log, columns), columns, log, labelled, () if remove is None else (N,))


def write(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def decode(examples: Sequence[bytes]) -> list[dict[str, int]]:
    parsed = [tf.train.Example.FromString(example).features.feature for example in examples]
    return [{name: feature.int64_list.value[0] for name, feature in row.items()} for row in parsed]


def row(n: int, click: int, conversion: int) -> dict[str, int]:
    return {"n": n, "click": click, "conversion": conversion}


# --- One task.


def process(read: ReadTask, path: str, *side_inputs) -> dict[str, list]:
    found: dict[str, list] = {}
    for output in read.process((5, FileRange(path)), *side_inputs):
        found.setdefault(output.tag, []).append(output.value)
    return found


@pytest.fixture
def log_file(tmp_path) -> str:
    # A click, a broken label, a conversion without a click, a conversion, the first row again.
    return write(tmp_path / "a.csv", HEADER, "1,0,10", "2,0,11", "0,1,12", "1,1,13", "1,0,10")


def test_a_task_gives_examples_letters_and_reports(log_file):
    found = process(ReadTask(split(), [EXAMPLES, LETTERS, REPORTS]), log_file)
    assert found.keys() == {EXAMPLES, LETTERS, REPORTS}
    (examples,) = found[EXAMPLES]
    assert decode(examples) == [row(10, 1, 0), row(13, 1, 1), row(10, 1, 0)]
    (letter,) = found[LETTERS]
    reason = "column `is_click` should be 0 or 1. Received: 2"
    assert json.loads(letter) == {
        "file": log_file,
        "position": "line 3",
        "reason": reason,
        "raw_base64": base64.b64encode(b"2,0,11").decode(),
    }
    assert merge(found[REPORTS]) == SplitReport(
        {
            "rows_in": 5,
            "examples": 3,
            "dead_letters": 1,
            "dropped": 1,
            "duplicates": 0,
            "conversions_without_click": 1,
            "clicks": 3,
            "conversions": 1,
        },
        letters=(f"{log_file}, line 3: {reason}",),
    )


def test_keys_are_those_of_the_rows_that_become_examples(log_file):
    found = process(ReadTask(split(remove=True), [KEYS]), log_file)
    assert found.keys() == {KEYS}
    assert {task for _, (task, _, _) in found[KEYS]} == {5}
    ordinals = [of_group.tolist() for _, (_, _, of_group) in found[KEYS]]
    assert sorted(ordinals) == [[0, 4], [3]]


def test_rows_that_were_found_to_repeat_others_are_left_out(log_file):
    repeated = {5: np.array([1, 2, 4]), 6: np.array([3])}  # 1 is dead and 2 is dropped anyway, 6 is another task
    found = process(ReadTask(split(remove=True), [EXAMPLES, REPORTS]), log_file, repeated)
    assert decode(found[EXAMPLES][0]) == [row(10, 1, 0), row(13, 1, 1)]
    counts = merge(found[REPORTS]).counts
    assert (counts["duplicates"], counts["dropped"], counts["dead_letters"]) == (1, 2, 1)


def test_a_file_that_can_t_be_read_on_is_reported_not_raised(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"\x1f\x8bnonsense")
    found = process(ReadTask(split(), [EXAMPLES, LETTERS, REPORTS]), str(path))
    assert found.keys() == {REPORTS}
    (problem,) = merge(found[REPORTS]).problems
    assert problem.startswith(f"{path} should be readable to its end. Received: ")
    assert process(ReadTask(split(remove=True), [KEYS]), str(path)) == {}


# --- A split on Beam.


class Ingested:
    """What a split wrote."""

    def __init__(self, folder: Path, asked: Split, paths: Sequence[str]):
        files = {IMPRESSIONS: [FileSystems.match([path])[0].metadata_list[0] for path in paths]}
        examples, letters, report = (
            str(folder / "out" / name) for name in ("data_tfrecord", "dead/train", "report.json")
        )
        with beam.Pipeline(options=PipelineOptions(list(LOCAL_ARGS))) as pipeline:
            _ = pipeline | IngestSplit(asked, files, str(folder), examples, letters, report)
        shards = sorted(glob.glob(f"{examples}-*.gz"))
        assert shards
        self.rows = decode(list(tf.data.TFRecordDataset(shards, compression_type="GZIP").as_numpy_iterator()))
        self.report = SplitReport.from_json(Path(report).read_text())
        self.letters = [
            json.loads(line) for path in glob.glob(f"{letters}-*") for line in Path(path).read_text().splitlines()
        ]

    @property
    def counts(self) -> dict[str, int]:
        """Those that are not 0."""
        return {name: count for name, count in self.report.counts.items() if count}


def test_files_come_together(tmp_path, log_file):
    paths = [log_file, write(tmp_path / "b.csv", HEADER), write(tmp_path / "c.csv", HEADER, "1,0,20", "x,0,21")]
    found = Ingested(tmp_path, split("as_no_conversion"), paths)
    assert found.rows == [row(10, 1, 0), row(12, 0, 0), row(13, 1, 1), row(10, 1, 0), row(20, 1, 0)]
    assert found.counts == {
        "rows_in": 7,
        "examples": 5,
        "dead_letters": 2,
        "conversions_without_click": 1,
        "clicks": 4,
        "conversions": 1,
    }
    assert sorted((letter["file"], letter["position"]) for letter in found.letters) == [
        (log_file, "line 3"),
        (paths[2], "line 3"),
    ]


@pytest.mark.parametrize("remove", [False, True])
def test_duplicates_are_counted_once_removed_or_not(tmp_path, log_file, remove):
    found = Ingested(tmp_path, split(remove=remove), [log_file, write(tmp_path / "b.csv", HEADER, "0,0,13", "0,0,14")])
    assert [r["n"] for r in found.rows] == ([10, 13, 14] if remove else [10, 13, 10, 13, 14])
    assert found.counts["duplicates"] == 2
    assert found.counts["rows_in"] == 7


def test_without_rows_there_are_no_letters_an_empty_file_and_a_report_of_nothing(tmp_path):
    found = Ingested(tmp_path, split(remove=True), [write(tmp_path / "b.csv", HEADER)])
    assert found.rows == []
    assert found.report == merge([])
    assert not [path for path in (tmp_path / "out" / "dead").rglob("*") if path.is_file()]


def test_without_labels_nobody_asks_for_them(tmp_path):
    found = Ingested(tmp_path, split(labelled=False), [write(tmp_path / "b.csv", "n,is_click", "1,7", "2,x")])
    assert found.rows == [{"n": 1}, {"n": 2}]
    assert found.counts == {"rows_in": 2, "examples": 2}


def test_a_broken_file_beside_others_is_a_problem_in_the_report(tmp_path, log_file):
    broken = tmp_path / "{day} %s.csv.gz"  # a file of any name
    broken.write_bytes(b"\x1f\x8bnonsense")
    found = Ingested(tmp_path, split(), [log_file, str(broken)])
    (problem,) = found.report.problems
    assert problem.startswith(f"{broken} should be readable to its end. Received: ")
    assert found.counts["rows_in"] == 5


def test_many_rows_are_numbered_in_the_file_not_in_the_batch(tmp_path):
    lines = [f"1,0,{n}" for n in range(20_000)]
    lines[17_001] = "7,0,0"
    path = write(tmp_path / "a.csv", HEADER, *lines)
    found = Ingested(tmp_path, split(), [path])
    assert [r["n"] for r in found.rows] == [n for n in range(20_000) if n != 17_001]
    assert [letter["position"] for letter in found.letters] == ["line 17003"]
