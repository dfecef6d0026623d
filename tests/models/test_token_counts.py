"""Counting tokens, in memory and in files, against a Counter sorted as tf.Transform sorts."""

import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models import token_counts
from models.token_counts import CountTokens
from schema.fields import Field

KINDS = ("string", "int64")
# Few distinct tokens, so that counts tie; and such as break lines, sort by sign, or are not text.
NASTY = {
    "string": [
        *(
            b"",
            b"a",
            b"b",
            b"ab",
            b"B",
            b" ",
            b" a",
            b"a ",
            b"\t",
            b"a\nb",
            b"\n",
            b"\r",
            b"a\rb",
            b"\0",
            b"a\0",
            b"a\0b",
        ),
        *(text.encode() for text in ("é", "é", "東京", "🙂", "\x85", "\u2028")),
        *(b"\xff", b"\xff\xfe", b"\xff\n"),
    ],
    "int64": [0, 1, -1, 9, 10, -10, 2**63 - 1, -(2**63), 2**53 + 1, 100, 99, -9],
}
TOKENS = {
    "string": st.one_of(st.sampled_from(NASTY["string"]), st.text(max_size=3).map(str.encode), st.binary(max_size=3)),
    "int64": st.one_of(st.sampled_from(NASTY["int64"]), st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3)),
}


def expected(tokens, min_count: int = 1, top_k: int | None = None) -> list[tuple[bytes, int]]:
    """Largest count first, then largest bytes; without empty tokens and line breaks."""
    counts = Counter(token if isinstance(token, bytes) else str(token).encode() for token in tokens)
    kept = [(count, token) for token, count in counts.items() if count >= min_count]
    kept = [(count, token) for count, token in sorted(kept, reverse=True) if token and not {10, 13} & set(token)]
    return [(token, count) for count, token in kept[:top_k]]


def counted(table) -> list[tuple[bytes, int]]:
    return list(zip(token_counts.as_text(table["token"]).to_pylist(), table["count"].to_pylist(), strict=True))


def array(tokens, kind: str = "int64") -> np.ndarray:
    """As tf.Transform hands it to an analyzer."""
    return tf.constant(tokens, tf.string if kind == "string" else tf.int64, shape=[len(tokens)]).numpy()


def held(accumulator) -> int:
    return sum(counts.rows for counts in accumulator)


def field(**options) -> Field:
    return Field(name="x", entity="user", **options)


def combine(batches, fields, directory, tree: random.Random) -> list[list[tuple[bytes, int]]]:
    """Counts batches, tuples of arrays, as Beam may: cut into bundles anywhere, merged in any tree, compacted at any
    time, each step in another process."""

    def fn() -> CountTokens:
        return CountTokens(fields, str(directory))

    accumulators = [fn().create_accumulator()]
    for batch in batches:
        if tree.random() < 0.4:
            accumulators.append(fn().create_accumulator())
        accumulators[-1] = fn().add_input(accumulators[-1], batch)
    while len(accumulators) > 1:
        tree.shuffle(accumulators)
        cut = tree.randint(2, len(accumulators))
        group = [fn().compact(one) if tree.random() < 0.3 else one for one in accumulators[:cut]]
        merged = fn().merge_accumulators(pickle.loads(pickle.dumps(group)))
        accumulators = [merged, *accumulators[cut:]]
    return [counted(table) for table in fn().extract_output(pickle.loads(pickle.dumps(accumulators[0])))]


@st.composite
def columns(draw):
    """Batches of two fields, one of each type."""
    count = draw(st.integers(1, 6))
    return [draw(st.lists(st.lists(TOKENS[kind], max_size=12), min_size=count, max_size=count)) for kind in KINDS]


OPTIONS = st.fixed_dictionaries({"min_count": st.integers(1, 4), "top_k": st.one_of(st.none(), st.integers(1, 8))})


def check_any_split(directory, drawn, options, seed):
    batches = [tuple(map(array, batch, KINDS)) for batch in zip(*drawn, strict=True)]
    found = combine(batches, [field(**one) for one in options], directory, random.Random(seed))
    for output, column, one in zip(found, drawn, options, strict=True):
        assert output == expected([token for batch in column for token in batch], **one)


@settings(max_examples=150, deadline=None)
@given(drawn=columns(), options=st.tuples(OPTIONS, OPTIONS), seed=st.integers(0, 2**32))
def test_any_split_of_the_batches_gives_the_sorted_counts(drawn, options, seed, tmp_path_factory):
    check_any_split(tmp_path_factory.getbasetemp() / "unused", drawn, options, seed)


@settings(max_examples=100, deadline=None)
@given(
    drawn=columns(),
    options=st.tuples(OPTIONS, OPTIONS),
    seed=st.integers(0, 2**32),
    bounds=st.tuples(st.integers(0, 12), st.integers(0, 4), st.integers(1, 5)),
)
def test_so_does_any_split_between_memory_and_files(drawn, options, seed, bounds, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, bound in zip(("_ROWS_IN_MEMORY", "_PENDING_ROWS", "_PARTS"), bounds, strict=True):
            patch.setattr(token_counts, name, bound)
        check_any_split(tmp_path_factory.mktemp("counts"), drawn, options, seed)


def test_order_least_count_and_most_tokens_by_hand():
    batch = array([b"b", b"a", b"c", b"b", b"a", b"d", b"", b"", b"", b"x\ny", b"x\ny", b"x\ry"], "string")

    def tokens(**options) -> list[bytes]:
        (found,) = combine([(batch,)], [field(**options)], "", random.Random(0))
        return [token for token, _ in found]

    assert tokens() == [b"b", b"a", b"d", b"c"]
    assert tokens(min_count=2) == [b"b", b"a"]
    assert tokens(min_count=3) == []
    assert tokens(top_k=3) == [b"b", b"a", b"d"]
    assert tokens(min_count=2, top_k=9) == [b"b", b"a"]


def test_numbers_tie_as_text():
    batches = [(array([10, 9, -1, 100, 9, 10, -1, 100, 5]),)]
    found = combine(batches, [field()], "", random.Random(0))
    assert found == [[(b"9", 2), (b"100", 2), (b"10", 2), (b"-1", 2), (b"5", 1)]]


def test_no_batches_at_all():
    fn = CountTokens([field(), field(top_k=1)], "")
    outputs = fn.extract_output(fn.merge_accumulators([fn.create_accumulator(), fn.create_accumulator()]))
    assert [counted(output) for output in outputs] == [[], []]


def test_pending_rows_are_bounded(monkeypatch):
    monkeypatch.setattr(token_counts, "_PENDING_ROWS", 5)
    fn = CountTokens([field(), field()], "")
    accumulator = fn.create_accumulator()
    for _ in range(50):
        accumulator = fn.add_input(accumulator, (np.arange(3), np.arange(2)))
        other = fn.add_input(fn.create_accumulator(), (np.arange(3), np.arange(2)))
        accumulator = fn.merge_accumulators([accumulator, other])
        assert all(counts.rows <= 2 * 5 for counts in accumulator)
    first, second = fn.extract_output(accumulator)
    assert counted(first) == [(b"2", 100), (b"1", 100), (b"0", 100)]
    assert counted(second) == [(b"1", 100), (b"0", 100)]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(token_counts, "_ROWS_IN_MEMORY", 100)
    monkeypatch.setattr(token_counts, "_PENDING_ROWS", 10)
    monkeypatch.setattr(token_counts, "_PARTS", 4)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_holds_no_more_rows_than_it_may(small, kind, tmp_path):
    """A thousand tokens, each once in every ten batches, next to a field of few."""
    fields = [field(min_count=10), field(min_count=11), field(top_k=1)]
    accumulators = []
    for bundle in range(4):
        accumulator = CountTokens(fields, str(tmp_path)).create_accumulator()
        for number in range(10 * bundle, 10 * bundle + 10):
            many = [100 * (number % 10) + one for one in range(100)]
            batch = array([str(one).encode() for one in many] if kind == "string" else many, kind)
            accumulator = CountTokens(fields, str(tmp_path)).add_input(
                accumulator, (batch[:60], batch, array([7, 8, 8]))
            )
            assert held(accumulator) <= 100
        accumulators.append(accumulator)
    merged = CountTokens(fields, str(tmp_path)).merge_accumulators(accumulators)
    assert held(merged) <= 100
    # The field of few stays where it is.
    assert [bool(counts.files) for counts in merged] == [True, True, False]
    files = {path for counts in merged for path in counts.files}
    assert files <= {str(path) for path in tmp_path.iterdir()}
    first, second, third = CountTokens(fields, str(tmp_path)).extract_output(pickle.loads(pickle.dumps(merged)))
    # Four times ten batches hold each token four times: fewer than ten.
    assert (counted(first), counted(second), counted(third)) == ([], [], [(b"8", 80)])
    again = CountTokens([field(min_count=4), field(top_k=3), field()], str(tmp_path)).extract_output(merged)
    texts = [str(one).encode() for one in range(1000)]
    assert counted(again[0]) == [(one, 4) for one in sorted(texts, reverse=True) if int(one) % 100 < 60]
    assert counted(again[1]) == [(b"999", 4), (b"998", 4), (b"997", 4)]
    assert counted(again[2]) == [(b"8", 80), (b"7", 40)]


def test_tokens_are_left_out_by_their_whole_count(small, tmp_path):
    """1 is once in each of the four files, all other tokens once in one of them."""
    fn = CountTokens([field(min_count=4)], str(tmp_path))
    accumulator = fn.create_accumulator()
    for start in (2, 122, 242, 362):
        accumulator = fn.add_input(accumulator, (np.array([1, *range(start, start + 120)]),))
    assert (len(accumulator[0].files), held(accumulator)) == (4, 0)
    assert counted(fn.extract_output(accumulator)[0]) == [(b"1", 4)]


def test_no_more_than_a_part_and_the_vocabulary_is_held_in_the_end(small, tmp_path, monkeypatch):
    fn = CountTokens([field(top_k=90)], str(tmp_path))
    accumulator = fn.create_accumulator()
    for start in (0, 200):
        accumulator = fn.add_input(accumulator, (np.arange(start, start + 200),))
    read, most_frequent = token_counts._read_part, token_counts._most_frequent
    parts, ordered = [], []
    monkeypatch.setattr(token_counts, "_read_part", lambda *args: parts.append(read(*args)) or parts[-1])
    monkeypatch.setattr(
        token_counts, "_most_frequent", lambda table, one: ordered.append(table.num_rows) or most_frequent(table, one)
    )
    found = [token for token, _ in counted(fn.extract_output(accumulator)[0])]
    assert found == sorted((str(one).encode() for one in range(400)), reverse=True)[:90]
    assert len(parts) == 2 * 4
    assert sorted(token for part in parts for token in part["token"].to_pylist()) == list(range(400))
    assert max(part.num_rows for part in parts) < 100  # some 50 each
    assert max(ordered) <= 2 * 90


def test_a_token_is_in_the_same_part_in_every_process(tmp_path):
    """Python's own hash of a text is another one in each."""
    code = """if True:
        import sys, numpy as np
        from models import token_counts
        from schema.fields import Field
        token_counts._ROWS_IN_MEMORY = 10
        fn = token_counts.CountTokens([Field(name="x", entity="user")] * 2, sys.argv[1])
        batch = np.arange(40)
        fn.add_input(fn.create_accumulator(), (batch, np.array([b"%d" % one for one in batch], object)))
    """
    here, there = tmp_path / "here", tmp_path / "there"
    for directory in (here, there):
        directory.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_counts, "_ROWS_IN_MEMORY", token_counts._ROWS_IN_MEMORY)
        patch.setattr(sys, "argv", ["", str(here)])
        exec(code)
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code, str(there)], env=environment, check=True)
    contents = [sorted(path.read_bytes() for path in directory.iterdir()) for directory in (here, there)]
    assert len(contents[0]) == 2
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_millions_of_tokens_beyond_the_real_bound(tmp_path):
    generator = np.random.default_rng(5)
    fields = [field(min_count=2), field(min_count=3, top_k=100_000)]
    fn = CountTokens(fields, str(tmp_path))
    accumulators, batches = [], []
    for _ in range(3):
        accumulator = fn.create_accumulator()
        for _ in range(20):
            batch = generator.integers(0, 5_000_000, 200_000)
            batches.append(batch)
            accumulator = fn.add_input(accumulator, (batch, np.char.mod(b"%d", batch).astype(object)))
            assert held(accumulator) <= token_counts._ROWS_IN_MEMORY
        accumulators.append(accumulator)
    merged = fn.merge_accumulators(accumulators)
    assert all(counts.files for counts in merged)
    numbers, counts = np.unique(np.concatenate(batches), return_counts=True)
    texts = np.char.mod(b"%d", numbers)
    order = np.lexsort((texts, counts))[::-1]
    for table, least, most in zip(fn.extract_output(merged), (2, 3), (None, 100_000), strict=True):
        kept = order[counts[order] >= least][:most]
        np.testing.assert_array_equal(table["count"], counts[kept])
        assert token_counts.as_text(table["token"]).to_pylist() == texts[kept].tolist()
