"""The whole transform over 20 rows written by hand, in training and in serving."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from models import trainer
from schema.fields import Field

FIELDS = (
    Field(name="user_id", entity="user", min_count=2),
    Field(name="city", entity="user", oov_buckets=3),
    Field(name="tags", entity="item", min_count=2, values=3),
    Field(name="price", entity="item", encoding="buckets", buckets=4),
    Field(name="stay", entity="user", encoding="log"),
    Field(name="first_tag", feature="tags", entity="item", min_count=4),
    Field(name="tags_length", feature="tags", entity="item", encoding="length", values=2),
    Field(name="age", entity="user", encoding="buckets", buckets=2),
    Field(name="views", entity="item", encoding="log"),
)
FEATURES = {
    "user_id": tf.int64,
    "city": tf.string,
    "tags": tf.string,
    "price": tf.float32,
    "age": tf.int64,
    "stay": tf.float32,
    "views": tf.int64,
}

# user_id: 7 five times, 100 and -3 three times ("1" sorts above "-"), 12 twice; 1 and 2 once, so OOV, which is 1; then
# missing.
USER_ID = [7, 7, 7, 7, 7, -3, -3, -3, 100, 100, 100, 12, 12, 1, 2, None, None, None, None, None]
USER_ID_IDS = [2, 2, 2, 2, 2, 4, 4, 4, 3, 3, 3, 5, 5, 1, 1, 0, 0, 0, 0, 0]

# city: behind three buckets ş, b and a, four times each, in descending order of bytes; c once. The empty one and the
# broken line are OOV.
CITY = ["a", "b", "ş", "", "x\ny", None, "a", "b", "ş", "", "x\ny", None, "a", "b", "ş", "", "c", "a", "b", "ş"]
CITY_IDS = [6, 5, 4, "", "x\ny", 0, 6, 5, 4, "", "x\ny", 0, 6, 5, 4, "", 7, 6, 5, 4]

# tags: x 7, y 5, w 5, z 3 times, q once. z is counted though it is never among a row's first three.
TAGS = ["xywz", "yxwz", "wwxzy", "x", "", "w", "yx", "xx", "", "q", "y", *[""] * 9]
TAGS_IDS = [
    *([2, 3, 4], [3, 2, 4], [4, 4, 2], [2, 0, 0], [0, 0, 0], [4, 0, 0], [3, 2, 0], [2, 2, 0], [0, 0, 0], [1, 0, 0]),
    *([3, 0, 0], *[[0, 0, 0]] * 9),
]
# Counted four times or more: x, y, w.
FIRST_TAG_IDS = [2, 3, 4, 2, 0, 4, 3, 2, 0, 1, 3, *[0] * 9]
TAGS_LENGTH_IDS = [2, 2, 2, 1, 0, 1, 2, 2, 0, 1, 1, *[0] * 9]

# price: 16 numbers, so four in each quarter.
PRICE = [0.5, 16, 1, 15, 2, 14, 3, 13, None, 4, 12, 5, None, 11, 6, None, 10, 7, 9, None]
PRICE_IDS = [1, 4, 1, 4, 1, 4, 1, 4, 0, 2, 3, 2, 0, 3, 2, 0, 3, 2, 3, 0]

# age: half are 30 or above.
AGE = [18, 30, 19, 31, 20, 32, 21, 33, 22, 34, 23, 35, 24, 36, 25, 37, 26, 38, 27, 39]
AGE_IDS = [1, 2] * 10

# stay: log(1 + |x|) with its sign is 0, 1, -1 and 2 in turn; views: 0 and 2 but for the missing ones.
E1, E2 = float(np.expm1(1)), float(np.expm1(2))
STAY = [0.0, E1, -E1, E2] * 4 + [None] * 4
STAY_LOGS = [0, 1, -1, 2] * 4
VIEWS = [0, None, 9] * 6 + [99, 0]

CLICK = [1, 0, 1, 0] * 5
CONVERSION = [1, 0, 0, 0] * 5


def _values(value) -> list:
    return [] if value is None else [value]


def _rows() -> list[dict]:
    columns = zip(USER_ID, CITY, TAGS, PRICE, AGE, STAY, VIEWS, CLICK, CONVERSION, strict=True)
    return [
        {
            "user_id": _values(user_id),
            "city": [text.encode() for text in _values(city)],
            "tags": [tag.encode() for tag in tags],
            "price": _values(price),
            "age": [age],
            "stay": _values(stay),
            "views": _values(views),
            "click": [click],
            "conversion": [conversion],
        }
        for user_id, city, tags, price, age, stay, views, click, conversion in columns
    ]


def _expected_ids() -> np.ndarray:
    # A bucket of three by TensorFlow's own hash.
    oov = {text: 1 + int(tf.strings.to_hash_bucket_fast(text, 3)) for text in ("", "x\ny")}
    city_ids = [oov.get(city_id, city_id) for city_id in CITY_IDS]
    columns = [USER_ID_IDS, city_ids, *zip(*TAGS_IDS, strict=True), PRICE_IDS, FIRST_TAG_IDS, TAGS_LENGTH_IDS, AGE_IDS]
    return np.array(columns).T


def _expected_dense() -> np.ndarray:
    def standardised(logs):
        return (np.array(logs) - np.mean(logs)) / np.std(logs)

    stay = np.concatenate([standardised(STAY_LOGS), np.zeros(4)])
    views = np.zeros(20)
    present = [place for place, value in enumerate(VIEWS) if value is not None]
    views[present] = standardised([np.log(1 + VIEWS[place]) for place in present])
    return np.stack([stay, views], axis=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory, run_preprocessing):
    return run_preprocessing(_rows(), FEATURES, FIELDS, tmp_path_factory.mktemp("transform"), batch_size=6)


@pytest.fixture(scope="module")
def transformed(run) -> dict[str, np.ndarray]:
    return run.features


@pytest.fixture(scope="module")
def graph(run) -> tft.TFTransformOutput:
    return run.graph


def test_outputs(transformed):
    assert {name: (values.dtype, values.shape) for name, values in transformed.items() if name != "row"} == {
        "ids": (np.int64, (20, 9)),
        "dense": (np.float32, (20, 2)),
        "click": (np.int64, (20,)),
        "conversion": (np.int64, (20,)),
    }


SLOTS = ["user_id", "city", "tags 0", "tags 1", "tags 2", "price", "first_tag", "tags_length", "age"]


@pytest.mark.parametrize("slot", range(9), ids=SLOTS)
def test_ids(transformed, slot):
    np.testing.assert_array_equal(transformed["ids"][:, slot], _expected_ids()[:, slot])


def test_dense(transformed):
    np.testing.assert_allclose(transformed["dense"], _expected_dense(), rtol=1e-5, atol=1e-6)


def test_labels(transformed):
    np.testing.assert_array_equal(transformed["click"], CLICK)
    np.testing.assert_array_equal(transformed["conversion"], CONVERSION)


def test_serving_gives_the_same_ids_without_labels(transformed, graph, serve):
    served = serve(graph, _rows())
    assert "click" not in served
    np.testing.assert_array_equal(served["ids"], transformed["ids"])
    np.testing.assert_array_equal(served["dense"], transformed["dense"])


@pytest.mark.parametrize("rows", [[0], [9, 2, 19], []], ids=["one", "three", "none"])
def test_serving_does_not_depend_on_the_batch(transformed, graph, serve, rows):
    served = serve(graph, [_rows()[row] for row in rows])
    np.testing.assert_array_equal(served["ids"], transformed["ids"][rows])
    np.testing.assert_array_equal(served["dense"], transformed["dense"][rows])


def test_serving_of_what_was_never_seen(graph, serve):
    new = {
        "user_id": [2**62],
        "city": ["東京".encode()],
        "tags": [b"new", b"x"],
        "price": [1e9],
        "age": [-5],
        "views": [0],
    }
    served = serve(graph, [new, {}])
    tokyo = 1 + int(tf.strings.to_hash_bucket_fast("東京", 3))
    np.testing.assert_array_equal(served["ids"], [[1, tokyo, 1, 2, 0, 4, 1, 2, 1], [0] * 9])
    np.testing.assert_allclose(served["dense"][0], [0, _expected_dense()[0, 1]], rtol=1e-5)
    np.testing.assert_array_equal(served["dense"][1], [0, 0])


def test_ids_fill_the_rows_of_the_table_and_no_more(graph):
    # Missing, OOV buckets, the tokens: 1 + 1 + 4; 1 + 3 + 4; 1 + 1 + 4; 1 + 4; 1 + 1 + 3; 1 + 2; 1 + 2.
    assert trainer.embedding_rows(graph, FIELDS) == {
        "user_id": 6,
        "city": 8,
        "tags": 6,
        "price": 5,
        "first_tag": 5,
        "tags_length": 3,
        "age": 3,
    }


def test_vocabulary_files(graph):
    assets = Path(graph.transform_savedmodel_dir) / "assets"
    assert sorted(path.name for path in assets.iterdir()) == [
        "vocabularies.json",
        "vocabularies_bytes",
        "vocabularies_int64",
    ]
    half = 5 * 10**14
    assert (assets / "vocabularies_int64").read_text() == "".join(
        f"{key}\n" for key in (0, half, 10**15 + 7, 10**15 + 100, 10**15 - 3, 10**15 + 12)
    )
    assert (assets / "vocabularies_bytes").read_text() == (
        "\t\n"
        "city\t\ncity\tş\ncity\tb\ncity\ta\ncity\tc\n"
        "tags\t\ntags\tx\ntags\ty\ntags\tw\ntags\tz\n"
        "first_tag\t\nfirst_tag\tx\nfirst_tag\ty\nfirst_tag\tw\n"
    )
    keys = ("field", "number", "feature", "dtype", "file", "first_line", "size", "oov_buckets")
    assert json.loads((assets / "vocabularies.json").read_text()) == [
        dict(zip(keys, values, strict=True))
        for values in (
            ("user_id", 1, "user_id", "int64", "vocabularies_int64", 2, 4, 1),
            ("city", 2, "city", "string", "vocabularies_bytes", 2, 4, 3),
            ("tags", 3, "tags", "string", "vocabularies_bytes", 7, 4, 1),
            ("first_tag", 4, "tags", "string", "vocabularies_bytes", 12, 3, 1),
        )
    ]


def test_vocabularies_read_back(graph, vocabularies_of):
    assert vocabularies_of(graph) == {
        "user_id": [b"7", b"100", b"-3", b"12"],
        "city": ["ş".encode(), b"b", b"a", b"c"],
        "tags": [b"x", b"y", b"w", b"z"],
        "first_tag": [b"x", b"y", b"w"],
    }
