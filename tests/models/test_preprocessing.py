"""The whole transform over 20 rows written by hand, in training and in serving."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from models import preprocessing, trainer
from schema import fields as schema_fields
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
CONFIG = {preprocessing.FIELDS_KEY: schema_fields.to_json(FIELDS)}
FEATURES = {
    "user_id": tf.int64,
    "city": tf.string,
    "tags": tf.string,
    "price": tf.float32,
    "age": tf.int64,
    "stay": tf.float32,
    "views": tf.int64,
}
SPEC = {name: tf.io.VarLenFeature(dtype) for name, dtype in FEATURES.items()}
LABELS = {label: tf.io.VarLenFeature(tf.int64) for label in ("click", "conversion")}

# user_id: 7 five times, 100 and -3 three times ("1" sorts above "-"), 12 twice; 1 and 2 once, so OOV; then missing.
USER_ID = [7, 7, 7, 7, 7, -3, -3, -3, 100, 100, 100, 12, 12, 1, 2, None, None, None, None, None]
USER_ID_IDS = [1, 1, 1, 1, 1, 3, 3, 3, 2, 2, 2, 4, 4, 5, 5, 0, 0, 0, 0, 0]

# city: ş, b and a four times each, in descending order of bytes; c once. The empty one and the broken line are OOV.
CITY = ["a", "b", "ş", "", "x\ny", None, "a", "b", "ş", "", "x\ny", None, "a", "b", "ş", "", "c", "a", "b", "ş"]
CITY_IDS = [3, 2, 1, "", "x\ny", 0, 3, 2, 1, "", "x\ny", 0, 3, 2, 1, "", 4, 3, 2, 1]

# tags: x 7, y 5, w 5, z 3 times, q once. z is counted though it is never among a row's first three.
TAGS = ["xywz", "yxwz", "wwxzy", "x", "", "w", "yx", "xx", "", "q", "y", *[""] * 9]
TAGS_IDS = [
    *([1, 2, 3], [2, 1, 3], [3, 3, 1], [1, 0, 0], [0, 0, 0], [3, 0, 0], [2, 1, 0], [1, 1, 0], [0, 0, 0], [5, 0, 0]),
    *([2, 0, 0], *[[0, 0, 0]] * 9),
]
# Counted four times or more: x, y, w.
FIRST_TAG_IDS = [1, 2, 3, 1, 0, 3, 2, 1, 0, 4, 2, *[0] * 9]
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
    # Behind the four cities, a bucket of three by TensorFlow's own hash.
    oov = {text: 5 + int(tf.strings.to_hash_bucket_fast(text, 3)) for text in ("", "x\ny")}
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
def directory(tmp_path_factory, run_preprocessing) -> Path:
    """Where Beam left the transformed rows and the graph."""
    path = tmp_path_factory.mktemp("transform")
    rows = [{**row, "row": place} for place, row in enumerate(_rows())]
    spec = {**SPEC, **LABELS, "row": tf.io.FixedLenFeature([], tf.int64)}

    run_preprocessing(rows, spec, CONFIG, path, batch_size=6)
    return path


@pytest.fixture(scope="module")
def transformed(directory) -> dict[str, np.ndarray]:
    rows = [pickle.loads(record) for record in tf.data.TFRecordDataset(str(directory / "rows")).as_numpy_iterator()]
    rows.sort(key=lambda row: row["row"])
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module")
def graph(directory) -> tft.TFTransformOutput:
    return tft.TFTransformOutput(str(directory / "graph"))


def _serve(graph: tft.TFTransformOutput, rows: list[dict]) -> dict[str, np.ndarray]:
    """As a server does: serialized examples without labels, through the saved graph."""
    examples = []
    for row in rows:
        features = {}
        for name, dtype in FEATURES.items():
            values = row.get(name, [])
            if dtype == tf.int64:
                features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
            elif dtype == tf.float32:
                features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
            else:
                features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        examples.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    raw = tf.io.parse_example(tf.constant(examples, tf.string, shape=[len(rows)]), SPEC)
    return {name: tensor.numpy() for name, tensor in graph.transform_features_layer()(raw).items()}


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


def test_serving_gives_the_same_ids_without_labels(transformed, graph):
    served = _serve(graph, _rows())
    assert "click" not in served
    np.testing.assert_array_equal(served["ids"], transformed["ids"])
    np.testing.assert_array_equal(served["dense"], transformed["dense"])


@pytest.mark.parametrize("rows", [[0], [9, 2, 19], []], ids=["one", "three", "none"])
def test_serving_does_not_depend_on_the_batch(transformed, graph, rows):
    served = _serve(graph, [_rows()[row] for row in rows])
    np.testing.assert_array_equal(served["ids"], transformed["ids"][rows])
    np.testing.assert_array_equal(served["dense"], transformed["dense"][rows])


def test_serving_of_what_was_never_seen(graph):
    new = {
        "user_id": [2**62],
        "city": ["東京".encode()],
        "tags": [b"new", b"x"],
        "price": [1e9],
        "age": [-5],
        "views": [0],
    }
    served = _serve(graph, [new, {}])
    tokyo = 5 + int(tf.strings.to_hash_bucket_fast("東京", 3))
    np.testing.assert_array_equal(served["ids"], [[5, tokyo, 5, 1, 0, 4, 4, 2, 1], [0] * 9])
    np.testing.assert_allclose(served["dense"][0], [0, _expected_dense()[0, 1]], rtol=1e-5)
    np.testing.assert_array_equal(served["dense"][1], [0, 0])


def test_ids_fill_the_rows_of_the_table_and_no_more(graph):
    # Missing, the ids, OOV buckets: 1 + 4 + 1; 1 + 4 + 3; 1 + 4 + 1; 1 + 4; 1 + 3 + 1; 1 + 2; 1 + 2.
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
    lines = {
        name: Path(graph.vocabulary_file_by_name(f"vocabulary_{name}")).read_bytes().split(b"\n")
        for name in ("user_id", "city", "tags", "first_tag")
    }
    assert lines == {
        "user_id": [b"7", b"100", b"-3", b"12", b""],
        "city": ["ş".encode(), b"b", b"a", b"c", b""],
        "tags": [b"x", b"y", b"w", b"z", b""],
        "first_tag": [b"x", b"y", b"w", b""],
    }
