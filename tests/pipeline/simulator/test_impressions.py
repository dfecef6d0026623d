"""The stream of simulated impressions, before it is written in any format."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.log_format import LogFormat
from pipeline.config import load_config
from pipeline.simulator.features import recipes
from pipeline.simulator.impressions import Sessions, impression_rows, simulate_split
from schema import load

SMALL = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "user" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 3 max: 9 } }
feature { name: "up_to" type: INT value_count { min: 1 max: 1 } int_domain { max: -5 } }
feature { name: "price" type: FLOAT presence { min_fraction: 0.5 } value_count { min: 1 max: 1 }
          float_domain { min: -2 max: -1 } }
feature { name: "word" type: BYTES value_count { min: 1 max: 1 } }
feature { name: "colours" type: BYTES value_count { min: 2 max: 3 } string_domain { value: "red" value: "blue" } }
feature { name: "seen" type: INT presence { min_fraction: 1 } value_count { min: 0 max: 40 } }
feature { name: "seen_weight" type: FLOAT presence { min_fraction: 1 } value_count { min: 0 max: 40 } }
feature { name: "any_number" type: INT }
feature { name: "later" type: INT lifecycle_stage: DISABLED }
"""
NAMES = ("user", "up_to", "price", "word", "colours", "seen", "seen_weight", "any_number")
LOG = LogFormat(max_values=5)


def small(rows: range, seed: int = 1, ctr: float = 0.04, cvr: float = 0.05) -> list[Sessions]:
    schema = text_format.Parse(SMALL, schema_pb2.Schema())
    return list(simulate_split(recipes(schema, LOG), {"user", "seen"}, rows, ctr, cvr, seed))


def table(parts: list[Sessions]) -> pa.Table:
    return pa.Table.from_batches([impression_rows(part, NAMES, LOG) for part in parts])


def test_columns_have_the_types_of_the_schema():
    schema = table(small(range(200))).schema
    assert schema.names == ["impression_id", "time", *NAMES]
    assert schema.field("price").type == pa.float32()
    assert schema.field("word").type == pa.string()
    assert schema.field("colours").type == pa.list_(pa.string())
    assert schema.field("any_number").type == pa.list_(pa.int64())


def test_domains_and_value_counts_are_respected():
    rows = table(small(range(20_000)))
    assert set(rows["user"].to_pylist()) == set(range(3, 10))
    assert pc.max(rows["up_to"]).as_py() <= -5
    assert -2 <= pc.min(rows["price"]).as_py() <= pc.max(rows["price"]).as_py() <= -1
    colours = [c for c in rows["colours"].to_pylist() if c is not None]
    assert {len(c) for c in colours} == {2, 3}
    assert {word for c in colours for word in c} == {"red", "blue"}
    assert all(rows["seen"].is_valid().to_pylist())


def test_ids_have_a_long_tail():
    words = np.sort(np.asarray(pc.value_counts(table(small(range(20_000)))["word"].combine_chunks()).field("counts")))
    assert words[-1] > 20 * np.median(words)
    assert len(words) > 1_000


def test_missing_values_come_as_often_as_the_schema_allows_and_are_no_empty_lists():
    rows = table(small(range(2_000)))
    for name, least in {"user": 1, "up_to": 0, "price": 0.5, "word": 0, "seen": 1}.items():
        present = 1 - rows[name].null_count / 2_000
        assert present >= least
        assert (present < 1) == (least < 1)
    for name in ("colours", "seen", "any_number"):
        assert pc.min(pc.list_value_length(rows[name])).as_py() >= 1


def test_the_heaviest_values_are_kept_and_no_two_weigh_the_same():
    (part,) = small(range(2_000))
    whole, kept = part.users.to_pylist(), impression_rows(part, NAMES, LOG).to_pylist()
    assert max(len(user["seen"]) for user in whole) > LOG.max_values
    for user, row in zip(part.user, kept, strict=True):
        assert len(whole[user]["seen"]) == len(whole[user]["seen_weight"])
        assert all(heavier > lighter > 0 for heavier, lighter in pairwise(whole[user]["seen_weight"]))
        assert row["seen"] == whole[user]["seen"][:5]
        assert row["seen_weight"] == whole[user]["seen_weight"][:5]


def test_a_user_stays_the_same_for_some_58_impressions():
    parts = small(range(20_000))
    lengths = np.concatenate([part.lengths for part in parts])
    assert lengths.sum() == 20_000
    assert 52 < lengths.mean() < 60
    seen = table(parts)["seen"].to_pylist()
    changes = sum(here != there for here, there in pairwise(seen))
    assert changes == len(lengths) - 1


def test_impressions_are_numbered_and_in_the_order_of_time():
    rows = table(small(range(100, 20_000)))
    assert rows["impression_id"].to_pylist() == list(range(101, 20_001))
    assert all(np.diff(np.asarray(rows["time"])) > 0)


@pytest.mark.parametrize(("ctr", "cvr"), [(0.04, 0.05), (0.5, 1.0), (1.0, 0.3), (0.0, 0.5), (0.1, 0.0), (1.0, 1.0)])
def test_conversions_follow_clicks_at_the_asked_rates(ctr, cvr):
    parts = small(range(20_000), ctr=ctr, cvr=cvr)
    click = np.concatenate([part.click for part in parts])
    conversion = np.concatenate([part.conversion for part in parts])
    assert click.sum() == round(20_000 * ctr)
    assert conversion.sum() == round(20_000 * ctr * cvr)
    assert not (conversion > click).any()


def test_default_rates_give_conversions_in_2000_impressions():
    (part,) = small(range(2_000))
    assert (part.click.sum(), part.conversion.sum()) == (80, 4)


def test_equal_seeds_give_equal_impressions_and_others_differ():
    rows = table(small(range(9_000)))
    assert rows.equals(table(small(range(9_000))))
    assert not rows["word"].equals(table(small(range(9_000), seed=2))["word"])


def test_no_impressions_are_one_empty_batch():
    (part,) = small(range(5, 5))
    assert impression_rows(part, NAMES, LOG).schema == impression_rows(small(range(9))[0], NAMES, LOG).schema
    assert len(part.click) == 0


@pytest.mark.parametrize("preset", ["ali_ccp", "kuairand"])
@pytest.mark.parametrize("rows", [300, 9_000])
def test_a_log_of_a_preset_has_no_anomalies(preset, rows):
    tree = load_config(preset)
    schema = load.read_schema(load.schema_path(preset))
    names = list(load.usable_features(schema, "SERVING"))
    of_users = {field.source for field in tree.fields if field.entity == "user"}
    parts = simulate_split(recipes(schema, tree.data.log), of_users, range(rows), 0.1, 0.1, 1)
    batches = [_as_tfdv_reads_it(impression_rows(part, names, tree.data.log), names) for part in parts]
    whole = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    statistics = stats_impl.generate_statistics_in_memory(whole, tfdv.StatsOptions(schema=schema))
    found = tfdv.validate_statistics(statistics, schema, environment="SERVING").anomaly_info
    assert {name: info.short_description for name, info in found.items()} == {}


def _as_tfdv_reads_it(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    """Every column in lists."""
    columns = []
    for name in names:
        column = batch[name]
        if not pa.types.is_list(column.type):
            offsets = np.concatenate([[0], np.cumsum(np.asarray(column.is_valid()))])
            column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), column.drop_null(), mask=column.is_null())
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=names)
