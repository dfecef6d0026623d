"""Vocabularies against `tft.vocabulary` itself, and against a Counter sorted as tf.Transform sorts."""

import random
from collections import Counter
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from models import preprocessing, trainer, vocabularies
from schema import fields as schema_fields
from schema.fields import Field

INT64 = st.integers(-(2**63), 2**63 - 1)
# Few distinct tokens, so that counts tie; and such as break lines, sort by sign, or are not text.
NASTY = [
    "",
    "a",
    "b",
    "ab",
    "B",
    " ",
    " a",
    "a ",
    "\t",
    "a\nb",
    "\n",
    "\r",
    "a\rb",
    "\x00",
    "a\x00",
    "a\x00b",
    "é",
    "é",
]
NASTY_BYTES = [*(text.encode() for text in [*NASTY, "東京", "🙂", "\x85", "\u2028"]), b"\xff", b"\xff\xfe", b"\xff\n"]
NASTY_INTS = [0, 1, -1, 9, 10, -10, 2**63 - 1, -(2**63), 2**53 + 1, 100, 99, -9]
TOKENS = {
    "string": st.one_of(st.sampled_from(NASTY_BYTES), st.text(max_size=3).map(str.encode), st.binary(max_size=3)),
    "int64": st.one_of(st.sampled_from(NASTY_INTS), INT64, st.integers(-3, 3)),
}


def _expected(tokens, min_count: int) -> list[bytes]:
    """Largest count first, then largest bytes; without empty tokens and line breaks."""
    counts = Counter(token if isinstance(token, bytes) else str(token).encode() for token in tokens)
    kept = [(count, token) for token, count in counts.items() if count >= min_count]
    return [token for _, token in sorted(kept, reverse=True) if token and not {10, 13} & set(token)]


def _array(tokens, kind: str) -> np.ndarray:
    """As tf.Transform hands it to an analyzer."""
    return tf.constant(tokens, tf.string if kind == "string" else tf.int64, shape=[len(tokens)]).numpy()


def _combine(columns, kinds, tree: random.Random) -> list:
    """Counts batches as Beam may: cut into bundles anywhere, merged in any tree, compacted at any time."""
    fn = vocabularies.CountTokens(len(columns))
    batches = list(zip(*columns, strict=True))
    accumulators = [fn.create_accumulator()]
    for batch in batches:
        if tree.random() < 0.4:
            accumulators.append(fn.create_accumulator())
        arrays = tuple(_array(tokens, kind) for tokens, kind in zip(batch, kinds, strict=True))
        accumulators[-1] = fn.add_input(accumulators[-1], arrays)
    while len(accumulators) > 1:
        tree.shuffle(accumulators)
        cut = tree.randint(2, len(accumulators))
        group = [fn.compact(one) if tree.random() < 0.3 else one for one in accumulators[:cut]]
        accumulators = [fn.merge_accumulators(group), *accumulators[cut:]]
    return fn.extract_output(accumulators[0])


@st.composite
def _counted_columns(draw):
    """Batches of two fields, one of each type."""
    num_batches = draw(st.integers(1, 6))
    return [
        draw(st.lists(st.lists(TOKENS[kind], max_size=12), min_size=num_batches, max_size=num_batches))
        for kind in ("string", "int64")
    ]


@settings(max_examples=150, deadline=None)
@given(columns=_counted_columns(), min_count=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_any_split_of_the_batches_gives_the_sorted_counts(columns, min_count, seed):
    outputs = _combine(columns, ("string", "int64"), random.Random(seed))
    for output, batches in zip(outputs, columns, strict=True):
        tokens = [token for batch in batches for token in batch]
        assert vocabularies.ordered_tokens(output, min_count) == _expected(tokens, min_count)


@settings(max_examples=60, deadline=None)
@given(columns=_counted_columns(), seed=st.integers(0, 2**32))
def test_summing_partial_counts_early_changes_nothing(columns, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabularies, "_PENDING_ROWS", 3)
        outputs = _combine(columns, ("string", "int64"), random.Random(seed))
    for output, batches in zip(outputs, columns, strict=True):
        tokens = [token for batch in batches for token in batch]
        assert vocabularies.ordered_tokens(output, 1) == _expected(tokens, 1)


def test_pending_rows_are_bounded(monkeypatch):
    monkeypatch.setattr(vocabularies, "_PENDING_ROWS", 5)
    fn = vocabularies.CountTokens(2)
    accumulator = fn.create_accumulator()
    for _ in range(50):
        accumulator = fn.add_input(accumulator, (np.arange(3), np.arange(2)))
        other = fn.add_input(fn.create_accumulator(), (np.arange(3), np.arange(2)))
        accumulator = fn.merge_accumulators([accumulator, other])
        # At most one summed table of 3 and one of 2 rows, and what may be pending.
        assert sum(table.num_rows for tables in accumulator for table in tables) <= 3 + 2 + 5
    first, second = fn.extract_output(accumulator)
    assert dict(zip(first["token"].to_pylist(), first["count"].to_pylist(), strict=True)) == {0: 100, 1: 100, 2: 100}
    assert dict(zip(second["token"].to_pylist(), second["count"].to_pylist(), strict=True)) == {0: 100, 1: 100}


def test_order_and_least_count_by_hand():
    (counts,) = _combine(
        [[[b"b", b"a", b"c", b"b", b"a", b"d", b"", b"", b"", b"x\ny", b"x\ny"]]], ["string"], random.Random(0)
    )
    assert vocabularies.ordered_tokens(counts, 1) == [b"b", b"a", b"d", b"c"]
    assert vocabularies.ordered_tokens(counts, 2) == [b"b", b"a"]
    assert vocabularies.ordered_tokens(counts, 3) == []
    assert vocabularies.ordered_tokens(counts, 1, top_k=3) == [b"b", b"a", b"d"]
    assert vocabularies.ordered_tokens(counts, 2, top_k=9) == [b"b", b"a"]


def test_numbers_tie_as_text():
    (counts,) = _combine([[[10, 9, -1, 100, 9, 10, -1, 100, 5]]], ["int64"], random.Random(0))
    assert vocabularies.ordered_tokens(counts, 1) == [b"9", b"100", b"10", b"-1", b"5"]


def test_no_batches_at_all():
    fn = vocabularies.CountTokens(2)
    outputs = fn.extract_output(fn.merge_accumulators([fn.create_accumulator(), fn.create_accumulator()]))
    assert [vocabularies.ordered_tokens(output, 1) for output in outputs] == [[], []]


# --- Through Beam, next to tf.Transform's own analyzer.

COLUMNS = ("nasty", "unicode", "ints", "int_extremes")
MIN_COUNT = {"nasty": 1, "unicode": 2, "ints": 3, "int_extremes": 1}
# Less than there are: among them tokens that are left out, and counts that tie.
TOP_K = {"nasty": 4, "unicode": None, "ints": 10, "int_extremes": None}


def _rows() -> list[dict]:
    """300 rows with 0 to 3 values of each column."""
    generator = random.Random(11)
    alphabet = ["a", "b", "é", "ß", "東", "🙂", "\x00", " ", "\n", "\u2028"]
    draw = {
        "nasty": lambda: generator.choice(NASTY_BYTES),
        "unicode": lambda: "".join(generator.choices(alphabet, k=generator.randint(0, 2))).encode(),
        "ints": lambda: int(generator.gauss(0, 60)),
        "int_extremes": lambda: generator.choice(NASTY_INTS),
    }
    return [{name: [draw[name]() for _ in range(generator.randint(0, 3))] for name in COLUMNS} for _ in range(300)]


def _analyze(rows, fn, spec, directory: Path) -> tft.TFTransformOutput:
    """Runs tf.Transform's analysis over batches of 32 rows."""
    raw_metadata = tft.DatasetMetadata.from_feature_spec(spec)
    options = PipelineOptions(["--runner=FnApiRunner"])
    with (
        tft_beam.Context(temp_dir=str(directory / "temp"), desired_batch_size=32),
        beam.Pipeline(options=options) as pipeline,
    ):
        raw = pipeline | beam.Create(rows, reshuffle=False)
        graph = (raw, raw_metadata) | tft_beam.AnalyzeDataset(fn)
        graph | tft_beam.WriteTransformFn(str(directory / "graph"))
        raw_metadata | tft_beam.WriteMetadata(str(directory / "graph" / "metadata"), pipeline)
    return tft.TFTransformOutput(str(directory / "graph"))


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory) -> tft.TFTransformOutput:
    """Each column's vocabulary, and its values' ids, once by `write_vocabularies` and once by `tft.vocabulary`."""
    fields = [Field(name=name, entity="item", min_count=MIN_COUNT[name], top_k=TOP_K[name]) for name in COLUMNS]

    def preprocessing_fn(inputs):
        values = [inputs[name].values for name in COLUMNS]
        outputs = {}
        for field, tokens, path in zip(fields, values, vocabularies.write_vocabularies(values, fields), strict=True):
            theirs = tft.vocabulary(
                tokens,
                top_k=field.top_k,
                frequency_threshold=field.min_count,
                vocab_filename=f"tft_{field.name}",
            )
            outputs[f"ours_{field.name}"] = tft.apply_vocabulary(tokens, path, num_oov_buckets=3)
            outputs[f"tft_{field.name}"] = tft.apply_vocabulary(tokens, theirs, num_oov_buckets=3)
        return outputs

    spec = {name: tf.io.VarLenFeature(tf.int64 if "int" in name else tf.string) for name in COLUMNS}
    return _analyze(_rows(), preprocessing_fn, spec, tmp_path_factory.mktemp("vocabularies"))


def _lines(graph: tft.TFTransformOutput, file_name: str) -> list[bytes]:
    content = Path(graph.vocabulary_file_by_name(file_name)).read_bytes()
    assert content.endswith(b"\n")
    return content[:-1].split(b"\n")


@pytest.mark.parametrize("column", COLUMNS)
def test_file_is_that_of_tft_vocabulary(both_ways, column):
    ours = _lines(both_ways, vocabularies.file_name(column))
    assert ours == _lines(both_ways, f"tft_{column}")
    tokens = [token for row in _rows() for token in row[column]]
    assert ours == _expected(tokens, MIN_COUNT[column])[: TOP_K[column]]
    # The columns are such that counts tie and, under a least count above 1, tokens are left out.
    assert len(set(Counter(tokens).values())) < len(set(tokens))
    assert (len(ours) < len(_expected(tokens, MIN_COUNT[column]))) == (TOP_K[column] is not None)
    assert (len(ours) < len(_expected(tokens, 1))) == (MIN_COUNT[column] > 1 or TOP_K[column] is not None)


@pytest.mark.parametrize("column", COLUMNS)
def test_ids_are_those_of_tft_vocabulary(both_ways, column):
    tokens = sorted({token for row in _rows() for token in row[column]})
    raw = {}
    for name, feature in both_ways.raw_feature_spec().items():
        values = tokens if name == column else []
        raw[name] = tf.SparseTensor(
            [[0, i] for i in range(len(values))] or np.zeros((0, 2), np.int64),
            tf.constant(values, feature.dtype, shape=[len(values)]),
            [1, len(values)],
        )
    transformed = both_ways.transform_raw_features(raw)
    ids = transformed[f"ours_{column}"].numpy()
    np.testing.assert_array_equal(ids, transformed[f"tft_{column}"])
    vocabulary = _expected([token for row in _rows() for token in row[column]], MIN_COUNT[column])[: TOP_K[column]]
    for token, found in zip(tokens, ids, strict=True):
        line = token if isinstance(token, bytes) else str(token).encode()
        if line in vocabulary:
            assert found == vocabulary.index(line)
        else:
            assert len(vocabulary) <= found < len(vocabulary) + 3


@pytest.mark.parametrize("encoding", ["string", "int64"])
def test_a_field_without_any_token_has_oov_ids_alone(encoding, tmp_path):
    """All values are missing, or all are rarer than `min_count`: every token is out of vocabulary, 0 is missing."""
    dtype, rare = (tf.string, [b"once"]) if encoding == "string" else (tf.int64, [17])
    fields = [
        Field(name="seen", entity="user"),
        Field(name="never", entity="item"),
        Field(name="rare", entity="item", min_count=5, oov_buckets=2),
    ]
    labels = {"click": [1], "conversion": [0]}
    rows = [{"seen": [4], "never": [], "rare": rare if row == 7 else [], **labels} for row in range(40)]
    spec = {
        "seen": tf.io.VarLenFeature(tf.int64),
        **{name: tf.io.VarLenFeature(dtype) for name in ("never", "rare")},
        **{label: tf.io.VarLenFeature(tf.int64) for label in labels},
    }
    config = {preprocessing.FIELDS_KEY: schema_fields.to_json(fields)}
    graph = _analyze(rows, lambda inputs: preprocessing.preprocessing_fn(inputs, config), spec, tmp_path)
    tokens = tf.sparse.from_dense(tf.constant([rare, rare], dtype))
    missing = tf.SparseTensor(tf.zeros([0, 2], tf.int64), tf.zeros([0], dtype), [2, 1])
    seen = tf.sparse.from_dense(tf.constant([[4], [5]], tf.int64))
    num_ids = trainer.embedding_rows(graph, tuple(fields))

    layer = graph.transform_features_layer()
    ids = layer({"seen": seen, "never": tokens, "rare": tokens})["ids"].numpy()
    np.testing.assert_array_equal(ids[:, 0], [1, 2])
    assert (ids[:, 1:] > 0).all()
    assert (ids < [num_ids[field.name] for field in fields]).all()
    ids = layer({"seen": seen, "never": missing, "rare": missing})["ids"].numpy()
    np.testing.assert_array_equal(ids, [[1, 0, 0], [2, 0, 0]])
