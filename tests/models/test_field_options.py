"""Shared, hashed and cut vocabularies, and which values are kept, over rows by hand, in training and in serving."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from models import preprocessing, trainer
from models.embeddings import FusedEmbedding
from schema import fields as schema_fields
from schema.fields import Field

FIELDS = (
    Field(name="history", entity="user", vocabulary="video", values=2, keep="last"),
    Field(name="video", entity="item", min_count=2, oov_buckets=2),
    Field(name="first_seen", entity="user", feature="history", vocabulary="video"),
    Field(name="frequent", entity="item", feature="video", top_k=2),
    Field(name="video_hash", entity="item", feature="video", encoding="hash", buckets=5),
    Field(name="tags", entity="item", encoding="hash", buckets=7, values=3, keep="last"),
)
CONFIG = {preprocessing.FIELDS_KEY: schema_fields.to_json(FIELDS)}
SPEC = {
    "history": tf.io.VarLenFeature(tf.int64),
    "video": tf.io.VarLenFeature(tf.int64),
    "tags": tf.io.VarLenFeature(tf.string),
    "click": tf.io.VarLenFeature(tf.int64),
    "conversion": tf.io.VarLenFeature(tf.int64),
}

# Counted together: 30 four times (once as a video), 10 and 20 three times, 40 twice, 50 once, so it is out of it.
HISTORY = [[30, 20, 10], [30], [], [40, 30, 20, 10], [50, 40]]
VIDEO = [10, 20, 30, None, None]
TAGS = [["a", "b", "c", "d"], [], ["a"], ["d", "a"], ["", "a\nb", "ş"]]
ID = {30: 1, 20: 2, 10: 3, 40: 4}
# Videos alone: 30, 20 and 10 once each, "30" first in descending order; two of them are kept.
FREQUENT = [3, 2, 1, 0, 0]


def hashed(token: object, buckets: int) -> int:
    return 1 + int(tf.strings.to_hash_bucket_fast(str(token), buckets))


def expected() -> np.ndarray:
    out_of_it = 4 + int(tf.strings.to_hash_bucket_fast("50", 2)) + 1
    ids = {**ID, 50: out_of_it}

    def slots(values: list[int], count: int) -> list[int]:
        return values + [0] * (count - len(values))

    return np.array(
        [
            [
                *slots([ids[video] for video in history[-2:]], 2),
                0 if video is None else ids[video],
                ids[history[0]] if history else 0,
                frequent,
                0 if video is None else hashed(video, 5),
                *slots([hashed(tag, 7) for tag in tags[-3:]], 3),
            ]
            for history, video, tags, frequent in zip(HISTORY, VIDEO, TAGS, FREQUENT, strict=True)
        ]
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory, run_preprocessing) -> Path:
    path = tmp_path_factory.mktemp("transform")
    rows = [
        {
            "history": history,
            "video": [] if video is None else [video],
            "tags": [tag.encode() for tag in tags],
            "click": [0],
            "conversion": [0],
            "row": place,
        }
        for place, (history, video, tags) in enumerate(zip(HISTORY, VIDEO, TAGS, strict=True))
    ]

    spec = {**SPEC, "row": tf.io.FixedLenFeature([], tf.int64)}
    run_preprocessing(rows, spec, CONFIG, path, batch_size=2)
    return path


@pytest.fixture(scope="module")
def graph(directory) -> tft.TFTransformOutput:
    return tft.TFTransformOutput(str(directory / "graph"))


def test_ids(directory):
    rows = [pickle.loads(record) for record in tf.data.TFRecordDataset(str(directory / "rows")).as_numpy_iterator()]
    ids = np.stack([row["ids"] for row in sorted(rows, key=lambda row: row["row"])])
    # OOV of `frequent`: 10 is hashed into its one bucket, behind the two tokens.
    np.testing.assert_array_equal(ids, expected())


def test_serving_gives_the_same_ids(graph):
    raw = {
        "history": tf.ragged.constant(HISTORY, tf.int64).to_sparse(),
        "video": tf.ragged.constant([[] if v is None else [v] for v in VIDEO], tf.int64).to_sparse(),
        "tags": tf.ragged.constant(TAGS, tf.string).to_sparse(),
    }
    np.testing.assert_array_equal(graph.transform_features_layer()(raw)["ids"], expected())


def test_vocabularies_are_there_once(graph):
    assert Path(graph.vocabulary_file_by_name("vocabulary_video")).read_text() == "30\n20\n10\n40\n"
    assert Path(graph.vocabulary_file_by_name("vocabulary_frequent")).read_text() == "30\n20\n"
    assert graph.vocabulary_file_by_name("vocabulary_history") is None


def test_rows_of_the_table(graph):
    # video: missing, 4 tokens, 2 buckets; frequent: missing, 2 tokens, a bucket. A shared vocabulary has no rows.
    rows = {"video": 7, "frequent": 4, "video_hash": 6, "tags": 8}
    assert trainer.embedding_rows(graph, FIELDS) == rows
    embedding = FusedEmbedding(FIELDS, rows, 2, 1.0)
    assert embedding.table.shape == (7 + 4 + 6 + 8, 2)
    vectors = embedding(tf.constant(expected())).numpy().reshape(5, 6, 2)
    video, first_seen = vectors[:, 0], vectors[:, 1]  # fields of one value come first
    np.testing.assert_array_equal(first_seen[0], video[2])  # the user saw 30 first, the third row shows it
    history = vectors[:, 4]
    np.testing.assert_allclose(history[0], (video[1] + video[0]) / 2, rtol=1e-6)  # the last two: 20 and 10


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("slots", [1, 2, 5])
def test_values_kept_of_every_row(keep, slots):
    rows = [[], [1], [2, 3], [4, 5, 6], [], [7, 8, 9, 10, 11, 12], [13]]
    kept = preprocessing._to_slots(tf.ragged.constant(rows, tf.int64).to_sparse(), slots, keep).numpy()
    parts = [row[:slots] if keep == "first" else row[-slots:] for row in rows]
    np.testing.assert_array_equal(kept, [part + [0] * (slots - len(part)) for part in parts])
