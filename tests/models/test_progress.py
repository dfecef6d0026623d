"""Progress records of real training, and how often they come."""

import logging

import pytest
import tensorflow as tf

from models import progress
from models.conversion_model import WAITING, Priors
from models.esmm import EsmmModel
from models.network import Shape
from models.position import Place, Position
from models.progress import ProgressCallback
from models.settings import ModelSettings
from schema.fields import Field

START = Place()


class _Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def records(caplog):
    """Gives the progress records logged so far."""
    caplog.set_level(logging.INFO, logger="esmm.progress")
    return lambda: [record for record in caplog.records if record.name == "esmm.progress"]


def _model() -> EsmmModel:
    settings = ModelSettings(embedding_dim=2, hidden_units=(2,))
    return EsmmModel(Shape((Field(name="user_id", entity="user"),), {"user_id": 4}, settings), Priors(0.5, 0.5))


def _progress(examples: int, batch_size: int, epochs: int, start: Place = START) -> ProgressCallback:
    position = Position(-(-examples // batch_size), start)
    return ProgressCallback(position, examples, batch_size, epochs)


def _fit(callback: ProgressCallback, epochs: int):
    """10 examples in batches of 4."""
    tf.keras.utils.set_random_seed(0)
    model = _model()
    model.compile(optimizer=tf.keras.optimizers.legacy.Adam(0.05))
    examples = {
        "ids": tf.constant([[i % 4] for i in range(10)], tf.int64),
        "click": tf.constant([i % 2 for i in range(10)], tf.int64),
        "conversion": tf.constant([i % 4 == 1 for i in range(10)]),
    }
    data = tf.data.Dataset.from_tensor_slices(examples).batch(4)
    return model.fit(data, epochs=epochs, verbose=0, callbacks=[callback._position, callback]).history


def test_every_step_of_a_training(monkeypatch, records):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_RECORDS", 0.0)
    history = _fit(_progress(examples=10, batch_size=4, epochs=2), epochs=2)
    reports = [record.progress for record in records()]
    assert [report["step"] for report in reports] == [1, 2, 3, 4, 5, 6]
    assert {report["steps"] for report in reports} == {6}
    assert [report["epoch"] for report in reports] == [1, 1, 1, 2, 2, 2]
    assert {report["epochs"] for report in reports} == {2}
    for report, epoch in ((reports[2], 0), (reports[5], 1)):
        assert report["loss"] == pytest.approx(history["ctr_loss"][epoch] + history["ctcvr_loss"][epoch], rel=1e-6)
    assert all(report["examples_per_second"] > 0 for report in reports)


def test_quick_epochs_still_log_their_last_step(monkeypatch, records):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_RECORDS", 1e9)
    monkeypatch.setattr(progress, "time", _Clock())
    callback = _progress(examples=10, batch_size=4, epochs=3)
    callback.set_model(_model())
    progress.time.now += 1
    for epoch in range(3):
        callback._position.on_epoch_begin(epoch)
        callback.on_epoch_begin(epoch)
        for batch in range(3):
            callback._position.on_train_batch_end(batch)
            callback.on_train_batch_end(batch, {"ctr_loss": 0.5, "ctcvr_loss": 0.25})
    assert [record.progress["step"] for record in records()] == [3, 6, 9]


def test_numbers_and_at_most_two_records_a_second(monkeypatch, records):
    clock = _Clock()
    monkeypatch.setattr(progress, "time", clock)
    callback = _progress(examples=1001, batch_size=100, epochs=2)  # 11 steps an epoch, the last of 1 example
    callback.set_model(_model())
    for epoch in range(2):
        callback._position.on_epoch_begin(epoch)
        callback.on_epoch_begin(epoch)
        for batch in range(11):
            clock.now += 0.25
            callback._position.on_train_batch_end(batch)
            callback.on_train_batch_end(
                batch, {"ctr_loss": 1.0 + batch, "ctcvr_loss": 0.5, WAITING: 0.05 * (batch + 1)}
            )
    reports = [record.progress for record in records()]
    # Every second step, and each epoch's last.
    assert [report["step"] for report in reports] == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 22]
    assert reports[1] == {
        "step": 3,
        "steps": 22,
        "epoch": 1,
        "epochs": 2,
        "loss": 3.5,
        "examples_per_second": pytest.approx(300 / 0.75),
        "seconds_left": pytest.approx((2002 - 300) / 400),
        "waiting": pytest.approx(0.15 / 0.75),
    }
    assert reports[5]["examples_per_second"] == pytest.approx(1001 / 2.75)
    assert reports[6]["examples_per_second"] == pytest.approx((1001 + 200) / 3.25)
    assert reports[-1]["examples_per_second"] == pytest.approx(2002 / 5.5)
    assert reports[-1]["loss"] == 11.5
    assert records()[1].getMessage() == "step 3 of 22, loss 3.5000, 400 examples/s, waiting 0.20 of the time"
    assert records()[1].levelno == logging.INFO


def test_a_training_that_goes_on_tells_its_own_speed(monkeypatch, records):
    clock = _Clock()
    monkeypatch.setattr(progress, "time", clock)
    callback = _progress(examples=1000, batch_size=100, epochs=2, start=Place(epoch=1, steps=4))
    callback.set_model(_model())
    callback._position.on_epoch_begin(1)
    callback.on_epoch_begin(1)
    clock.now += 2
    callback._position.on_train_batch_end(0)
    callback.on_train_batch_end(0, {"ctr_loss": 1.0, "ctcvr_loss": 0.5})
    (report,) = [record.progress for record in records()]
    # 100 examples in 2 s; 500 are left. Several devices don't tell what they waited for.
    assert report == {
        "step": 15,
        "steps": 20,
        "epoch": 2,
        "epochs": 2,
        "loss": 1.5,
        "examples_per_second": 50,
        "seconds_left": 10,
    }
