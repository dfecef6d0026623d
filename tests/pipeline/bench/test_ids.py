"""The impressions that Transform is measured on."""

import numpy as np
import pytest
import tensorflow as tf

from pipeline.bench import ids

ROWS = 120_000  # more than a file's


@pytest.fixture(scope="module")
def batches():
    return list(ids.draw(ROWS, seed=1))


def column(batches, name):
    return np.concatenate([batch[name].to_numpy() for batch in batches])


def test_all_fields_and_labels_have_a_value_in_every_row(batches):
    assert [batch.num_rows for batch in batches] == [100_000, 20_000]
    assert set(batches[0].schema.names) == {*ids.VOCABULARY_SIZES, "click", "conversion"}
    assert len(ids.VOCABULARY_SIZES) == 23


def test_a_field_has_at_most_its_distinct_ids_and_the_small_ones_have_all(batches):
    for name, size in ids.VOCABULARY_SIZES.items():
        distinct = len(np.unique(column(batches, name)))
        assert distinct <= size
        if size <= 100:
            assert distinct == size


def test_ids_are_scattered(batches):
    values = column(batches, "205")
    assert values.dtype == np.int64
    assert values.min() >= 0
    assert 9_000_000 < values.max() < 10_000_000


@pytest.mark.parametrize("name", ["205", "206", "121"])
def test_few_ids_have_most_of_the_impressions(batches, name):
    counts = np.sort(np.unique(column(batches, name), return_counts=True)[1])[::-1]
    size = ids.VOCABULARY_SIZES[name]
    shares = np.arange(1, size + 1) ** -1.05
    shares /= shares.sum()
    assert counts[0] / ROWS > 10 / size
    np.testing.assert_allclose(counts[:3] / ROWS, shares[:3], rtol=0.1)


def test_conversions_follow_clicks(batches):
    click, conversion = column(batches, "click"), column(batches, "conversion")
    assert click.mean() == pytest.approx(0.04, rel=0.1)
    assert conversion.sum() > 0
    assert np.all(conversion <= click)


def test_the_seed_decides(batches):
    again, other = ids.draw(ROWS, seed=1), ids.draw(ROWS, seed=2)
    assert all(one.equals(two) for one, two in zip(again, batches, strict=True))
    assert not next(other).equals(batches[0])


def test_files_hold_the_batches_as_examples(batches, tmp_path):
    ids.write_examples(tmp_path / "split", ROWS, seed=1)
    files = sorted(str(path) for path in (tmp_path / "split").iterdir())
    assert len(files) == 2
    spec = {name: tf.io.FixedLenFeature([], tf.int64) for name in batches[0].schema.names}
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(ROWS)
    parsed = tf.io.parse_example(next(iter(records)), spec)
    for name in spec:
        np.testing.assert_array_equal(parsed[name], column(batches, name))


def test_the_schema_has_one_int_per_field_and_labels_for_training_alone():
    schema = ids.schema()
    assert [feature.name for feature in schema.feature] == [*ids.VOCABULARY_SIZES, "click", "conversion"]
    assert all(feature.value_count.min == feature.value_count.max == 1 for feature in schema.feature)
    hidden = [feature.name for feature in schema.feature if "SERVING" in feature.not_in_environment]
    assert hidden == ["click", "conversion"]
