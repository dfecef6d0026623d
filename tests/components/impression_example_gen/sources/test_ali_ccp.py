"""Small files in the format of the Ali-CCP release, written by hand, and what their impressions should become."""

import base64
import gzip
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.impression_example_gen import partition
from components.impression_example_gen.executor import Executor
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.sources import flat
from pipeline.beam import LOCAL_ARGS
from schema.errors import InputError

LABELS = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "click" type: INT value_count { max: 1 } int_domain { min: 0 max: 1 } not_in_environment: "SERVING" }
feature {
  name: "conversion" type: INT value_count { max: 1 } int_domain { min: 0 max: 1 } not_in_environment: "SERVING"
}
"""
USER = """
feature { name: "101" type: INT value_count { max: 1 } int_domain { min: 0 max: 999 } }
feature { name: "109_14" type: INT value_count { max: 50 } }
feature { name: "109_14_weight" type: FLOAT value_count { max: 50 } }
"""
ITEM = """
feature { name: "205" type: INT value_count { max: 1 } int_domain { min: 0 } }
feature { name: "508" type: INT value_count { max: 50 } }
feature { name: "508_weight" type: FLOAT value_count { max: 50 } }
"""
NAMES = ("click", "conversion", "101", "109_14", "109_14_weight", "205", "508", "508_weight")

# Common feature indices.
A, B, C, D, E = ("a0" * 8, "b1" * 8, "C2" * 8, "d3" * 8, "e4" * 8)

Row = dict[str, list]


def features(*triples: tuple[str, int, float | str]) -> str:
    joined = "\x01".join(f"{field}\x02{value}\x03{weight}" for field, value, weight in triples)
    return f"{len(triples)},{joined}"


def common_row(index: str, *triples: tuple[str, int, float | str]) -> str:
    return f"{index},{features(*triples)}\n"


def impression(sample: object, click: object, conversion: object, index: str, *triples: tuple) -> str:
    return f"{sample},{click},{conversion},{index},{features(*triples)}\n"


def example(click: int, conversion: int, **features: Any) -> Row:
    """All features, empty where not given; those of a field are given as `f101`."""
    given = {name.removeprefix("f"): value for name, value in features.items()}
    assert given.keys() <= set(NAMES)
    lists = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    return {name: [] for name in NAMES} | lists | {"click": [click], "conversion": [conversion]}


def ordered(rows: Iterable[Row]) -> list[Row]:
    """In an order that does not depend on files and parts."""
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


class Ingested:
    """A split `train` after the executor's `Do`."""

    def __init__(self, folder: Path, skeleton: dict[str, str], common: dict[str, str]):
        self.folder = folder
        for name, text in {**skeleton, **common}.items():
            (folder / name).write_text(text)
        self._patterns = {"train": {"skeleton": list(skeleton), "common_features": list(common)}}
        self._examples = standard_artifacts.Examples()
        self._examples.uri = str(folder / "examples" / "7")

    def do(self, schema: str, log: dict[str, Any]) -> "Ingested":
        artifact = standard_artifacts.Schema()
        artifact.uri = str(self.folder / "schema")
        Path(artifact.uri).mkdir()
        Path(artifact.uri, "schema.pbtxt").write_text(schema)
        context = BaseBeamExecutor.Context(beam_pipeline_args=list(LOCAL_ARGS), tmp_dir=str(self.folder), unique_id="1")
        properties = {
            "input_base": str(self.folder),
            "splits": json.dumps(self._patterns),
            "log_format": LogFormat(format="ali_ccp", **log).model_dump_json(),
            "serving_format": "jsonl",
            "dead_letters": str(self.folder / "dead"),
        }
        Executor(context).Do({"schema": [artifact]}, {"examples": [self._examples]}, properties)
        return self

    @property
    def rows(self) -> list[Row]:
        shards = sorted(map(str, Path(self._examples.uri, "Split-train").iterdir()))
        records = tf.data.TFRecordDataset(shards, compression_type="GZIP").as_numpy_iterator()
        found = [tf.train.Example.FromString(record).features.feature for record in records]
        return ordered({name: values(feature) for name, feature in row.items()} for row in found)

    @property
    def letters(self) -> list[tuple[str, str, str, str]]:
        """(file, position, reason, raw), sorted."""
        found = []
        for path in (self.folder / "dead" / "7").glob("train-*.jsonl"):
            for letter in map(json.loads, path.read_text().splitlines()):
                assert letter.keys() == {"file", "position", "reason", "raw_base64"}
                assert Path(letter["file"]).parent == self.folder
                raw = base64.b64decode(letter["raw_base64"]).decode()
                found.append((Path(letter["file"]).name, letter["position"], letter["reason"], raw))
        return sorted(found)

    @property
    def counts(self) -> dict[str, int]:
        """Those that are not 0."""
        found = self._examples.mlmd_artifact.custom_properties.items()
        return {name.removeprefix("train_"): count.int_value for name, count in found if count.int_value}


def values(feature: tf.train.Feature) -> list:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


Ingest = Callable[..., Ingested]


@pytest.fixture(scope="module")
def ingest(tmp_path_factory) -> Ingest:
    def run(skeleton: str | dict[str, str], common: str | dict[str, str], schema=LABELS + USER + ITEM, **log):
        skeletons = {"skeleton.csv": skeleton} if isinstance(skeleton, str) else skeleton
        commons = {"common.csv": common} if isinstance(common, str) else common
        log = {"max_dead_letter_share": 1, **log}
        return Ingested(tmp_path_factory.mktemp("log"), skeletons, commons).do(schema, log)

    return run


@pytest.fixture
def many_parts(monkeypatch):
    monkeypatch.setattr(partition, "_PART_BYTES", 8)


@pytest.fixture
def small_ranges(monkeypatch):
    monkeypatch.setattr(flat, "_RANGE_BYTES", 40)


# --- The join.

COMMON = (
    common_row(A, ("109_14", 11, 0.5), ("101", 7, "1.0"), ("109_14", 12, 2), ("109_14", 13, "2.5"), ("124", 3, 1.0))
    + common_row(B, ("101", 8, "1.0"))
    + common_row(C)
    + common_row(D, ("101", 9, "1.0"))
)
SKELETON = (
    impression(1, 1, 1, A, ("508", 21, 0.25), ("205", 5, 1.0), ("508", 22, "3e0"), ("301", 1, 1.0))
    + impression(2, 1, 0, A, ("205", 6, 1.0))
    + impression(3, 0, 0, B)
    + impression(4, 0, 0, C, ("508", 23, 1))
)
EXAMPLES = ordered(
    [
        example(
            1,
            1,
            f101=7,
            f109_14=[13, 12, 11],
            f109_14_weight=[2.5, 2.0, 0.5],
            f205=5,
            f508=[22, 21],
            f508_weight=[3.0, 0.25],
        ),
        example(1, 0, f101=7, f109_14=[13, 12, 11], f109_14_weight=[2.5, 2.0, 0.5], f205=6),
        example(0, 0, f101=8),
        example(0, 0, f508=23, f508_weight=1.0),
    ]
)
COUNTS = {
    "rows_in": 4,
    "examples": 4,
    "clicks": 2,
    "conversions": 1,
    "common_features_in": 4,
    "common_features_unused": 1,  # D
}


def test_impressions_have_their_own_features_and_those_that_they_share(ingest):
    run = ingest(SKELETON, COMMON)
    assert run.rows == EXAMPLES
    assert run.counts == COUNTS
    assert not [path for path in (run.folder / "dead").rglob("*") if path.is_file()]


def test_files_parts_and_ranges_don_t_change_the_examples(ingest, many_parts, small_ranges):
    skeleton, common = (text.splitlines(keepends=True) for text in (SKELETON, COMMON))
    run = ingest(
        {"skeleton-0.csv": "".join(skeleton[:3]), "skeleton-1.csv": skeleton[3]},
        {"common-0.csv": "".join(common[:2]), "common-1.csv": "".join(common[2:])},
    )
    assert run.rows == EXAMPLES
    assert run.counts == COUNTS


def test_the_heaviest_values_are_kept_and_equal_ones_in_their_order(ingest):
    history = [("109_14", i, weight) for i, weight in enumerate([1, 3, 2, 3, "-1", 3])]
    cross = [("508", 40 + i, 1.5) for i in range(4)]
    run = ingest(impression(1, 1, 1, A, *cross), common_row(A, *history), max_values=3)
    assert run.rows == [
        example(1, 1, f109_14=[1, 3, 5], f109_14_weight=[3.0, 3.0, 3.0], f508=[40, 41, 42], f508_weight=[1.5] * 3)
    ]


def test_values_and_weights_are_kept_repeated_and_weights_need_no_field_of_their_own(ingest):
    schema = LABELS + 'feature { name: "101" type: INT value_count { max: 1 } }' + ITEM.replace('"508"', '"509"')
    run = ingest(
        impression(1, 1, 1, A, ("508", 3, 0.5), ("508", 3, 0.25), ("509", 4, 1), ("509", 4, 1)),
        common_row(A, ("101", 1, 1)),
        schema,
    )
    assert run.rows == [
        {"click": [1], "conversion": [1], "101": [1], "205": [], "509": [4, 4], "508_weight": [0.5, 0.25]}
    ]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (LABELS + ITEM, {"205": [5], "508": [], "508_weight": []}),
        (LABELS + USER, {"101": [7], "109_14": [], "109_14_weight": []}),
        (LABELS, {}),
    ],
    ids=["no user's field", "no field of the impression's own", "labels alone"],
)
def test_any_subset_of_the_fields_will_do(ingest, schema, expected):
    run = ingest(impression(1, 1, 1, A, ("205", 5, 1.0)), common_row(A, ("101", 7, 1.0)), schema)
    assert run.rows == [{"click": [1], "conversion": [1], **expected}]
    assert not run.letters


def test_labels_have_the_names_that_the_log_gives_them(ingest):
    labels = {"click": "clicked", "conversion": "bought"}
    run = ingest(
        impression(1, 1, 1, A) + impression(2, 2, 0, A), common_row(A), labels=labels, max_dead_letter_share=0.5
    )
    assert run.rows == [example(1, 1)]
    assert run.letters == [
        ("skeleton.csv", "line 2", "column `clicked` should be 0 or 1. Received: 2", f"2,2,0,{A},0,"),
    ]


def random_log(seed: int) -> tuple[list[tuple], dict[str, list[tuple]]]:
    """Impressions (click, conversion, index, features), and the common features by index."""
    rng = random.Random(seed)

    def some(fields: tuple[str, ...]) -> list[tuple[str, int, float]]:
        # Weights are all different, so that there is one order by weight.
        weights = rng.sample(range(1, 1000), 12)
        drawn = [("101" if "101" in fields else "205", rng.randrange(99), 1.0)] if rng.random() < 0.8 else []
        drawn += [(rng.choice(fields[1:]), rng.randrange(50), weight / 8) for weight in weights[: rng.randrange(12)]]
        return rng.sample(drawn, len(drawn))

    commons = {f"{rng.getrandbits(64):016x}": some(("101", "109_14", "150_14")) for _ in range(60)}
    rows = []
    for index in rng.sample(list(commons), 50):
        for _ in range(rng.randrange(1, 9)):
            click = rng.random() < 0.5
            rows.append((int(click), int(click and rng.random() < 0.5), index, some(("205", "508", "853"))))
    return rows, commons


def joined(rows: list[tuple], commons: dict[str, list[tuple]], most: int) -> list[Row]:
    """The same in plain Python."""
    made = []
    for click, conversion, index, own in rows:
        row = example(click, conversion)
        for field in ("101", "205", "109_14", "508"):
            of_field = sorted((t for t in commons[index] + own if t[0] == field), key=lambda t: -t[2])[:most]
            row[field] = [value for _, value, _ in of_field]
            if f"{field}_weight" in row:
                row[f"{field}_weight"] = [weight for _, _, weight in of_field]
        made.append(row)
    return ordered(made)


@pytest.mark.parametrize(("seed", "most"), [(1, 50), (2, 3)])
def test_random_logs_are_joined_as_in_plain_python(ingest, many_parts, seed, most):
    rows, commons = random_log(seed)
    run = ingest(
        "".join(impression(i, *row[:3], *row[3]) for i, row in enumerate(rows)),
        "".join(common_row(index, *triples) for index, triples in commons.items()),
        max_values=most,
    )
    assert run.rows == joined(rows, commons, most)
    assert run.counts["rows_in"] == run.counts["examples"] == len(rows)
    assert run.counts["common_features_unused"] == 10


# --- Common features that are dead, repeated or lacking.


def test_an_impression_without_common_features_is_a_dead_letter(ingest, many_parts):
    dead = f"{B},2,101\x028\x031.0"
    run = ingest(
        impression(1, 1, 1, A, ("205", 5, 1.0)) + impression(2, 0, 0, B, ("205", 6, 1.0)) + impression(3, 0, 0, E),
        common_row(A, ("101", 7, 1.0)) + dead + "\n" + common_row(C, ("101", 1000, 1.0)),
    )
    assert run.rows == [example(1, 1, f101=7, f205=5)]
    asked = "column `common_feature_index` should be one of the common features'. Received: "
    assert run.letters == [
        ("common.csv", "line 2", "column `feature_num` should be the number of features, 1. Received: 2", dead),
        (
            "common.csv",
            "line 3",
            "column `101` should be from 0 to 999. Received: 1000",
            f"{C},1,101\x021000\x031.0",
        ),
        ("skeleton.csv", "line 2", f"{asked}{B}, one that is a dead letter", f"2,0,0,{B},1,205\x026\x031.0"),
        ("skeleton.csv", "line 3", f"{asked}{E}, one that they lack", f"3,0,0,{E},0,"),
    ]
    assert run.counts == {
        "rows_in": 3,
        "examples": 1,
        "dead_letters": 2,
        "clicks": 1,
        "conversions": 1,
        "common_features_in": 3,
        "common_features_dead_letters": 2,
    }


def test_the_first_row_of_an_index_stands(ingest, many_parts):
    commons = {
        "common-0.csv": common_row(A, ("101", 7, 1.0)) + common_row(A, ("101", 8, 1.0)),
        "common-1.csv": common_row(A, ("101", 9, 1.0)),
    }
    run = ingest(impression(1, 1, 1, A) + impression(2, 1, 0, A), commons)
    assert run.rows == ordered([example(1, 1, f101=7), example(1, 0, f101=7)])
    assert (run.counts["common_features_in"], run.counts["common_features_repeated"]) == (3, 2)
    assert "common_features_unused" not in run.counts


def test_a_dead_row_of_an_index_does_not_cost_the_good_one(ingest):
    run = ingest(
        impression(1, 1, 1, A) + impression(2, 0, 0, B),
        f"{A},9,\n" + common_row(A, ("101", 7, 1.0)) + common_row(B, ("101", 8, 1.0)) + f"{B},9,\n",
    )
    assert run.rows == ordered([example(1, 1, f101=7), example(0, 0, f101=8)])
    assert [letter[:2] for letter in run.letters] == [("common.csv", "line 1"), ("common.csv", "line 4")]
    assert run.counts["common_features_dead_letters"] == 2
    assert "common_features_repeated" not in run.counts


# --- Impressions that break a rule.

WRONG = "column `feature_list` should be features as field\\x02id\\x03value, joined by \\x01. Received: "


BROKEN = {
    f"2,0,0,{A},2,205\x025\x031": "column `feature_num` should be the number of features, 1. Received: 2",
    f"3,0,0,{A},,": "column `feature_num` should be the number of features, 0. Received: ",
    f"4,0,0,{A},1,205\x025": f"{WRONG}205\x025",
    f"5,0,0,{A},1,205\x025\x03heavy": f"{WRONG}205\x025\x03heavy",
    f"6,x,0,{A},0,": "column `click` should be an integer. Received: x",
    f"7,0,-1,{A},0,": "column `conversion` should be 0 or 1. Received: -1",
    f"8,0,0,{A[:15]},0,": f"column `common_feature_index` should be 16 hexadecimal characters. Received: {A[:15]}",
    f"9,0,0,{A},0": "a line should have 6 columns. Received: 5",
    f"10,0,0,{A},0,,": "a line should have 6 columns. Received: 7",
    f"11,0,0,{A},2,205\x025\x031\x01205\x026\x031": "column `205` should be an integer. Received: [5, 6]",
}


def test_a_broken_impression_is_a_dead_letter(ingest):
    run = ingest(impression(1, 1, 1, A) + "".join(f"{line}\n" for line in BROKEN), common_row(A))
    assert run.letters == sorted(
        ("skeleton.csv", f"line {number}", reason, line)
        for number, (line, reason) in enumerate(BROKEN.items(), start=2)
    )
    assert run.rows == [example(1, 1)]
    assert (run.counts["rows_in"], run.counts["dead_letters"]) == (11, 10)


def test_positions_in_ranges_are_bytes_where_the_line_begins(ingest, small_ranges):
    skeleton = "".join(
        impression(i, i % 2, i % 2, A) if i % 3 else impression(i, 5, 0, A, ("205", i, 1.0)) for i in range(30)
    )
    run = ingest(skeleton, common_row(A))
    assert len(run.letters) == 10
    lines = skeleton.splitlines()
    assert sorted(letter[3] for letter in run.letters) == sorted(lines[::3])
    units = set()
    for _, position, _, raw in run.letters:
        unit, number = position.split()
        units.add(unit)
        found = lines[int(number) - 1] if unit == "line" else skeleton[int(number) :].splitlines()[0]
        assert found == raw
    assert units == {"line", "byte"}


# --- Conversions without a click, and repeated samples.


@pytest.mark.parametrize(
    ("policy", "rows", "counts"),
    [
        ("as_no_conversion", [example(1, 1), example(0, 0)], {"examples": 2}),
        ("drop", [example(1, 1)], {"examples": 1, "dropped": 1}),
        ("error", [example(1, 1)], {"examples": 1, "dead_letters": 1}),
    ],
)
def test_a_conversion_without_a_click(ingest, policy, rows, counts):
    run = ingest(impression(1, 1, 1, A) + impression(2, 0, 1, A), common_row(A), conversion_without_click=policy)
    assert run.rows == ordered(rows)
    always = {"rows_in": 2, "conversions_without_click": 1, "clicks": 1, "conversions": 1, "common_features_in": 1}
    assert run.counts == always | counts
    assert run.letters == [
        (
            "skeleton.csv",
            "line 2",
            "a conversion (`conversion`) should follow a click (`click`) under "
            "`data.log.conversion_without_click: error`. Received: a conversion without a click",
            f"2,0,1,{A},0,",
        )
    ] * (policy == "error")


REPEATED = (
    impression(7, 3, 0, A, ("205", 4, 1.0))  # dead
    + impression(7, 1, 0, A, ("205", 5, 1.0))
    + impression(8, 1, 1, A, ("205", 6, 1.0))
    + impression(7, 1, 1, A, ("205", 7, 1.0))
    + impression(8, 0, 1, A, ("205", 8, 1.0))  # dropped
    + impression(9, 0, 1, A, ("205", 9, 1.0))  # dropped
    + impression(9, 0, 0, A, ("205", 10, 1.0))
)


@pytest.mark.parametrize("remove", [False, True])
def test_repeated_samples_are_counted_and_removed_if_asked_for(ingest, small_ranges, remove):
    duplicates = {"key": ["sample_id"], "remove": remove}
    run = ingest(REPEATED, common_row(A), conversion_without_click="drop", duplicates=duplicates)
    again = [] if remove else [example(1, 1, f205=7)]
    # A dead or dropped first copy does not cost the good second one.
    assert run.rows == ordered([example(1, 0, f205=5), example(1, 1, f205=6), *again, example(0, 0, f205=10)])
    assert (run.counts["rows_in"], run.counts["dead_letters"], run.counts["duplicates"]) == (7, 1, 1)
    assert (run.counts["examples"], run.counts["dropped"]) == ((3, 3) if remove else (4, 2))


def test_a_repeated_sample_is_found_whatever_its_index_and_however_many_parts(ingest, many_parts):
    indices = [f"{i:016x}" for i in range(20)]
    run = ingest(
        "".join(impression(1, 1, 1, index, ("205", i, 1.0)) for i, index in enumerate(indices)),
        "".join(common_row(index) for index in indices),
        duplicates={"key": ["sample_id"], "remove": True},
    )
    assert run.counts["duplicates"] == 19
    assert len(run.rows) == 1  # which one depends on the parts that their indices come to


# --- The files.


def test_compressed_files_are_read_alike(ingest, tmp_path):
    run = Ingested(tmp_path, {"skeleton.csv.gz": ""}, {"common.csv.gz": ""})
    (tmp_path / "skeleton.csv.gz").write_bytes(gzip.compress(SKELETON.encode()))
    (tmp_path / "common.csv.gz").write_bytes(gzip.compress(COMMON.encode()))
    assert run.do(LABELS + USER + ITEM, {}).rows == EXAMPLES


@pytest.mark.parametrize("role", ["skeleton", "common"])
def test_a_broken_file_of_either_role_is_told(tmp_path, role):
    run = Ingested(tmp_path, {"skeleton.csv.gz": ""}, {"common.csv.gz": ""})
    for name, text in (("skeleton", SKELETON), ("common", COMMON)):
        packed = gzip.compress(text.encode())
        (tmp_path / f"{name}.csv.gz").write_bytes(packed[:-9] if name == role else packed)
    with pytest.raises(InputError) as error:
        run.do(LABELS + USER + ITEM, {})
    assert str(error.value).startswith(f"{tmp_path}/{role}.csv.gz should be readable to its end. Received: ")


def test_too_many_dead_common_features_are_told_as_such(tmp_path):
    good = "".join(common_row(f"{i:016x}") for i in range(9))
    skeleton = "".join(impression(i, 1, 1, f"{i:016x}") for i in range(9))
    run = Ingested(tmp_path, {"skeleton.csv": skeleton}, {"common.csv": good + f"{A},9,\n"})
    with pytest.raises(InputError) as error:
        run.do(LABELS + USER + ITEM, {"max_dead_letter_share": 0.09})
    assert str(error.value) == (
        "split train: at most 9.00% of the common features should be dead letters "
        "(`data.log.max_dead_letter_share`). Received: 1 of 10, such as "
        f"{tmp_path}/common.csv, line 10: column `feature_num` should be the number of features, 0. Received: 9; "
        f"all of them: {tmp_path}/dead/7/train-*.jsonl"
    )
    assert len(run.letters) == 1  # still there
