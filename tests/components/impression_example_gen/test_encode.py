"""Record batches to tf.Examples, read back by TensorFlow's own proto and parser."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.impression_example_gen.encode import encode_examples, encode_features, with_features


def examples(**columns: pa.Array) -> list[dict[str, list]]:
    """Values by feature of each row."""
    parsed = [tf.train.Example.FromString(e) for e in encode_examples(pa.RecordBatch.from_pydict(columns))]
    return [{name: values(feature) for name, feature in p.features.feature.items()} for p in parsed]


def values(feature: tf.train.Feature) -> list:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def test_an_example_field_by_field():
    batch = pa.RecordBatch.from_pydict(
        {
            "user_id": pa.array([7], pa.int64()),
            "score": pa.array([0.5], pa.float32()),
            "city": pa.array([b"K\xc3\xb6ln"], pa.binary()),
            "tags": pa.array([[b"a", b"b"]], pa.list_(pa.binary())),
        }
    )
    (encoded,) = encode_examples(batch)
    expected = tf.train.Example(
        features=tf.train.Features(
            feature={
                "user_id": tf.train.Feature(int64_list=tf.train.Int64List(value=[7])),
                "score": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])),
                "city": tf.train.Feature(bytes_list=tf.train.BytesList(value=["Köln".encode()])),
                "tags": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"a", b"b"])),
            }
        )
    )
    assert tf.train.Example.FromString(encoded) == expected


def test_a_null_is_a_feature_without_values():
    rows = examples(
        i=pa.array([1, None, 3], pa.int64()),
        f=pa.array([None, 2.5, None], pa.float32()),
        b=pa.array([b"", None, b"z"], pa.binary()),
    )
    assert rows == [
        {"i": [1], "f": [], "b": [b""]},
        {"i": [], "f": [2.5], "b": []},
        {"i": [3], "f": [], "b": [b"z"]},
    ]


@pytest.mark.parametrize("arrow_type", [pa.int64(), pa.float32(), pa.binary()])
def test_a_column_of_nulls(arrow_type):
    assert examples(x=pa.nulls(2, arrow_type), n=pa.array([1, 2])) == [{"x": [], "n": [1]}, {"x": [], "n": [2]}]


def test_lists_empty_and_null():
    rows = examples(
        ids=pa.array([[3, 1, 2], [], None, [9]], pa.list_(pa.int64())),
        tags=pa.array([None, [b"x", b""], [b"y"], []], pa.list_(pa.binary())),
    )
    assert rows == [
        {"ids": [3, 1, 2], "tags": []},
        {"ids": [], "tags": [b"x", b""]},
        {"ids": [], "tags": [b"y"]},
        {"ids": [9], "tags": []},
    ]


def test_extreme_values_survive():
    rows = examples(
        i=pa.array([-(2**63), 2**63 - 1], pa.int64()),
        f=pa.array([float("inf"), np.float32(1e-45)], pa.float32()),
        b=pa.array([bytes(range(256)), b"\0" * 1000], pa.binary()),
    )
    assert [row["i"] for row in rows] == [[-(2**63)], [2**63 - 1]]
    assert rows[0]["f"] == [float("inf")]
    assert rows[1]["f"] == [float(np.float32(1e-45))] != [0.0]
    assert [row["b"] for row in rows] == [[bytes(range(256))], [b"\0" * 1000]]


def test_a_slice_of_a_batch_encodes_its_own_rows():
    whole = pa.RecordBatch.from_pydict(
        {
            "i": pa.array([1, None, 3, 4], pa.int64()),
            "l": pa.array([[1], [2, 2], None, [4]], pa.list_(pa.int64())),
        }
    )
    part = whole.slice(1, 2)
    assert examples(**dict(zip(part.schema.names, part.columns, strict=True))) == [
        {"i": [], "l": [2, 2]},
        {"i": [3], "l": []},
    ]


def test_no_rows():
    assert encode_examples(pa.RecordBatch.from_pydict({"i": pa.array([], pa.int64())})) == []


def test_column_order_does_not_matter():
    a, b = pa.array([1, 2]), pa.array([b"x", None])
    assert examples(a=a, b=b) == examples(b=b, a=a) == [{"a": [1], "b": [b"x"]}, {"a": [2], "b": []}]


def test_tensorflow_parses_what_was_encoded():
    batch = pa.RecordBatch.from_pydict(
        {
            "i": pa.array([5, None], pa.int64()),
            "s": pa.array([b"x", b"y"], pa.binary()),
            "l": pa.array([None, [1.5, 2.5]], pa.list_(pa.float32())),
        }
    )
    parsed = tf.io.parse_example(
        encode_examples(batch),
        {
            "i": tf.io.FixedLenFeature([1], tf.int64, default_value=[-1]),
            "s": tf.io.FixedLenFeature([1], tf.string),
            "l": tf.io.RaggedFeature(tf.float32),
        },
    )
    assert parsed["i"].numpy().tolist() == [[5], [-1]]
    assert parsed["s"].numpy().tolist() == [[b"x"], [b"y"]]
    assert parsed["l"].to_list() == [[], [1.5, 2.5]]


# --- Features that many examples share.


def joined(own: pa.RecordBatch, common: pa.RecordBatch) -> list[bytes]:
    return with_features(encode_examples(own), encode_features(common))


def at_once(own: pa.RecordBatch, common: pa.RecordBatch) -> list[tf.train.Example]:
    names = [*own.schema.names, *common.schema.names]
    batch = pa.RecordBatch.from_arrays([*own.columns, *common.columns], names=names)
    return [tf.train.Example.FromString(example) for example in encode_examples(batch)]


COLUMNS = {
    "i": st.none() | st.integers(-(2**63), 2**63 - 1),
    "f": st.none() | st.floats(width=32, allow_nan=False),
    "s": st.none() | st.binary(max_size=200),
    "l": st.none() | st.lists(st.integers(0, 2**40), max_size=30),
}
TYPES = {"i": pa.int64(), "f": pa.float32(), "s": pa.binary(), "l": pa.list_(pa.int64())}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.fixed_dictionaries({**COLUMNS, **{f"u{n}": v for n, v in COLUMNS.items()}}), min_size=1, max_size=5))
def test_joined_features_are_those_encoded_at_once(rows):
    own, common = (
        pa.RecordBatch.from_pydict({f"{u}{n}": pa.array([row[f"{u}{n}"] for row in rows], TYPES[n]) for n in TYPES})
        for u in ("", "u")
    )
    assert [tf.train.Example.FromString(example) for example in joined(own, common)] == at_once(own, common)


def batch_of(name: str, size: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: pa.array([b"x" * size], pa.binary())})


def sized(name: str, size: int) -> pa.RecordBatch:
    """A batch of one row whose features take so many bytes."""
    for payload in range(max(0, size - 40), size):
        if len(encode_features(batch_of(name, payload))[0]) == size:
            return batch_of(name, payload)
    raise AssertionError(f"no features of {size} bytes")


# A length below 128 takes a byte, below 16,384 two, below 2,097,152 three.
BORDERS = [126, 127, 128, 129, 130, 16_382, 16_383, 16_384, 16_385, 16_390, 2_097_151, 2_097_152, 2_097_160]


@pytest.mark.parametrize("total", BORDERS)
@pytest.mark.parametrize("own", [25, 40, 100])
def test_lengths_around_those_that_take_another_byte(own, total):
    """Of the whole, of the example alone, and of the common features alone."""
    batch, common = sized("own", own), sized("common", total - own)
    (example,) = joined(batch, common)
    assert [tf.train.Example.FromString(example)] == at_once(batch, common)
    assert len(example) == total + 2 + (total > 127) + (total > 16_383) + (total > 2_097_151)


@pytest.mark.parametrize(
    "payload", [90, 100, 104, 105, 106, 107, 108, 110, 16_355, 16_360, 16_361, 16_362, 16_363, 16_370]
)
def test_features_are_what_stands_behind_the_length_whatever_it_takes(payload):
    batch = batch_of("name", payload)
    (example,) = encode_examples(batch)
    (features,) = encode_features(batch)
    assert tf.train.Features.FromString(features) == tf.train.Example.FromString(example).features
    assert example.endswith(features)
    assert len(example) - len(features) == 2 + (len(features) > 127) + (len(features) > 16_383)


def test_no_common_features():
    batch = batch_of("own", 10)
    assert with_features(encode_examples(batch), [b""]) == encode_examples(batch)


def test_common_features_of_another_number_of_examples():
    with pytest.raises(ValueError, match="zip"):
        with_features(encode_examples(batch_of("own", 1)), [])
