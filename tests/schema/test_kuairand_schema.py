"""The curated schema against the real log of 25 April 2022, and against TFDV."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.impression_example_gen import batches
from components.impression_example_gen.columns import columns_to_read
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.readers import flat
from components.impression_example_gen.readers.lines import FileRange
from schema import check, load

DAY = Path(__file__).parents[2] / "data" / "kuairand" / "impressions-20220425.parquet"
LOG = LogFormat(labels={"click": "is_click", "conversion": "is_like"})
LABEL_SOURCES = {"is_click", "is_like"}
NEVER_FEATURES = {
    "time_ms",
    "hourmin",
    "is_profile_enter",
    "is_comment",
    "is_follow",
    "is_forward",
    "is_hate",
}


@pytest.fixture(scope="module")
def kuairand() -> schema_pb2.Schema:
    return load.read_schema(load.schema_path("kuairand"))


@pytest.fixture(scope="module")
def examples(kuairand) -> list[bytes]:
    """The first 8,192 rows of the day, as ingestion encodes them."""
    columns = columns_to_read(kuairand, "TRAINING", LOG)
    flat.check_flat(str(DAY), "parquet", LOG, columns)
    rows = next(flat.read_flat(FileRange(str(DAY)), "parquet", LOG, columns))
    checked = batches.check_rows(rows, columns, LOG, labelled=True)
    assert (checked.counts["rows_in"], checked.counts["examples"], checked.dead) == (8192, 8192, [])
    return batches.to_examples(rows, checked)


def anomalies(schema: schema_pb2.Schema, examples: list[bytes], environment: str) -> dict[str, str]:
    batch = ExamplesToRecordBatchDecoder(schema.SerializeToString()).DecodeBatch(examples)
    statistics = stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))
    assert statistics.datasets[0].num_examples == len(examples)
    found = tfdv.validate_statistics(statistics, schema, environment=environment)
    return {name: info.short_description for name, info in found.anomaly_info.items()}


def test_passes_its_own_checks(kuairand):
    check.check_schema(kuairand, LOG.labels.model_dump())
    assert list(kuairand.default_environment) == ["TRAINING", "SERVING"]


@pytest.mark.parametrize("label", ["click", "conversion"])
def test_labels_are_required_binary_and_not_served(kuairand, label):
    (feature,) = [f for f in kuairand.feature if f.name == label]
    assert feature.type == schema_pb2.INT
    assert (feature.int_domain.min, feature.int_domain.max) == (0, 1)
    assert (feature.value_count.min, feature.value_count.max) == (1, 1)
    assert (feature.presence.min_fraction, feature.presence.min_count) == (1.0, 1)
    assert list(feature.not_in_environment) == ["SERVING"]


def test_every_column_of_the_log_is_a_feature_a_label_source_or_disabled(kuairand):
    columns = set(pq.read_schema(DAY).names)
    disabled = {f.name for f in kuairand.feature if load.is_disabled(f)}
    served = set(load.usable_features(kuairand, "SERVING"))
    trained = set(load.usable_features(kuairand, "TRAINING"))
    assert columns == served | disabled | LABEL_SOURCES | {"long_view"}
    assert not served & disabled
    assert not LABEL_SOURCES & (served | trained)
    assert trained == served | {"click", "conversion", "long_view"}


def test_time_and_other_funnels_labels_are_disabled_with_a_reason(kuairand):
    disabled = {f.name: list(f.annotation.tag) for f in kuairand.feature if load.is_disabled(f)}
    assert disabled.keys() == NEVER_FEATURES
    assert all(disabled.values())


def test_names_are_unique_and_string_domains_are_used(kuairand):
    names = [f.name for f in kuairand.feature]
    assert len(names) == len(set(names))
    used = {f.domain for f in kuairand.feature if f.domain}
    assert used == {d.name for d in kuairand.string_domain}


def test_lists_of_the_log_are_the_multivalued_features(kuairand):
    lists = {field.name for field in pq.read_schema(DAY) if str(field.type).startswith("list")}
    features = load.usable_features(kuairand, "SERVING")
    assert lists == {"tags", "watch_history", "like_history"}
    assert {name for name, feature in features.items() if load.is_multivalued(feature)} == lists


def test_real_rows_have_no_anomalies_in_training(kuairand, examples):
    assert anomalies(kuairand, examples, "TRAINING") == {}


def test_labels_are_anomalies_in_serving(kuairand, examples):
    assert anomalies(kuairand, examples[:200], "SERVING").keys() == {"click", "conversion", "long_view"}


def test_a_value_out_of_its_domain_is_an_anomaly(kuairand, examples):
    strange = tf.train.Example.FromString(examples[0])
    strange.features.feature["tab"].int64_list.value[:] = [15]
    strange.features.feature["video_type"].bytes_list.value[:] = [b"FILM"]
    found = anomalies(kuairand, [*examples[1:200], strange.SerializeToString()], "TRAINING")
    assert found.keys() == {"tab", "video_type"}


def test_examples_hold_the_columns_of_the_log(examples):
    """A row by hand, and the sums of a column, against pyarrow's own reading."""
    table = pq.read_table(DAY).slice(0, 8192)
    parsed = [tf.train.Example.FromString(e).features.feature for e in examples]
    assert parsed[0].keys() == (set(table.column_names) - NEVER_FEATURES - LABEL_SOURCES) | {"click", "conversion"}
    for name in ("user_id", "video_id", "duration_ms", "tab"):
        assert [list(p[name].int64_list.value) for p in parsed] == [[v] for v in table[name].to_pylist()]
    assert [list(p["watch_history"].int64_list.value) for p in parsed] == [
        v or [] for v in table["watch_history"].to_pylist()
    ]
    assert [[t.decode() for t in p["tags"].bytes_list.value] for p in parsed] == [
        v or [] for v in table["tags"].to_pylist()
    ]
    assert [list(p["onehot_feat4"].int64_list.value) for p in parsed] == [
        [] if v is None else [v] for v in table["onehot_feat4"].to_pylist()
    ]
    clicks, likes = table["is_click"].to_pylist(), table["is_like"].to_pylist()
    assert [p["click"].int64_list.value[0] for p in parsed] == clicks
    assert [p["conversion"].int64_list.value[0] for p in parsed] == [c * k for c, k in zip(clicks, likes, strict=True)]
    assert sum(likes) > sum(c * k for c, k in zip(clicks, likes, strict=True))  # the day does break the funnel
