"""Shared, hashed and cut vocabularies, weights, and which values are kept, over rows by hand, trained and served."""

import numpy as np
import pytest
import tensorflow as tf

from models import trainer
from models.embeddings import FusedEmbedding
from schema.fields import Field

FIELDS = (
    Field(name="history", entity="user", vocabulary="video", values=2, keep="last"),
    Field(name="video", entity="item", min_count=2, oov_buckets=2),
    Field(name="first_seen", entity="user", feature="history", vocabulary="video"),
    Field(name="frequent", entity="item", feature="video", top_k=2),
    Field(name="video_hash", entity="item", feature="video", encoding="hash", buckets=5),
    Field(name="tags", entity="item", encoding="hash", buckets=7, values=3, keep="last"),
    Field(name="topics", entity="item", values=2, weights="topic_weights", keep="heaviest"),
    Field(name="first_topics", entity="item", feature="topics", vocabulary="topics", values=2, weights="topic_weights"),
    Field(
        name="last_topics",
        entity="item",
        feature="topics",
        encoding="hash",
        buckets=9,
        values=2,
        weights="topic_weights",
        keep="last",
    ),
    Field(name="stays", entity="user", encoding="buckets", buckets=2, values=2, keep="last"),
    Field(
        name="long_stays",
        entity="user",
        feature="stays",
        encoding="buckets",
        buckets=2,
        values=2,
        weights="stay_weights",
        keep="heaviest",
    ),
    Field(name="weighted_video", entity="item", feature="video", vocabulary="video", weights="video_weight"),
)
DTYPES = {
    "history": tf.int64,
    "video": tf.int64,
    "video_weight": tf.float32,
    "tags": tf.string,
    "topics": tf.string,
    "topic_weights": tf.float32,
    "stays": tf.float32,
    "stay_weights": tf.float32,
}

# Counted together: 30 four times (once as a video), 10 and 20 three times, 40 twice, 50 once, so it is out of it. The
# first two ids are for such.
HISTORY = [[30, 20, 10], [30], [], [40, 30, 20, 10], [50, 40]]
VIDEO = [[10], [20], [30], [], []]
ID = {30: 3, 20: 4, 10: 5, 40: 6}
# Videos alone: 30, 20 and 10 once each, "30" first in descending order; two of them are kept.
FREQUENT = [1, 3, 2, 0, 0]
VIDEO_WEIGHT = [[2.5], [], [0.0], [4.0], []]
WEIGHTED_VIDEO = [2.5, 1, 0, 0, 0]

TAGS = [["a", "b", "c", "d"], [], ["a"], ["d", "a"], ["", "a\nb", "ş"]]

# y 4, x 3, z 2, w once; the first id is for OOV.
TOPICS = [["x", "y", "z"], ["y"], [], ["z", "x", "y", "x"], ["y", "w"]]
TOPIC_WEIGHTS = [[0.5, 2, 1], [], [3], [1, np.nan, 0.5, 4], [2, 2, 7]]
# In the fourth row z and the first x weigh 1, the one by its weight and the other for want of a number.
HEAVIEST_TOPICS = [[2, 4], [2, 0], [0, 0], [4, 3], [2, 5]]
HEAVIEST_WEIGHTS = [[2, 1], [1, 0], [0, 0], [1, 4], [2, 2]]
FIRST_TOPICS = [[3, 2], [2, 0], [0, 0], [4, 3], [2, 5]]
FIRST_WEIGHTS = [[0.5, 2], [1, 0], [0, 0], [1, 1], [2, 2]]
LAST_WEIGHTS = [[2, 1], [1, 0], [0, 0], [0.5, 4], [2, 2]]

# Of eight numbers the four from 5 on are in the upper half.
STAYS = [[1, 2], [3], [4, 5, 6, 7], [], [8]]
STAY_WEIGHTS = [[], [0.5, 0.5], [1, 9, 2, 9], [1], [0]]
LAST_STAYS = [[1, 1], [1, 0], [2, 2], [0, 0], [2, 0]]
LONG_STAYS = [[1, 1], [1, 0], [2, 2], [0, 0], [2, 0]]
FIRST_STAYS = [[1, 1], [1, 0], [1, 2], [0, 0], [2, 0]]
LONG_STAY_WEIGHTS = [[1, 1], [0.5, 0], [9, 9], [0, 0], [0, 0]]


# Where a field's slots begin.
SLOT = dict(zip([field.name for field in FIELDS], np.cumsum([0, 2, 1, 1, 1, 1, 3, 2, 2, 2, 2, 2]), strict=True))


def hashed(token: object, buckets: int) -> int:
    return 1 + int(tf.strings.to_hash_bucket_fast(str(token), buckets))


def slots(values: list[int], count: int) -> list[int]:
    return values + [0] * (count - len(values))


def expected_ids() -> np.ndarray:
    ids = {**ID, 50: hashed(50, 2)}
    columns = [
        [slots([ids[video] for video in history[-2:]], 2) for history in HISTORY],
        [slots([ids[video] for video in videos], 1) for videos in VIDEO],
        [slots([ids[video] for video in history[:1]], 1) for history in HISTORY],
        [[frequent] for frequent in FREQUENT],
        [slots([hashed(video, 5) for video in videos], 1) for videos in VIDEO],
        [slots([hashed(tag, 7) for tag in tags[-3:]], 3) for tags in TAGS],
        HEAVIEST_TOPICS,
        FIRST_TOPICS,
        [slots([hashed(topic, 9) for topic in topics[-2:]], 2) for topics in TOPICS],
        LAST_STAYS,
        LONG_STAYS,
        [slots([ids[video] for video in videos], 1) for videos in VIDEO],
    ]
    return np.concatenate(columns, axis=1)


def expected_weights() -> np.ndarray:
    weights = [HEAVIEST_WEIGHTS, FIRST_WEIGHTS, LAST_WEIGHTS, LONG_STAY_WEIGHTS, np.array(WEIGHTED_VIDEO)[:, None]]
    return np.concatenate(weights, axis=1)


def rows() -> list[dict]:
    columns = zip(HISTORY, VIDEO, VIDEO_WEIGHT, TAGS, TOPICS, TOPIC_WEIGHTS, STAYS, STAY_WEIGHTS, strict=True)
    named = [dict(zip(DTYPES, values, strict=True)) for values in columns]
    texts = [name for name, dtype in DTYPES.items() if dtype == tf.string]
    return [{**row, **{name: [text.encode() for text in row[name]] for name in texts}} for row in named]


@pytest.fixture(scope="module")
def run(tmp_path_factory, run_preprocessing):
    return run_preprocessing(rows(), DTYPES, FIELDS, tmp_path_factory.mktemp("transform"), batch_size=2)


def test_ids(run):
    # OOV of `frequent`: 10 is hashed into its one bucket.
    np.testing.assert_array_equal(run.features["ids"], expected_ids())


def test_weights(run):
    assert run.features["weights"].dtype == np.float32
    np.testing.assert_array_equal(run.features["weights"], expected_weights())


@pytest.mark.parametrize("batch", [[0, 1, 2, 3, 4], [3], [2], [4, 0], []])
def test_serving_gives_the_same(run, serve, batch):
    served = serve(run.graph, [rows()[row] for row in batch])
    assert served.keys() == {"ids", "weights"}
    np.testing.assert_array_equal(served["ids"], expected_ids()[batch])
    np.testing.assert_array_equal(served["weights"], expected_weights()[batch])


def test_serving_of_rows_without_their_weights(run, serve):
    unweighted = [{name: row[name] for name in row if "weight" not in name} for row in rows()]
    served = serve(run.graph, unweighted)
    # All values weigh 1, so that the first ones are the heaviest.
    ids = expected_ids()
    ids[:, SLOT["topics"] : SLOT["first_topics"]] = FIRST_TOPICS
    ids[:, SLOT["long_stays"] : SLOT["weighted_video"]] = FIRST_STAYS
    np.testing.assert_array_equal(served["ids"], ids)
    weighted = np.r_[SLOT["topics"] : SLOT["stays"], SLOT["long_stays"] : SLOT["weighted_video"] + 1]
    np.testing.assert_array_equal(served["weights"], ids[:, weighted] != 0)


def test_vocabularies_are_there_once(run, vocabularies_of):
    assert vocabularies_of(run.graph) == {
        "video": [b"30", b"20", b"10", b"40"],
        "frequent": [b"30", b"20"],
        "topics": [b"y", b"x", b"z", b"w"],
    }


def test_rows_of_the_table(run):
    rows = trainer.embedding_rows(run.graph, FIELDS)
    # Missing, the buckets, the tokens: 1 + 2 + 4, 1 + 1 + 2, 1 + 1 + 4. A shared vocabulary has no rows.
    assert rows == {
        "video": 7,
        "frequent": 4,
        "video_hash": 6,
        "tags": 8,
        "topics": 6,
        "last_topics": 10,
        "stays": 3,
        "long_stays": 3,
    }
    embedding = FusedEmbedding(FIELDS, rows, 2, 1.0)
    assert embedding.table.shape == (7 + 4 + 6 + 8 + 6 + 10 + 3 + 3, 2)
    ids, weights = tf.constant(expected_ids()), tf.constant(expected_weights(), tf.float32)
    vectors = embedding(ids, weights).numpy().reshape(5, 12, 2)
    video, first_seen = vectors[:, 0], vectors[:, 1]  # fields of one value come first
    np.testing.assert_array_equal(first_seen[0], video[2])  # the user saw 30 first, the third row shows it
    history, topics, first_topics, weighted_video = (vectors[:, place] for place in (4, 6, 7, 11))
    np.testing.assert_allclose(history[0], (video[1] + video[0]) / 2, rtol=1e-6)  # the last two: 20 and 10
    topic = embedding.table.numpy()[7 + 4 + 6 + 8 :]
    np.testing.assert_allclose(topics[0], (2 * topic[2] + topic[4]) / 3, rtol=1e-5)
    np.testing.assert_allclose(first_topics[0], (0.5 * topic[3] + 2 * topic[2]) / 2.5, rtol=1e-5)
    np.testing.assert_allclose(weighted_video, [video[0], video[1], [0, 0], [0, 0], [0, 0]], rtol=1e-6)
