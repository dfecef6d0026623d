"""Holding out examples of real files, and AUCs against a count of pairs."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import tensorflow as tf

from models import inputs, validation
from models.conversion_model import Priors
from models.esmm import EsmmModel
from models.network import Shape
from models.settings import ModelSettings
from schema import blocks
from schema.fields import Field

SPEC = {
    "ids": tf.io.FixedLenFeature([1], tf.int64),
    "click": tf.io.FixedLenFeature([], tf.int64),
    "conversion": tf.io.FixedLenFeature([], tf.int64),
}


HELD_OUT_SPEC = {
    **SPEC,
    "ids": tf.io.FixedLenFeature([2], tf.int64),
    "weights": tf.io.FixedLenFeature([1], tf.float32),
}
Row = tuple[int, int, int, int, float]


def _blocks(rows: Sequence[Row]) -> list[bytes]:
    """Of rows of click, conversion, two ids and a weight."""
    click, conversion, *ids, weights = np.array(rows).T
    labels_and_ids = {"click": click, "conversion": conversion, "ids": np.stack(ids, axis=1)}
    integers = {name: values.astype(np.int64) for name, values in labels_and_ids.items()}
    return blocks.encode(integers | {"weights": weights.astype(np.float32)})


def _rows(path: str) -> list[Row]:
    (batch,) = inputs.read_packed([path], HELD_OUT_SPEC, 100_000)
    return list(map(tuple, np.column_stack([batch[name] for name in HELD_OUT_SPEC])[:, [2, 3, 0, 1, 4]].tolist()))


def test_each_example_is_on_one_side_and_those_of_equal_ids_on_the_same(write_records, tmp_path):
    rows = [(0, 0, number % 200, number // 200, 0.5) for number in range(20_000)]
    others = [(1, 0, number, 0, 2.5) for number in range(200)]
    files = [write_records("a-1.gz", _blocks(rows[:9_000])), write_records("a-2.gz", _blocks(rows[9_000:] + others))]
    train, held_out = map(_rows, validation.hold_out(files, HELD_OUT_SPEC, 0.2, str(tmp_path)))
    assert sorted(train + held_out) == sorted(rows + others)
    for number in range(200):
        assert (rows[number] in held_out) == (others[number] in held_out)
    # 20,000 draws of probability 0.2: five standard deviations are 283.
    assert len(set(held_out) & set(rows)) == pytest.approx(4_000, abs=283)


def test_order_and_number_of_the_files_do_not_matter(write_records, tmp_path):
    rows = [(0, 0, 7, number, 1) for number in range(1_000)]
    write_records("b-1.gz", _blocks(rows[500:]))
    write_records("b-2.gz", _blocks(rows[:500]))
    one = write_records("all.gz", _blocks(rows))
    (tmp_path / "one").mkdir()
    of_two = validation.hold_out([f"{tmp_path}/b-*.gz"], HELD_OUT_SPEC, 0.3, str(tmp_path))
    of_one = validation.hold_out([one], HELD_OUT_SPEC, 0.3, str(tmp_path / "one"))
    for several, single in zip(of_two, of_one, strict=True):
        assert set(_rows(several)) == set(_rows(single))
        assert _rows(several) == sorted(_rows(several), key=(rows[500:] + rows[:500]).index)


def _pairs_in_order(labels: np.ndarray, scores: np.ndarray) -> float:
    pairs = list(product(scores[labels == 1], scores[labels == 0]))
    return sum((one > other) + 0.5 * (one == other) for one, other in pairs) / len(pairs)


def test_aucs_count_pairs_in_the_space_of_each_output(write_records):
    random = np.random.default_rng(5)
    ids = random.integers(1, 30, 500)  # few, so that scores tie
    click = (random.random(500) < ids / 40).astype(int)
    conversion = click * (random.random(500) < ids / 60)

    features = {"click": click, "conversion": conversion, "ids": ids[:, None]}
    file = write_records("held_out.gz", blocks.encode(features))
    tf.keras.utils.set_random_seed(1)
    settings = ModelSettings(embedding_dim=2, embedding_stddev=1.0, hidden_units=(4,))
    model = EsmmModel(Shape((Field(name="user_id", entity="user"),), {"user_id": 30}, settings), Priors(0.3, 0.2))
    outputs = {name: values.numpy() for name, values in model({"ids": tf.constant(ids[:, None], tf.int64)}).items()}
    clicked = click == 1
    assert validation.aucs(model, [file], SPEC) == {
        "ctr_auc_all": pytest.approx(_pairs_in_order(click, outputs["pctr"]), abs=1e-9),
        "cvr_auc_clicked": pytest.approx(_pairs_in_order(conversion[clicked], outputs["pcvr"][clicked]), abs=1e-9),
        "ctcvr_auc_all": pytest.approx(_pairs_in_order(conversion, outputs["pctcvr"]), abs=1e-9),
    }
