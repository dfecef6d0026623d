"""Vocabularies through Beam: next to `tft.vocabulary` itself, and against a Counter sorted as tf.Transform sorts."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models import token_counts, trainer
from models.vocabularies import Vocabularies
from schema.fields import Field

HALF = 5 * 10**14
DTYPES = {"string": tf.string, "int64": tf.int64}
# Few distinct tokens, so that counts tie; and such as break lines, sort by sign, are not text, or look like our lines.
NASTY = {
    "string": [
        *(b"", b"a", b"b", b"ab", b"B", b" ", b" a", b"a ", b"a\nb", b"\n", b"\r", b"a\rb", b"\0", b"a\0", b"a\0b"),
        *(text.encode() for text in ("é", "é", "東京", "🙂", "\x85", "\u2028")),
        *(
            b"\xff",
            b"\xff\xfe",
            b"\xff\n",
            b"\t",
            b"\t\t",
            b"a\tb",
            b"t\t",
            b"t\ta",
            b"s\ta",
            b"st\ta",
            b"1",
            b"-1",
            b"0",
        ),
    ],
    "int64": [
        *(0, 1, -1, 9, 10, -10, 100, 99, -9, 2**53 + 1, 2**63 - 1, -(2**63)),
        *(sign * (HALF + step) for sign in (-1, 1) for step in (-1, 0, 1)),
        *(sign * (2 * HALF + step) for sign in (-1, 1) for step in (-1, 0, 1)),
    ],
}
# What stock's file holds where there are no tokens.
NO_TOKENS = {"string": [b"49d0cd50-04bb-48c0-bc6f-5b575dce351a"], "int64": [b"-1"]}


class Column(NamedTuple):
    """One field's raw values, a list for each row, and its options."""

    kind: str
    rows: Sequence[Sequence[bytes | int]]
    options: Mapping[str, int | None] = {}

    @property
    def texts(self) -> list[bytes]:
        return [as_text(token) for row in self.rows for token in row]

    def vocabulary(self) -> list[bytes]:
        """Largest count first, then largest bytes; without empty tokens and line breaks."""
        counts = Counter(self.texts)
        kept = [(count, token) for token, count in counts.items() if count >= self.options.get("min_count", 1)]
        ordered = [token for _, token in sorted(kept, reverse=True) if token and not {10, 13} & set(token)]
        return ordered[: self.options.get("top_k")]


def as_text(token: bytes | int) -> bytes:
    return token if isinstance(token, bytes) else str(token).encode()


class BothWays(NamedTuple):
    """The columns of a run, its graph, and the ids of probes by column: ours, and those of stock where it was run."""

    columns: Mapping[str, Column]
    graph: tft.TFTransformOutput
    probes: Mapping[str, list]
    ids: Mapping[str, np.ndarray]
    stock_ids: Mapping[str, np.ndarray]


def run_both_ways(
    analyze: Callable, columns: Mapping[str, Column], directory: Path, stock_too: Collection[str] = ()
) -> BothWays:
    """Runs stock on `stock_too`, or on all columns: it takes most of the time."""
    stock_too = stock_too or columns
    fields = [Field(name=name, entity="item", **column.options) for name, column in columns.items()]

    def preprocessing_fn(inputs):
        values = {name: inputs[name].values for name in columns}
        order = sorted(values, key=lambda name: columns[name].kind)  # int64 first
        ids = Vocabularies(values, fields).ids([values[name] for name in order], order)
        sizes = tf.stack([tf.size(values[name]) for name in order])
        outputs = dict(zip([f"ours_{name}" for name in order], tf.split(ids, sizes, num=len(order)), strict=True))
        for field in (field for field in fields if field.name in stock_too):
            tokens = values[field.name]
            stock = tft.vocabulary(
                tokens,
                top_k=field.top_k,
                frequency_threshold=field.min_count,
                vocab_filename=f"stock_{field.name}",
            )
            outputs[f"stock_{field.name}"] = tft.apply_vocabulary(tokens, stock, num_oov_buckets=field.oov_buckets)
        return outputs

    spec = {name: tf.io.VarLenFeature(DTYPES[column.kind]) for name, column in columns.items()}
    by_row = zip(*(column.rows for column in columns.values()), strict=True)
    rows = [dict(zip(columns, values, strict=True)) for values in by_row]
    graph = analyze(preprocessing_fn, rows, tft.DatasetMetadata.from_feature_spec(spec), directory)
    # All fields are asked for all tokens that come anywhere.
    probes = {kind: {*NASTY[kind]} for kind in DTYPES}
    for column in columns.values():
        probes[column.kind].update(token for row in column.rows for token in row)
    asked = {name: sorted(probes[column.kind]) for name, column in columns.items()}
    raw = {name: tf.ragged.constant([asked[name]], DTYPES[columns[name].kind]).to_sparse() for name in columns}
    found = {name: tensor.numpy() for name, tensor in graph.transform_raw_features(raw).items()}
    ours = {name: found[f"ours_{name}"] for name in columns}
    return BothWays(columns, graph, asked, ours, {name: found[f"stock_{name}"] for name in stock_too})


def check_vocabulary(run: BothWays, name: str, vocabularies: Mapping[str, list[bytes]]) -> None:
    column = run.columns[name]
    assert vocabularies[name] == column.vocabulary()
    if name in run.stock_ids:
        stock = Path(run.graph.vocabulary_file_by_name(f"stock_{name}")).read_bytes().split(b"\n")[:-1]
        assert stock == (column.vocabulary() or NO_TOKENS[column.kind])


def check_ids(run: BothWays, name: str) -> None:
    column = run.columns[name]
    vocabulary, buckets = column.vocabulary(), column.options.get("oov_buckets", 1)
    texts = [as_text(token) for token in run.probes[name]]
    hashed = tf.strings.to_hash_bucket_fast(texts, buckets).numpy()
    ids = [
        1 + buckets + vocabulary.index(text) if text in vocabulary else 1 + bucket
        for text, bucket in zip(texts, hashed, strict=True)
    ]
    np.testing.assert_array_equal(run.ids[name], ids)
    if vocabulary and name in run.stock_ids:
        # Stock's tokens begin at 0, and its buckets come behind them.
        stock = run.stock_ids[name]
        moved = np.where(stock < len(vocabulary), stock + 1 + buckets, stock - len(vocabulary) + 1)
        np.testing.assert_array_equal(run.ids[name], moved)


def drawn_rows(generator: random.Random, tokens: Callable) -> list[list]:
    return [[tokens() for _ in range(generator.randint(0, 3))] for _ in range(300)]


def fixed_columns() -> dict[str, Column]:
    """300 rows with 0 to 3 values of each column. Fields next to each other, and names that begin alike."""
    generator = random.Random(11)
    alphabet = ["a", "b", "é", "ß", "東", "🙂", "\0", " ", "\n", "\t", "\u2028"]
    narrow = [HALF - 1, 1 - HALF, 0, 1]

    def column(kind: str, tokens: Callable, **options) -> Column:
        return Column(kind, drawn_rows(generator, tokens), options)

    def text() -> bytes:
        return "".join(generator.choices(alphabet, k=generator.randint(0, 2))).encode()

    # Those with a `top_k` have less than there are: among the others are some that are left out, and counts that tie.
    return {
        "s": column("string", lambda: generator.choice(NASTY["string"]), top_k=4, oov_buckets=3),
        "st": column("string", text, min_count=2),
        "s t": column("string", lambda: generator.choice(NASTY["string"]), oov_buckets=7),
        "i": column("int64", lambda: int(generator.gauss(0, 60)), min_count=3, top_k=10),
        "edge": column("int64", lambda: generator.choice(narrow), oov_buckets=3),
        "edge_too": column("int64", lambda: generator.choice(narrow[::-1]), oov_buckets=7),
        "extremes": column("int64", lambda: generator.choice(NASTY["int64"]), oov_buckets=3),
        # One token is enough for the bytes file.
        "high": column("int64", lambda: generator.choice([7, 8, HALF])),
        "low": column("int64", lambda: generator.choice([7, 8, -HALF]), oov_buckets=2),
        # A wide token that is left out is not.
        "once": Column("int64", [[7, HALF], [7, 8], [8], *[[]] * 297], {"min_count": 2}),
        "ints_missing": Column("int64", [[]] * 300),
        "texts_missing": Column("string", [[]] * 300, {"oov_buckets": 2}),
        "rare": Column("string", [[b"once"], [b""], *[[]] * 298], {"min_count": 2}),
    }


FIXED = fixed_columns()
STOCK_TOO = ("s", "st", "i", "extremes", "ints_missing", "rare")


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory, analyze) -> BothWays:
    """With so little memory for counts that most of them go to files."""
    directory = tmp_path_factory.mktemp("vocabularies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_counts, "_ROWS_IN_MEMORY", 50)
        run = run_both_ways(analyze, FIXED, directory, STOCK_TOO)
    assert len(list(directory.rglob("counts-*.arrow"))) > 3
    return run


@pytest.mark.parametrize("name", FIXED)
def test_vocabulary_is_that_of_tft(both_ways, vocabularies_of, name):
    check_vocabulary(both_ways, name, vocabularies_of(both_ways.graph))


@pytest.mark.parametrize("name", FIXED)
def test_ids_are_those_of_tft_in_our_order(both_ways, name):
    check_ids(both_ways, name)


@pytest.mark.parametrize("name", ["s", "st", "s t", "i", "extremes"])
def test_the_columns_ask_for_something(name):
    """Counts tie and, under a least count or `top_k`, tokens are left out."""
    column = FIXED[name]
    assert len(set(Counter(column.texts).values())) < len(set(column.texts))
    whole = Column(column.kind, column.rows).vocabulary()
    assert (len(column.vocabulary()) < len(whole)) == bool(column.options.keys() & {"min_count", "top_k"})


def test_a_field_moves_to_the_other_file_by_what_is_in_its_vocabulary(both_ways):
    assets = Path(both_ways.graph.transform_savedmodel_dir) / "assets"
    lines = (assets / "vocabularies_bytes").read_bytes().split(b"\n")
    names = {line.split(b"\t")[0].decode() for line in lines if line}
    assert names == {"", "s", "st", "s t", "extremes", "high", "low", "texts_missing", "rare"}
    numbers = [int(line) for line in (assets / "vocabularies_int64").read_text().split()]
    assert len(set(numbers)) == len(numbers)
    begins = [number for number in numbers if number % (2 * HALF) == HALF]
    places = {name: place for place, name in enumerate(FIXED, 1)}
    ints = ("i", "edge", "edge_too", "once", "ints_missing")
    assert begins == [2 * HALF * places[name] - HALF for name in ints]


def test_neighbours_tokens_are_not_mixed_up(both_ways):
    """Their keys are two apart, with the one between them that says where the next field begins."""
    tokens = {name: dict(zip(both_ways.probes[name], both_ways.ids[name], strict=True)) for name in FIXED}
    places = {name: place for place, name in enumerate(FIXED)}
    assert places["edge_too"] == places["edge"] + 1
    for name, buckets in (("edge", 3), ("edge_too", 7)):
        known = {tokens[name][token] for token in (HALF - 1, 1 - HALF, 0, 1)}
        assert known == {1 + buckets + line for line in range(4)}
        for token in (HALF, -HALF, HALF + 1, -HALF - 1, 2 * HALF, 2 * HALF - 1, 1 - 2 * HALF, 2**63 - 1, -(2**63)):
            assert 1 <= tokens[name][token] <= buckets


# --- Any data. A run takes seconds, so an example is many columns.

TOKENS = {
    "string": st.one_of(st.sampled_from(NASTY["string"]), st.text(max_size=3).map(str.encode), st.binary(max_size=3)),
    "int64": st.one_of(st.sampled_from(NASTY["int64"]), st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3)),
}


@st.composite
def any_columns(draw) -> dict[str, Column]:
    count = draw(st.sampled_from([40, 12, 3]))
    options = st.fixed_dictionaries(
        {
            "min_count": st.integers(1, 3),
            "top_k": st.one_of(st.none(), st.integers(1, 12)),
            "oov_buckets": st.integers(1, 3),
        }
    )
    columns = {}
    for name, kind in (("s", "string"), ("i", "int64"), ("st", "string"), ("in", "int64")):
        some = draw(st.lists(TOKENS[kind], min_size=1, max_size=25))  # to draw from, so that counts tie
        rows = draw(st.lists(st.lists(st.sampled_from(some), max_size=3), min_size=count, max_size=count))
        columns[name] = Column(kind, rows, draw(options))
    return columns


def check_any_columns(analyze, vocabularies_of, columns, directory) -> None:
    run = run_both_ways(analyze, columns, directory)
    vocabularies = vocabularies_of(run.graph)
    for name in columns:
        check_vocabulary(run, name, vocabularies)
        check_ids(run, name)


# Shrinking would take hundreds of runs.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, phases=PHASES)
@given(columns=any_columns())
def test_any_columns_are_as_by_tft(columns, analyze, vocabularies_of, tmp_path_factory):
    check_any_columns(analyze, vocabularies_of, columns, tmp_path_factory.mktemp("any"))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, phases=PHASES)
@given(columns=any_columns())
def test_many_columns_are_as_by_tft(columns, analyze, vocabularies_of, tmp_path_factory):
    check_any_columns(analyze, vocabularies_of, columns, tmp_path_factory.mktemp("many"))


# --- Hardly any data.


@pytest.mark.parametrize("count", [0, 1])
def test_no_rows_and_one_row_are_as_by_tft(count, analyze, vocabularies_of, tmp_path):
    columns = {
        "i": Column("int64", [[5, 5, 6]] * count, {"min_count": 2}),
        "s": Column("string", [[b"x", b"y", b"x", b""]] * count, {"oov_buckets": 2}),
    }
    check_any_columns(analyze, vocabularies_of, columns, tmp_path)
    assert [column.vocabulary() for column in columns.values()] == ([[b"5"], [b"x", b"y"]] if count else [[], []])


def test_a_field_without_any_token_has_oov_ids_alone(run_preprocessing, serve, tmp_path):
    """All values are missing, or all are rarer than `min_count`."""
    dtypes = {"seen": tf.int64, "never_i": tf.int64, "never_s": tf.string, "rare_i": tf.int64, "rare_s": tf.string}
    fields = [
        Field(name=name, entity="item", min_count=5 if "rare" in name else 1, oov_buckets=2 if "rare" in name else 1)
        for name in dtypes
    ]
    rows = [{**{name: [] for name in dtypes}, "seen": [4]} for _ in range(40)]
    rows[7] |= {"rare_i": [17], "rare_s": [b"once"]}
    run = run_preprocessing(rows, dtypes, fields, tmp_path)
    assert trainer.embedding_rows(run.graph, tuple(fields)) == {
        "seen": 3,
        "never_i": 2,
        "never_s": 2,
        "rare_i": 3,
        "rare_s": 3,
    }
    in_two = {token: 1 + int(tf.strings.to_hash_bucket_fast(token, 2)) for token in ("17", "once")}
    expected = np.tile([2, 0, 0, 0, 0], (40, 1))
    expected[7, 3:] = in_two["17"], in_two["once"]
    np.testing.assert_array_equal(run.features["ids"], expected)
    asked = {"seen": [5], "never_i": [17], "never_s": [b"once"], "rare_i": [17], "rare_s": [b"once"]}
    served = serve(run.graph, [asked, {}])["ids"]
    np.testing.assert_array_equal(served, [[1, 1, 1, in_two["17"], in_two["once"]], [0] * 5])
