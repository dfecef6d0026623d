"""Parting rows by their key: what belongs together comes together, and nothing is lost."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.impression_example_gen import partition

MIB = 1 << 20


@pytest.mark.parametrize(
    ("total", "parts"),
    [(0, 1), (64 * MIB - 1, 1), (64 * MIB, 2), (640 * MIB, 11), (511 * 64 * MIB, 512), (1 << 50, 512)],
)
def test_a_part_is_made_of_64_mib_of_the_files_and_there_are_at_most_512(total, parts):
    assert partition.parts_for(total) == parts


# --- Hashes.


@pytest.mark.parametrize("keys", [pa.array([3, None, 0, 3, -1]), pa.array([b"x", None, b"", b"x", b"\xff\x00"])])
def test_equal_keys_and_no_others_have_equal_hashes(keys):
    hashes = partition.key_hashes(keys)
    assert hashes.dtype == np.uint64
    assert hashes[0] == hashes[3]
    assert len(set(hashes.tolist())) == 4  # null is no other value's, not even that of 0 or of nothing


def test_a_hash_does_not_depend_on_the_array_around_it():
    keys = pa.array([5, 6, None, 7])
    one_by_one = [partition.key_hashes(keys.slice(i, 1))[0] for i in range(4)]
    assert partition.key_hashes(keys).tolist() == one_by_one


def test_hashes_are_the_same_in_every_process():
    """A repeated attempt of a part of the work, on another machine, parts rows as the first one did."""
    assert partition.key_hashes(pa.array([1, None])).tolist() == [6238072747940578789, 18446744073709551615]
    assert partition.key_hashes(pa.array([b"a", None])).tolist() == [13950350942979735504, 16686498231904486841]


# --- Writing and reading.


def batch_of(keys: list, first: int = 0) -> pa.RecordBatch:
    numbers = range(first, first + len(keys))
    return pa.RecordBatch.from_pydict({"key": pa.array(keys), "n": pa.array(numbers, pa.int64())})


def write(directory: object, parts: int, *batches: pa.RecordBatch, source: str = "log.csv") -> dict[int, str]:
    writer = partition.PartWriter(str(directory), parts, source)
    for batch in batches:
        writer.write(batch, batch["key"], np.asarray(batch["n"]) * 10, "line")
    return writer.close()


def rows(path: str) -> list[tuple]:
    """(key, n, position) of all rows."""
    found = []
    for part in partition.read_part(path):
        columns = (part.batch["key"].to_pylist(), part.batch["n"].to_pylist(), part.positions.tolist())
        found += list(zip(*columns, strict=True))
    return found


keys_of_a_batch = st.lists(st.integers(-3, 3), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(keys_of_a_batch, max_size=4), st.integers(1, 7))
def test_no_row_is_lost_and_equal_keys_come_together_in_their_order(tmp_path_factory, key_lists, parts):
    batches, first = [], 0
    for keys in key_lists:
        batches.append(
            pa.RecordBatch.from_arrays([pa.array(keys, pa.int64()), batch_of(keys, first)["n"]], ["key", "n"])
        )
        first += len(keys)
    found = {number: rows(path) for number, path in write(tmp_path_factory.mktemp("parts"), parts, *batches).items()}
    assert all(0 <= number < parts for number in found)
    everything = [(key, n, n * 10) for n, key in enumerate(key for keys in key_lists for key in keys)]
    assert Counter(row for part in found.values() for row in part) == Counter(everything)
    for part in found.values():
        assert part == sorted(part, key=lambda row: row[1])
    parts_of_key = Counter(key for part in found.values() for key in {row[0] for row in part})
    assert set(parts_of_key.values()) <= {1}


def test_keys_are_spread_over_all_parts(tmp_path):
    paths = write(tmp_path, 16, batch_of(list(range(16_000))))
    sizes = [len(rows(path)) for path in paths.values()]
    assert len(sizes) == 16
    assert min(sizes) > 850
    assert max(sizes) < 1150


def test_a_row_knows_where_it_comes_from(tmp_path):
    source = "/logs/é {0} %s.csv"
    (path,) = write(tmp_path, 1, batch_of([b"a", b"b"]), source=source).values()
    (part,) = partition.read_part(path)
    assert (part.source, part.unit, part.positions.tolist()) == (source, "line", [0, 10])
    assert part.batch.schema.names == ["key", "n"]


def test_a_repeated_attempt_leaves_the_first_one_s_files_alone(tmp_path):
    first = write(tmp_path, 2, batch_of(list(range(9))))
    before = {path: Path(path).read_bytes() for path in first.values()}
    second = write(tmp_path, 2, batch_of(list(range(9))))
    assert set(first.values()).isdisjoint(second.values())
    assert {path: Path(path).read_bytes() for path in before} == before
    assert {n: rows(path) for n, path in first.items()} == {n: rows(path) for n, path in second.items()}


def test_nothing_makes_no_file(tmp_path):
    empty = pa.RecordBatch.from_arrays([], names=[])
    writer = partition.PartWriter(str(tmp_path), 3, "log.csv")
    writer.write(empty, pa.array([], pa.binary()), np.zeros(0, np.int64), "")
    assert writer.close() == {}
    assert not list(tmp_path.iterdir())
