"""The executor's real `Do` on real examples and statistics: what it accepts, and the words in which it refuses."""

import json
import os
from pathlib import Path

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts

from components.data_guard.executor import Executor
from components.data_guard.settings import GuardSettings
from schema import fields as schema_fields
from schema.errors import InputError
from schema.fields import Field

FIELDS = (
    Field(name="page", entity="context"),
    Field(name="price", entity="item", encoding="buckets"),
    Field(name="tags", entity="item", values=5),
    Field(name="tags_length", entity="item", feature="tags", encoding="length", values=5),
)
UNUSED = Field(name="unused", entity="user")
FIRST = "the data should fit its contract before a model is trained. Received: {}"
ALLOW = "; remove the field, or allow it by name: guard.allow"


@pytest.fixture
def guard(tmp_path, schema, examples_artifact, statistics_artifact):
    """Runs the executor on splits of columns; gives the artifact of accepted statistics."""

    def run(splits, fields=FIELDS, last=None, **settings) -> standard_artifacts.ExampleStatistics:
        used = {feature for columns in splits.values() for feature in columns}
        curated = type(schema)()
        curated.CopyFrom(schema)
        del curated.feature[:]
        curated.feature.extend(feature for feature in schema.feature if feature.name in used)
        curated_artifact = standard_artifacts.Schema()
        curated_artifact.uri = str(tmp_path / "schema")
        os.makedirs(curated_artifact.uri)
        Path(curated_artifact.uri, "schema.pbtxt").write_text(text_format.MessageToString(curated))

        statistics = statistics_artifact(tmp_path / "statistics", splits)
        anomalies = standard_artifacts.ExampleAnomalies()
        anomalies.uri = str(tmp_path / "anomalies")
        anomalies.split_names = artifact_utils.encode_split_names(["train", "eval"])
        for split in ("train", "eval"):
            folder = artifact_utils.get_split_uri([statistics], split)
            found = tfdv.validate_statistics(tfdv.load_stats_binary(f"{folder}/FeatureStats.pb"), curated)
            os.makedirs(f"{anomalies.uri}/Split-{split}")
            Path(anomalies.uri, f"Split-{split}", "SchemaDiff.pb").write_bytes(found.SerializeToString())

        output = standard_artifacts.ExampleStatistics()
        output.uri = str(tmp_path / "accepted")
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
            tmp_dir=str(tmp_path / "tmp"),
            unique_id="1",
        )
        inputs = {
            "examples": [examples_artifact(tmp_path / "examples", splits)],
            "schema": [curated_artifact],
            "statistics": [statistics],
            "anomalies": [anomalies],
        }
        if last:
            inputs["last_accepted"] = [statistics_artifact(tmp_path / "last", last)]
        Executor(context).Do(
            inputs,
            {"accepted_statistics": [output]},
            {
                "fields": schema_fields.to_json(fields),
                "settings": GuardSettings(**settings).model_dump_json(),
                "fingerprint": "",
            },
        )
        return output

    return run


@pytest.fixture
def refused(guard, tmp_path):
    """Lines of the refusal; nothing may have been accepted."""

    def run(*arguments, **settings) -> list[str]:
        with pytest.raises(InputError) as caught:
            guard(*arguments, **settings)
        assert not (tmp_path / "accepted").exists()
        return str(caught.value).splitlines()

    return run


@pytest.fixture
def splits(shop):
    return {"train": shop(1000, seed=1), "eval": shop(300, seed=2)}


def test_good_data_is_accepted_with_a_report(guard, splits, tmp_path):
    accepted = guard(splits)
    assert accepted.has_custom_property("statistics_digest")
    assert artifact_utils.decode_split_names(accepted.split_names) == ["train", "eval"]
    report = json.loads(Path(accepted.uri, "report.json").read_text())
    assert (report["sampled"], report["allowed"]) == (1000, [])
    targets = ["click", "conversion", "conversion on clicked impressions"]
    assert {feature: list(by_label) for feature, by_label in report["auc"].items()} == {
        "page": targets,
        "price": targets,
        "tags": targets,
    }
    assert {feature: list(by_label["click"]) for feature, by_label in report["auc"].items()} == {
        "page": ["presence", "values"],
        "price": ["presence", "values", "order of values"],
        "tags": ["presence", "values", "number of values"],
    }
    assert all(
        0.4 < auc < 0.6
        for by_label in report["auc"].values()
        for label, by_tell in by_label.items()
        if label == "click"
        for auc in by_tell.values()
    )
    assert list(Path(tmp_path / "tmp").rglob("sample*")) == []


def test_a_leaking_field(refused, splits):
    splits["train"]["unused"] = splits["train"]["click"]
    splits["eval"]["unused"] = splits["eval"]["click"]
    assert refused(splits, (*FIELDS, UNUSED)) == [
        FIRST.format("1 problem"),
        "train, unused: a field alone should not tell a label, above guard.max_auc 0.95. "
        f"Received: AUC 1.0000 on click by its values{ALLOW}",
    ]


def test_a_leaking_feature_that_is_no_field_is_no_trouble(guard, splits):
    for columns in splits.values():
        columns["unused"] = columns["click"]
    assert guard(splits).has_custom_property("statistics_digest")


def test_the_limit_is_the_configured_one(refused, splits):
    lines = refused(splits, max_auc=0.5)
    assert lines[0] == FIRST.format("3 problems")
    assert [line.split(":")[0] for line in lines[1:]] == ["train, page", "train, price", "train, tags"]
    assert all("above guard.max_auc 0.5. Received: AUC 0.5" in line for line in lines[1:])


def test_an_id_that_comes_once_is_accepted(guard, splits):
    for columns in splits.values():
        columns["unused"] = list(range(len(columns["click"])))
    report = json.loads(Path(guard(splits, (*FIELDS, UNUSED)).uri, "report.json").read_text())
    assert {by_tell["values"] for by_tell in report["auc"]["unused"].values()} == {0.5}


def test_fields_without_information(refused, splits):
    for columns in splits.values():
        columns["unused"] = [3] * len(columns["click"])
        columns["tags"] = [None] * len(columns["click"])
    assert refused(splits, (*FIELDS, UNUSED)) == [
        FIRST.format("2 problems"),
        f"train, tags: a field's values should differ. Received: no value{ALLOW}",
        f"train, unused: a field's values should differ. Received: nothing but 3{ALLOW}",
    ]


def test_what_is_allowed_by_name_is_reported(guard, splits):
    for columns in splits.values():
        columns["unused"] = [3] * len(columns["click"])
    accepted = guard(splits, (*FIELDS, UNUSED), allow=("unused",))
    assert json.loads(Path(accepted.uri, "report.json").read_text())["allowed"] == [
        "train, unused: a field's values should differ. Received: nothing but 3"
    ]


def test_allowing_a_feature_lets_no_other_pass_and_no_anomaly(refused, splits):
    for columns in splits.values():
        columns["unused"] = [3] * len(columns["click"])
    splits["eval"]["page"][0] = 9
    assert refused(splits, (*FIELDS, UNUSED), allow=("page", "tags")) == [
        FIRST.format("2 problems"),
        "eval, page: Unexpectedly large value: 9.",
        f"train, unused: a field's values should differ. Received: nothing but 3{ALLOW}",
    ]


def test_drift_from_the_last_accepted_data(refused, splits, shop):
    last = {"train": shop(1000, seed=3, pages=(0.1, 0.5, 0.3, 0.1)), "eval": shop(300, seed=4)}
    first, line = refused(splits, last=last)
    assert first == FIRST.format("1 problem")
    assert line.startswith("train and the last accepted train, page: The Linfty distance between current and previous")


def test_a_serving_sample_is_compared_and_its_statistics_are_kept(guard, splits, shop):
    splits["serving"] = {name: rows for name, rows in shop(200, seed=5).items() if name not in ("click", "conversion")}
    accepted = guard(splits)
    assert artifact_utils.decode_split_names(accepted.split_names) == ["train", "eval", "serving"]
    assert Path(accepted.uri, "Split-serving", "FeatureStats.pb").is_file()


def test_a_serving_sample_of_another_kind(refused, splits, shop):
    other = shop(200, seed=5, pages=(0, 0.5, 0.4, 0.1))
    splits["serving"] = {name: rows for name, rows in other.items() if name not in ("click", "conversion")}
    first, line = refused(splits)
    assert first == FIRST.format("1 problem")
    assert line.startswith("train and serving, page: The Linfty distance between training and serving is ")


def test_the_sample_is_of_the_train_split_and_as_large_as_asked(guard, shop):
    report = json.loads(
        Path(guard({"train": shop(3000), "eval": shop(300)}, sample_size=1000).uri, "report.json").read_text()
    )
    assert 900 < report["sampled"] <= 1000
