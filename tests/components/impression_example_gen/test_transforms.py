"""From rows to examples and reports: by hand, against a plain Python model, and through Beam."""

import glob

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen import transforms
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.readers import Column
from components.impression_example_gen.report import SplitReport

POLICIES = ("drop", "as_no_conversion", "error")
INT = Column(schema_pb2.INT, multivalued=False)
COLUMNS = {"is_click": INT, "is_like": INT, "n": INT}


def log(policy: str, **other) -> LogFormat:
    return LogFormat(labels={"click": "is_click", "conversion": "is_like"}, conversion_without_click=policy, **other)


def batch_of(click: list, like: list, n: list | None = None) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "is_click": pa.array(click, pa.int64()),
            "n": pa.array(list(range(len(click))) if n is None else n, pa.int64()),
            "is_like": pa.array(like, pa.int64()),
        }
    )


def decode(examples: list[bytes]) -> list[dict[str, list[int]]]:
    parsed = [tf.train.Example.FromString(e).features.feature for e in examples]
    return [{name: list(feature.int64_list.value) for name, feature in row.items()} for row in parsed]


def row(n: int, click: int, conversion: int) -> dict[str, list[int]]:
    return {"n": [n], "click": [click], "conversion": [conversion]}


# Broken rows at 2 and 4.
CLICK = [0, 1, 0, 1, 0, 1]
LIKE = [0, 0, 1, 1, 1, 1]


def test_drop_leaves_the_rows_out():
    examples, report = transforms.to_examples(batch_of(CLICK, LIKE), log("drop"), "f", 0)
    assert decode(examples) == [row(0, 0, 0), row(1, 1, 0), row(3, 1, 1), row(5, 1, 1)]
    assert report == SplitReport(rows_in=6, examples=4, dropped=2, conversions_without_click=2, clicks=3, conversions=2)


def test_as_no_conversion_keeps_the_rows_without_conversion():
    examples, report = transforms.to_examples(batch_of(CLICK, LIKE), log("as_no_conversion"), "f", 0)
    assert decode(examples) == [
        row(0, 0, 0),
        row(1, 1, 0),
        row(2, 0, 0),
        row(3, 1, 1),
        row(4, 0, 0),
        row(5, 1, 1),
    ]
    assert report == SplitReport(rows_in=6, examples=6, conversions_without_click=2, clicks=3, conversions=2)


def test_error_names_the_first_row_and_gives_no_example():
    examples, report = transforms.to_examples(batch_of(CLICK, LIKE), log("error"), "f", 100)
    assert examples == []
    assert report == SplitReport(
        rows_in=6,
        bad_rows=6,
        conversions_without_click=2,
        problems=(
            "f, row 102 should not have a conversion (`is_like`) without a click (`is_click`) "
            "under `data.log.conversion_without_click: error`",
        ),
    )


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("click", "like", "problem"),
    [
        ([0, 2, 1], [0, 0, 0], "f, row 11, column `is_click` should be 0 or 1. Received: 2"),
        ([0, 1, -1], [0, 0, 5], "f, row 12, column `is_click` should be 0 or 1. Received: -1"),
        ([0, 1, 1], [3, 0, 0], "f, row 10, column `is_like` should be 0 or 1. Received: 3"),
        ([0, 1, 1], [0, None, 2], "f, row 11, column `is_like` should be 0 or 1. Received: None"),
    ],
)
def test_a_label_out_of_its_domain(policy, click, like, problem):
    examples, report = transforms.to_examples(batch_of(click, like), log(policy), "f", 10)
    assert examples == []
    assert (report.rows_in, report.examples, report.dropped, report.bad_rows) == (3, 0, 0, 3)
    assert report.problems == (problem,)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_rows(policy):
    assert transforms.to_examples(batch_of([], []), log(policy), "f", 0) == ([], SplitReport())


def test_label_columns_may_already_have_the_labels_names():
    batch = pa.RecordBatch.from_pydict({"click": pa.array([1, 0]), "conversion": pa.array([1, 1])})
    examples, _ = transforms.to_examples(batch, LogFormat(), "f", 0)
    assert decode(examples) == [{"click": [1], "conversion": [1]}, {"click": [0], "conversion": [0]}]


labels = st.sampled_from([0, 1])
rows = st.lists(st.tuples(labels, labels, st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from(POLICIES))
def test_accounting_and_labels_hold_for_any_table(table, policy):
    click, like, n = ([r[i] for r in table] for i in range(3))
    examples, report = transforms.to_examples(batch_of(click, like, n), log(policy), "f", 0)
    decoded = decode(examples)
    broken = [c == 0 and k == 1 for c, k, _ in table]

    assert report.rows_in == len(table) == report.examples + report.dropped + report.bad_rows
    assert report.examples == len(decoded)
    assert report.conversions_without_click == sum(broken)
    assert report.clicks == sum(d["click"][0] for d in decoded)
    assert report.conversions == sum(d["conversion"][0] for d in decoded)
    assert all(d["conversion"][0] <= d["click"][0] for d in decoded)

    if policy == "error" and any(broken):
        expected = []
        assert report.problems[0].startswith(f"f, row {broken.index(True)} should not have a conversion")
    else:
        kept = [r for r, is_broken in zip(table, broken, strict=True) if not (is_broken and policy == "drop")]
        expected = [
            {"click": [c], "conversion": [c * k], "n": [] if value is None else [value]} for c, k, value in kept
        ]
        assert report.problems == ()
    assert decoded == expected


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(*[st.sampled_from([0, 1, 1, 0, None, 2])] * 2), min_size=1, max_size=20),
    st.sampled_from(POLICIES),
)
def test_accounting_holds_for_bad_labels_too(table, policy):
    click, like = [c for c, _ in table], [k for _, k in table]
    examples, report = transforms.to_examples(batch_of(click, like), log(policy), "f", 0)
    assert report.rows_in == len(table) == report.examples + report.dropped + report.bad_rows
    assert report.examples == len(examples)
    bad = any(v not in (0, 1) for v in click + like)
    assert (report.bad_rows > 0) == bool(report.problems)
    assert not (bad and examples)


# --- Files.


def write_log(path, click: list, like: list, **options) -> str:
    pq.write_table(pa.table(batch_of(click, like).to_pydict()), path, **options)
    return str(path)


def process(path: str, policy: str = "drop", **other) -> tuple[list[bytes], list[SplitReport]]:
    outputs = list(transforms.FileToExamples(log(policy, **other), COLUMNS).process(path))
    assert {o.tag for o in outputs} <= {"examples", "reports"}
    return [o.value for o in outputs if o.tag == "examples"], [o.value for o in outputs if o.tag == "reports"]


def test_a_file_in_batches(tmp_path):
    n = 20_000
    click, like = [i % 2 for i in range(n)], [int(i % 3 == 0) for i in range(n)]
    examples, reports = process(write_log(tmp_path / "x.parquet", click, like))
    assert decode(examples) == [row(i, c, k) for i, (c, k) in enumerate(zip(click, like, strict=True)) if c or not k]
    assert len(reports) > 1
    total = transforms.merge(reports)
    # Of six rows in a row, those at 0 (dropped) and 3 (kept) have a like; 20,000 = 6 · 3,333 + 2.
    assert total == SplitReport(
        rows_in=n, examples=n - 3_334, dropped=3_334, conversions_without_click=3_334, clicks=10_000, conversions=3_333
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_rows_are_numbered_in_the_file_not_in_the_batch(tmp_path, policy):
    click = [1] * 9_001
    click[9_000] = 7
    path = write_log(tmp_path / "x.parquet", click, [0] * 9_001)
    examples, reports = process(path, policy)
    assert transforms.merge(reports).problems == (f"{path}, row 9000, column `is_click` should be 0 or 1. Received: 7",)
    assert len(examples) == 8_192


def test_a_csv_file_without_rows_gives_nothing(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("is_click,is_like,n\n")
    assert process(str(path), format="csv") == ([], [])


def test_a_broken_file_is_reported_not_raised(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("is_click,is_like,n\n1,0,5\n1,0,many\n")
    examples, reports = process(str(path), format="csv")
    assert examples == []
    (report,) = reports
    assert set(report.counts.values()) == {0}
    (problem,) = report.problems
    assert problem.startswith(f"{path} should be readable to its end. Received: ")
    assert "'many'" in problem


@pytest.mark.parametrize("folder", ["{day}", "{}", "{0}", "%s", "a b"])
def test_a_problem_in_a_file_of_any_name(tmp_path, folder):
    (tmp_path / folder).mkdir()
    path = write_log(tmp_path / folder / "x.parquet", [1, 2], [0, 0])
    _, reports = process(path)
    assert transforms.merge(reports).problems == (f"{path}, row 1, column `is_click` should be 0 or 1. Received: 2",)


def run(paths: list[str], output, policy: str) -> tuple[list[dict], SplitReport]:
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        _ = pipeline | transforms.IngestSplit(
            paths, log(policy), COLUMNS, str(output / "data_tfrecord"), str(output / "report.json")
        )
    shards = sorted(glob.glob(str(output / "data_tfrecord-*.gz")))
    examples = [r.numpy() for r in tf.data.TFRecordDataset(shards, compression_type="GZIP")]
    return decode(examples), SplitReport.from_json((output / "report.json").read_text())


def test_ingest_split_on_beam(tmp_path):
    paths = [
        write_log(tmp_path / "a.parquet", CLICK, LIKE),
        write_log(tmp_path / "b.parquet", [], []),
        write_log(tmp_path / "c.parquet", [1, 0], [0, 0]),
    ]
    rows, report = run(paths, tmp_path / "out", "drop")
    key = sorted(rows, key=lambda r: (r["n"], r["conversion"], r["click"]))
    assert key == [
        row(0, 0, 0),
        row(0, 1, 0),
        row(1, 0, 0),
        row(1, 1, 0),
        row(3, 1, 1),
        row(5, 1, 1),
    ]
    assert report == SplitReport(rows_in=8, examples=6, dropped=2, conversions_without_click=2, clicks=4, conversions=2)


def test_ingest_split_of_no_rows_still_writes_a_report(tmp_path):
    rows, report = run([write_log(tmp_path / "b.parquet", [], [])], tmp_path / "out", "error")
    assert rows == []
    assert report == SplitReport()


def test_file_to_examples_in_a_pipeline(tmp_path):
    path = write_log(tmp_path / "a.parquet", [1, 0], [1, 1])
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        outputs = (
            pipeline
            | beam.Create([path])
            | beam.ParDo(transforms.FileToExamples(log("drop"), COLUMNS)).with_outputs("examples", "reports")
        )
        assert_that(
            outputs["examples"] | beam.Map(lambda e: decode([e])[0]), equal_to([row(0, 1, 1)]), label="Examples"
        )
        assert_that(
            outputs["reports"],
            equal_to(
                [SplitReport(rows_in=2, examples=1, dropped=1, conversions_without_click=1, clicks=1, conversions=1)]
            ),
            label="Reports",
        )
