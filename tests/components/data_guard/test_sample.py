"""The sample is uniform, of the asked size and the same however the files are read."""

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from components.data_guard import sample
from schema import load


@pytest.fixture
def project(schema):
    return load.project(schema, ["page", "price", "tags", "unused"])


@pytest.fixture
def drawn(project, tmp_path):
    """Sample of files of examples, given in the order in which they are to be read."""

    def draw(files: dict[str, list[bytes]], share: float, size: int) -> pa.RecordBatch:
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        directory.mkdir()
        for name, examples in files.items():
            with tf.io.TFRecordWriter(str(directory / name), "GZIP" if name.endswith(".gz") else "") as writer:
                for example in examples:
                    writer.write(example)
        with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
            paths = pipeline | beam.Create([str(directory / name) for name in files])
            _ = paths | sample.WriteSample(project, share, str(directory))
        return sample.read_sample(str(directory), size)

    return draw


@pytest.fixture
def numbered(shop):
    """Columns whose feature `unused` numbers the examples."""
    return lambda rows: shop(rows) | {"unused": list(range(rows))}


def numbers(batch: pa.RecordBatch) -> list[int]:
    return batch["unused"].flatten().to_pylist()


def test_all_examples_are_decoded_where_there_are_few(drawn, encode, numbered):
    columns = numbered(100)
    columns["tags"][0] = columns["price"][0] = None
    examples = encode(columns)
    batch = drawn({"a.gz": examples[:60], "b": examples[60:]}, share=1.0, size=1000)
    assert set(batch.schema.names) == {"page", "price", "tags", "unused", sample.KEY}
    assert sorted(numbers(batch)) == list(range(100))
    for row in batch.to_pylist():
        (number,) = row["unused"]
        price, tags = columns["price"][number], columns["tags"][number]
        assert row["page"] == [columns["page"][number]]
        assert row["price"] == (None if price is None else [np.float32(price)])
        assert row["tags"] == (tags and [tag.encode() for tag in tags])


def test_the_same_sample_in_whichever_order_the_files_are_read(drawn, encode, numbered):
    examples = encode(numbered(600))
    files = {"a": examples[:100], "b": examples[100:400], "c": examples[400:]}
    one = drawn(files, share=0.5, size=200)
    other = drawn(dict(reversed(files.items())), share=0.5, size=200)
    assert one.num_rows == 200
    assert one.equals(other)


def test_the_sample_does_not_depend_on_how_a_map_is_serialized(drawn, encode, numbered):
    """The order of the features in a serialized tf.Example is another one each time."""
    columns = numbered(300)
    backwards = dict(reversed(columns.items()))
    assert numbers(drawn({"a": encode(columns)}, 0.5, 100)) == numbers(drawn({"a": encode(backwards)}, 0.5, 100))


def test_the_share_is_kept_in_expectation_and_the_size_is_a_limit(drawn, encode, numbered):
    files = {"a": encode(numbered(20_000))}
    kept = drawn(files, share=0.25, size=20_000)
    deviation = (20_000 * 0.25 * 0.75) ** 0.5
    assert abs(kept.num_rows - 5000) < 4 * deviation
    assert len(set(kept[sample.KEY].to_pylist())) == kept.num_rows
    # Beginning, middle and end of a file are kept alike, in several batches of reading.
    assert abs(np.mean(numbers(kept)) - 10_000) < 4 * 20_000 / (12 * 5000) ** 0.5
    assert drawn(files, share=0.25, size=700).equals(kept.slice(0, 700))


def test_files_of_other_names_have_other_keys(drawn, encode, numbered):
    examples = encode(numbered(300))
    both = drawn({"a": examples, "b": examples}, share=1.0, size=600)
    assert len(set(both[sample.KEY].to_pylist())) == 600


def test_files_that_nothing_is_kept_of_are_no_trouble(drawn, encode, numbered):
    examples = encode(numbered(60))
    files = {str(number): [example] for number, example in enumerate(examples)}
    assert 0 < drawn(files, share=0.2, size=60).num_rows < 30


def test_folds_are_halves_that_do_not_follow_the_order(drawn, encode, numbered):
    batch = drawn({"a": encode(numbered(4000))}, share=0.5, size=4000)
    fold = sample.folds(batch)
    assert set(fold) == {0, 1}
    assert abs(fold.mean() - 0.5) < 4 * 0.5 / 2000**0.5
    assert abs(np.corrcoef(fold, numbers(batch))[0, 1]) < 0.1
    assert abs(np.corrcoef(fold[1:], fold[:-1])[0, 1]) < 0.1
