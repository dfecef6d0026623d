"""The sample is uniform, of the asked size and the same however the examples are read."""

import hashlib

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest

from components.data_guard import sample
from schema import load

BEAM_ARGS = ["--runner=FnApiRunner"]


@pytest.fixture
def project(schema):
    return load.project(schema, ["page", "price", "tags", "click"])


@pytest.fixture
def drawn(project, tmp_path):
    """Sample of examples that come in batches."""

    def draw(batches: list[list[bytes]], share: float, size: int) -> pa.RecordBatch:
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        raw = [pa.RecordBatch.from_arrays([pa.array([[e] for e in b])], names=["example"]) for b in batches]
        with beam.Pipeline(argv=BEAM_ARGS) as pipeline:
            _ = pipeline | beam.Create(raw) | sample.WriteSample(project, share, str(directory))
        return sample.read_sample(str(directory), size)

    return draw


def content(batch: pa.RecordBatch) -> list[dict]:
    return batch.drop_columns(sample.HASH).to_pylist()


def test_all_examples_are_decoded_where_there_are_few(drawn, encode, shop):
    columns = shop(100)
    columns["tags"][0] = columns["price"][0] = None
    examples = encode(columns)
    batch = drawn([examples[:60], examples[60:]], share=1.0, size=1000)
    assert set(batch.schema.names) == {"click", "page", "price", "tags", sample.HASH}
    assert batch.num_rows == 100
    hashes = [int.from_bytes(hashlib.blake2b(e, digest_size=8).digest(), "little") for e in examples]
    assert batch[sample.HASH].to_pylist() == sorted(hashes)
    first = hashes.index(min(hashes))
    row = content(batch)[0]
    assert row["page"] == [columns["page"][first]]
    assert row["price"] == (None if columns["price"][first] is None else [pytest.approx(columns["price"][first])])
    assert row["tags"] == ([tag.encode() for tag in columns["tags"][first]] if columns["tags"][first] else None)


def test_the_same_sample_whichever_way_the_examples_are_read(drawn, encode, shop):
    examples = encode(shop(600))
    one = drawn([examples], share=0.5, size=200)
    other = drawn([examples[::-1][:50], examples[::-1][50:]], share=0.5, size=200)
    assert one.num_rows == 200
    assert one.equals(other)


def test_the_share_is_kept_in_expectation_and_the_size_is_a_limit(drawn, encode, shop):
    examples = encode(shop(4000) | {"unused": list(range(4000))})
    kept = drawn([examples], share=0.25, size=4000)
    assert 1000 - 4 * 28 < kept.num_rows < 1000 + 4 * 28
    assert drawn([examples], share=0.25, size=700).equals(kept.slice(0, 700))


def test_batches_that_keep_nothing_are_no_trouble(drawn, encode, shop):
    examples = encode(shop(300))
    batches = [[example] for example in examples]
    assert 0 < drawn(batches, share=0.1, size=300).num_rows < 100


def test_equal_examples_share_a_fold_and_the_folds_are_halves(drawn, encode, shop):
    examples = encode(shop(1000) | {"unused": list(range(1000))})
    batch = drawn([examples + examples[:200]], share=1.0, size=2000)
    fold = sample.folds(batch)
    hashes = batch[sample.HASH].to_numpy()
    assert len(np.unique(hashes)) == 1000
    assert len(np.unique(np.stack([hashes, fold.astype(np.uint64)], axis=1), axis=0)) == 1000
    assert 530 < fold.sum() < 670
