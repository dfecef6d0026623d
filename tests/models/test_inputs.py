"""Reading packed examples from gzipped TFRecord files."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models import inputs
from schema import blocks

SPEC = {
    "ids": tf.io.FixedLenFeature([2], tf.int64),
    "weights": tf.io.FixedLenFeature([3], tf.float32),
    "dense": tf.io.FixedLenFeature([1], tf.float32),
    "click": tf.io.FixedLenFeature([], tf.int64),
    "conversion": tf.io.FixedLenFeature([], tf.int64),
}
NUM_EXAMPLES = 23


def _write(path: Path, numbers: range, rows: int = blocks.ROWS) -> None:
    """Blocks of so many numbered examples; clicked if divisible by 3, converted if by 6."""
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for begin in range(0, len(numbers), rows):
            of_block = np.array(numbers[begin : begin + rows])
            (block,) = blocks.encode(
                {
                    "click": (of_block % 3 == 0).astype(np.int64),
                    "conversion": (of_block % 6 == 0).astype(np.int64),
                    "ids": np.stack([of_block, -of_block], axis=1),
                    "weights": np.stack([0 * of_block, 0 * of_block + 1.5, -of_block], axis=1).astype(np.float32),
                    "dense": (of_block / 2).astype(np.float32),
                }
            )
            writer.write(block)


@pytest.fixture(scope="module")
def patterns(tmp_path_factory) -> list[str]:
    """Three patterns, four files, blocks of three; the examples are numbered in the order of the files' names."""
    directory = tmp_path_factory.mktemp("packed")
    for name, numbers in {
        "b-0.gz": range(9, 20),
        "a-1.gz": range(5, 9),
        "a-0.gz": range(5),
        "c.gz": range(20, 23),
    }.items():
        _write(directory / name, numbers, rows=3)
    return [str(directory / "c*"), str(directory / "b*"), str(directory / "a-*")]


def _numbers(dataset: tf.data.Dataset) -> list[int]:
    return [number for batch in dataset for number in batch["ids"][:, 0].numpy().tolist()]


def test_values_and_batches_in_the_order_of_the_files(patterns):
    batches = list(inputs.read_packed(patterns, SPEC, batch_size=10))
    assert [len(batch["click"]) for batch in batches] == [10, 10, 3]
    together = {name: np.concatenate([batch[name] for batch in batches]) for name in SPEC}
    numbers = np.arange(NUM_EXAMPLES)
    np.testing.assert_array_equal(together["ids"], np.stack([numbers, -numbers], axis=1))
    np.testing.assert_array_equal(together["weights"], np.stack([0 * numbers, 0 * numbers + 1.5, -numbers], axis=1))
    np.testing.assert_array_equal(together["dense"], numbers[:, None] / 2)
    np.testing.assert_array_equal(together["click"], numbers % 3 == 0)
    np.testing.assert_array_equal(together["conversion"], numbers % 6 == 0)
    assert {name: values.dtype for name, values in together.items()} == {
        "ids": np.int64,
        "weights": np.float32,
        "dense": np.float32,
        "click": np.int64,
        "conversion": np.int64,
    }


@pytest.mark.parametrize("names", [("weights",), ("dense",), ()])
def test_a_model_without_weights_or_numbers(patterns, names):
    spec = {name: SPEC[name] for name in ("ids", "click", "conversion", *names)}
    (batch,) = inputs.read_packed(patterns, spec, batch_size=100)
    assert {name: values.shape.as_list() for name, values in batch.items()} == {
        name: [NUM_EXAMPLES, *feature.shape] for name, feature in spec.items()
    }
    np.testing.assert_array_equal(batch["ids"][:, 1], -np.arange(NUM_EXAMPLES))


def test_examples_of_other_fields_are_told(patterns):
    """As of a transform graph with a slot more."""
    spec = SPEC | {"ids": tf.io.FixedLenFeature([3], tf.int64)}
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match="tensor with 46 values, but the requested shape has 69",
    ):
        list(inputs.read_packed(patterns, spec, batch_size=100))


def _shuffled(patterns, batch_size=5, shuffle_buffer=1000, seed=1, epoch=0, skipped=0) -> list[int]:
    order = inputs.Order(shuffle_buffer, seed)
    return _numbers(inputs.read_shuffled(patterns, SPEC, batch_size, order, epoch, skipped))


@pytest.mark.parametrize("shuffle_buffer", [4, 1000])
@pytest.mark.parametrize("seed", [0, 7])
def test_every_epoch_has_each_example_once_in_another_order(patterns, shuffle_buffer, seed):
    epochs = [_shuffled(patterns, 5, shuffle_buffer, seed, epoch) for epoch in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(NUM_EXAMPLES))
    assert len({tuple(epoch) for epoch in [*epochs, range(NUM_EXAMPLES)]}) == 4


def test_without_a_buffer_the_files_alone_change_places(patterns):
    files = [range(5), range(5, 9), range(9, 20), range(20, 23)]
    orders = set()
    for epoch in range(8):
        numbers = _shuffled(patterns, 5, 0, epoch=epoch)
        order = [next(place for place, file in enumerate(files) if number in file) for number in numbers]
        orders.add(tuple(dict.fromkeys(order)))
        assert numbers == [number for place in dict.fromkeys(order) for number in files[place]]
    assert len(orders) > 3


def test_a_buffer_smaller_than_a_block_changes_places_within_blocks(patterns):
    in_order = _shuffled(patterns, 5, 0)
    numbers = _shuffled(patterns, 5, shuffle_buffer=4)
    moved = {abs(in_order.index(number) - place) for place, number in enumerate(numbers)}
    assert moved == {0, 1, 2}


def test_a_small_buffer_draws_from_the_next_examples_only(tmp_path):
    _write(tmp_path / "a.gz", range(3000))
    numbers = np.array(_shuffled([str(tmp_path / "a.gz")], 100, shuffle_buffer=3 * 64))
    # A block comes up to two earlier, and an example of it up to two more, when three are mixed.
    ahead = numbers - np.arange(3000)
    assert 3 * 64 < ahead.max() < 5 * 64


def test_a_large_buffer_parts_neighbours(tmp_path):
    """30,000 examples through a buffer of 10,000: far from where they were, and from those beside them."""
    _write(tmp_path / "a.gz", range(30_000))
    numbers = np.array(_shuffled([str(tmp_path / "*.gz")], 512, shuffle_buffer=10_000))
    assert sorted(numbers) == list(range(30_000))
    # The first batches come from anywhere in the buffer, and the mean example stays behind by some of it.
    assert numbers[:512].max() > 9000
    moved = np.abs(np.argsort(numbers) - np.arange(30_000))
    assert 5000 < moved.mean() < 12_000
    # Of two neighbours 0.7 % would be within 100 places of each other by chance, in an order that is all random.
    assert (np.abs(np.diff(np.argsort(numbers))) < 100).mean() < 0.04


@pytest.mark.parametrize("batch_size", [100, 512, 5000])
@pytest.mark.parametrize("shuffled", [False, True])
def test_tensorflow_has_nothing_to_complain_about(tmp_path, capfd, batch_size, shuffled):
    """It once wrote an error for every eleven examples that were shuffled."""
    _write(tmp_path / "a.gz", range(10_000))
    patterns = [str(tmp_path / "*.gz")]
    if shuffled:
        numbers = _shuffled(patterns, batch_size, shuffle_buffer=10_000)
    else:
        numbers = _numbers(inputs.read_packed(patterns, SPEC, batch_size))
    assert len(numbers) == 10_000
    assert capfd.readouterr().err == ""


def test_the_values_of_an_example_stay_together(patterns):
    (batch,) = inputs.read_shuffled(patterns, SPEC, 100, inputs.Order(1000, 1), 0)
    numbers = batch["ids"][:, 0].numpy()
    np.testing.assert_array_equal(batch["ids"][:, 1], -numbers)
    np.testing.assert_array_equal(batch["weights"][:, 2], -numbers)
    np.testing.assert_array_equal(batch["dense"][:, 0], numbers / 2)
    np.testing.assert_array_equal(batch["click"], numbers % 3 == 0)
    np.testing.assert_array_equal(batch["conversion"], numbers % 6 == 0)


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("batch_size", [5, 8])
def test_same_seed_same_order(patterns, seed, batch_size):
    for epoch in range(2):
        assert _shuffled(patterns, batch_size, seed=seed, epoch=epoch) == _shuffled(
            patterns[::-1], 5, seed=seed, epoch=epoch
        )


def test_other_seeds_other_orders(patterns):
    assert len({tuple(_shuffled(patterns, seed=seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize("skipped", [0, 1, 3, 4, 5])
@pytest.mark.parametrize("shuffle_buffer", [0, 7, 1000])
def test_what_is_skipped_is_what_would_have_come_first(patterns, shuffle_buffer, skipped):
    whole = _shuffled(patterns, 5, shuffle_buffer, epoch=2)
    assert _shuffled(patterns, 5, shuffle_buffer, epoch=2, skipped=skipped) == whole[5 * skipped :]


def test_large_files_are_read_in_turn(tmp_path):
    """A batch of a thousand from each."""
    for name, first in {"a": 0, "b": 10_000}.items():
        _write(tmp_path / f"{name}.gz", range(first, first + 2500))
    numbers = np.array(_shuffled([str(tmp_path / "*.gz")], 5000, shuffle_buffer=0))
    assert np.flatnonzero(np.diff(numbers >= 10_000)).tolist() == [1023, 2047, 3071, 4095, 4547]


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_file_cut_short_is_told(patterns, tmp_path, shuffled):
    whole = tmp_path / "whole.gz"
    _write(whole, range(3000))
    cut = tmp_path / "cut.gz"
    # In the last record, and without gzip's own end. Cut between two records, or in a length, it would look whole.
    cut.write_bytes(gzip.compress(gzip.decompress(whole.read_bytes())[:-100])[:-8])
    order = inputs.Order(0, 1)
    read = inputs.read_shuffled([str(cut)], SPEC, 5, order, 0) if shuffled else inputs.read_packed([str(cut)], SPEC, 5)
    with pytest.raises(tf.errors.DataLossError, match="truncated record"):
        list(read)


def test_count(patterns):
    # Of 0 to 22: multiples of 3 are 0, 3, ..., 21; multiples of 6 are 0, 6, 12, 18.
    assert inputs.count(patterns, SPEC) == inputs.Counts(examples=23, clicks=8, conversions=4)
    # b: 9 to 19.
    assert inputs.count(patterns[1:2], SPEC) == inputs.Counts(examples=11, clicks=4, conversions=2)


def test_count_of_a_split_reads_no_more_than_the_labels(patterns):
    spec = SPEC | {"ids": tf.io.FixedLenFeature([9], tf.int64)}  # it would not parse
    assert inputs.count(patterns, spec).examples == 23


def test_count_of_an_empty_file(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "none.gz"), "GZIP"):
        pass
    assert inputs.count([str(tmp_path / "*.gz")], SPEC) == inputs.Counts(0, 0, 0)
