"""Training on packed examples in files: going on after an interruption, early stopping, precision, several devices."""

import json
import multiprocessing
import os
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models import trainer
from models.best_epoch import BestEpoch, ctcvr_auc
from models.checkpoints import Saved
from models.conversion_model import ConversionModel
from models.epochs import NOTHING_KEPT, Folders, Splits
from models.guards import LossGuard
from models.inputs import read_packed
from models.settings import ModelSettings, TrainSettings
from schema import blocks, contract
from schema.errors import InputError
from schema.fields import Field

FIELDS = (Field(name="user_id", entity="user"), Field(name="item_id", entity="item"))
USERS, ITEMS = 12, 8
BATCHES = 10  # of an epoch; the last has 22 examples
EXAMPLES = 310
MODEL = {"embedding_dim": 4, "embedding_stddev": 0.1, "hidden_units": (8, 4)}
TRAIN = {
    "batch_size": 32,
    "steps_per_execution": 1,
    "epochs": 2,
    "shuffle_buffer": 64,
    "learning_rate": 0.01,
    "embedding_learning_rate": 0.05,
}


def _rows(number: int, seed: int) -> list[dict]:
    """Users of higher numbers click more, items of higher numbers are bought more."""
    random = np.random.default_rng(seed)
    users, items = random.integers(0, USERS, number), random.integers(0, ITEMS, number)
    click = random.random(number) < 0.2 + 0.6 * users / USERS
    conversion = click & (random.random(number) < 0.1 + 0.7 * items / ITEMS)
    columns = [column.astype(int).tolist() for column in (users, items, click, conversion)]
    names = ("user_id", "item_id", *contract.LABELS)
    return [{name: [value] for name, value in zip(names, row, strict=True)} for row in zip(*columns, strict=True)]


def _write(path: Path, features: dict[str, np.ndarray], rows: slice) -> None:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for block in blocks.encode({name: values[rows] for name, values in features.items()}):
            writer.write(block)


@pytest.fixture(scope="module")
def data(tmp_path_factory, run_preprocessing) -> Path:
    """A transform graph, three training files and one for evaluation."""
    directory = tmp_path_factory.mktemp("transformed")
    dtypes = {"user_id": tf.int64, "item_id": tf.int64}
    run = run_preprocessing(_rows(EXAMPLES + 200, seed=1), dtypes, FIELDS, directory)
    for name, rows in {"train-0": (0, 100), "train-1": (100, 150), "train-2": (150, EXAMPLES)}.items():
        _write(directory / f"{name}.gz", run.features, slice(*rows))
    _write(directory / "eval.gz", run.features, slice(EXAMPLES, None))
    return directory


def _splits(data: Path) -> Splits:
    return Splits([str(data / "train-*.gz")], [str(data / "eval.gz")])


def _train(data: Path, folders: Folders = NOTHING_KEPT, model: dict | None = None, **train) -> ConversionModel:
    graph = tft.TFTransformOutput(str(data / "graph"))
    settings = TrainSettings(**{**TRAIN, **train})
    return trainer.train(_splits(data), graph, FIELDS, ModelSettings(**{**MODEL, **(model or {})}), settings, folders)


def _weights(model: ConversionModel) -> list[np.ndarray]:
    return [weight.numpy() for weight in model.trainable_weights]


def _assert_equal(ours: list[np.ndarray], theirs: list[np.ndarray], **tolerance: float) -> None:
    assert [weight.shape for weight in ours] == [weight.shape for weight in theirs]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, **{"rtol": 0, "atol": 0, **tolerance})


class Interrupted(Exception):
    pass


@pytest.fixture
def interrupt(monkeypatch) -> Callable[[int], None]:
    """Lets the next training end in an error after so many steps; 0 for none."""
    undisturbed = LossGuard.on_train_batch_end

    def after(steps: int) -> None:
        def fail(self, batch, logs):
            undisturbed(self, batch, logs)
            if self._position.step == steps:
                raise Interrupted

        monkeypatch.setattr(LossGuard, "on_train_batch_end", fail)

    return after


MODELS = {
    "esmm": {},
    "dropout": {"mlp": {"dropout": 0.3, "batch_norm": True, "l2": 0.001}},
    "aman": {"name": "aman", "aman": {"rate": 0.5}},
    "unbias": {"name": "unbias"},
}


@pytest.mark.parametrize("model", ["esmm", "aman", "unbias", pytest.param("dropout", marks=pytest.mark.slow)])
def test_what_was_interrupted_again_and_again_ends_with_the_same_weights(data, tmp_path, interrupt, caplog, model):
    undisturbed = _train(data, model=MODELS[model])
    folders = Folders(checkpoints=str(tmp_path / "checkpoints"))
    # Within an epoch, at its last step, just after it, and within the next.
    for steps in (4, BATCHES, BATCHES + 1, BATCHES + 5):
        interrupt(steps)
        with pytest.raises(Interrupted):
            _train(data, folders, MODELS[model], checkpoint_steps=3)
    interrupt(0)
    went_on = _train(data, folders, MODELS[model], checkpoint_steps=3)
    _assert_equal(_weights(went_on), _weights(undisturbed))
    told = [record.getMessage() for record in caplog.records if "interrupted" in record.getMessage()]
    assert told == [f"training was interrupted; it goes on after step {step}" for step in (3, 9, 10, 13)]


def test_a_finished_training_is_not_done_again(data, tmp_path, interrupt, caplog):
    folders = Folders(checkpoints=str(tmp_path))
    first = _train(data, folders)
    interrupt(2 * BATCHES)
    _assert_equal(_weights(_train(data, folders)), _weights(first))
    told = [record.getMessage() for record in caplog.records if record.name == "models.epochs"]
    assert told == ["training was finished before, after step 20"]


def test_checkpoints_by_time(data, tmp_path, monkeypatch):
    written = []
    write = Saved.write
    monkeypatch.setattr(Saved, "write", lambda self, place: (written.append(place), write(self, place)))
    _train(data, Folders(checkpoints=str(tmp_path / "often")), epochs=1, checkpoint_minutes=1e-9)
    assert [(place.epoch, place.steps) for place in written] == [*((0, step) for step in range(1, BATCHES)), (1, 0)]
    written.clear()
    _train(data, Folders(checkpoints=str(tmp_path / "never")), epochs=2, checkpoint_minutes=0)
    assert [(place.epoch, place.steps) for place in written] == [(1, 0), (2, 0)]
    # The last two are kept.
    assert len(list((tmp_path / "often").glob("*.index"))) == 2


@pytest.mark.parametrize("damaged", ["cut", "changed", "gone"])
def test_a_damaged_checkpoint_is_told_and_the_one_before_is_taken(data, tmp_path, interrupt, caplog, damaged):
    undisturbed = _train(data)
    folders = Folders(checkpoints=str(tmp_path))
    interrupt(8)
    with pytest.raises(Interrupted):
        _train(data, folders, checkpoint_steps=3)
    file = tmp_path / "ckpt-2.data-00000-of-00001"
    content = file.read_bytes()
    if damaged == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-200] if damaged == "cut" else content[:-200] + b"x" * 200)
    interrupt(0)
    went_on = _train(data, folders, checkpoint_steps=3)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("models")]
    assert told[1] == "training was interrupted; it goes on after step 3"
    assert told[0].startswith(f"checkpoint {tmp_path / 'ckpt-2'} can't be read, the one before it is tried: ")
    _assert_equal(_weights(went_on), _weights(undisturbed))


def test_a_batch_larger_than_the_data_is_one_step(data):
    whole, larger = (_train(data, batch_size=size, epochs=3) for size in (EXAMPLES, 10_000))
    _assert_equal(_weights(larger), _weights(whole))


def test_no_gpu_where_one_is_demanded(data, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # for the process that this starts
    with pytest.raises(InputError) as error:
        _in_processes((1, None, data, {}, {"device": "gpu"}))
    assert str(error.value) == ("`train.device` gpu should find one. Received: a machine where TensorFlow sees no GPU")


def test_a_checkpoint_that_was_not_finished_does_not_count(data, tmp_path, interrupt):
    undisturbed = _train(data)
    folders = Folders(checkpoints=str(tmp_path))
    interrupt(8)
    with pytest.raises(Interrupted):
        _train(data, folders, checkpoint_steps=3)
    # As a kill leaves them: the next one's files are there, in part, and nothing names them.
    (tmp_path / "ckpt-3.data-00000-of-00001").write_bytes(b"half")
    (tmp_path / "ckpt-3.index").write_bytes(b"")
    interrupt(0)
    _assert_equal(_weights(_train(data, folders, checkpoint_steps=3)), _weights(undisturbed))


def _aucs(monkeypatch) -> list[float]:
    """The AUCs that early stopping sees, as they come."""
    aucs: list[float] = []

    def kept(model, examples):
        aucs.append(ctcvr_auc(model, examples))
        return aucs[-1]

    monkeypatch.setattr("models.best_epoch.ctcvr_auc", kept)
    return aucs


# It learns the few training examples by heart.
OVERSHOOTING = {"epochs": 30, "learning_rate": 0.02, "embedding_learning_rate": 0.1}


def test_the_best_epoch_is_kept(data, monkeypatch):
    aucs = _aucs(monkeypatch)
    model = _train(data, patience=3, **OVERSHOOTING)
    best = int(np.argmax(aucs))
    assert len(aucs) == best + 4 < 30
    judged = read_packed(_splits(data).eval, tft.TFTransformOutput(str(data / "graph")).transformed_feature_spec(), 64)
    assert ctcvr_auc(model, judged) == aucs[best] > aucs[-1]


@pytest.mark.parametrize("epochs_done", [1, 4])
def test_early_stopping_goes_on_too(data, tmp_path, interrupt, monkeypatch, epochs_done):
    aucs = _aucs(monkeypatch)
    undisturbed = _train(data, patience=3, **OVERSHOOTING)
    expected = list(aucs)
    folders = Folders(checkpoints=str(tmp_path))
    aucs.clear()
    interrupt(epochs_done * BATCHES + 5)
    with pytest.raises(Interrupted):
        _train(data, folders, patience=3, **OVERSHOOTING)
    interrupt(0)
    went_on = _train(data, folders, patience=3, **OVERSHOOTING)
    assert aucs == expected
    _assert_equal(_weights(went_on), _weights(undisturbed))
    # And when it is at its end, but was not exported.
    _assert_equal(_weights(_train(data, folders, patience=3, **OVERSHOOTING)), _weights(undisturbed))
    assert aucs == expected


def test_nothing_to_stop_early_by(data, tmp_path):
    spec = tft.TFTransformOutput(str(data / "graph")).transformed_feature_spec()
    (batch,) = read_packed(_splits(data).eval, spec, 200)
    clicks_alone = tf.data.Dataset.from_tensors(batch | {contract.CONVERSION: tf.zeros(200, tf.int64)})
    stopping = BestEpoch(_train(data, epochs=1), clicks_alone, 1, str(tmp_path / "best"))
    with pytest.raises(InputError) as error:
        stopping.on_epoch_end(0, {})
    assert str(error.value) == (
        "the eval split should have impressions with and without a conversion for `train.patience`. Received: "
        "0 conversions in 200 impressions"
    )


@pytest.mark.parametrize("steps", [3, 4, 100])
def test_several_steps_in_one_execution(data, tmp_path, interrupt, steps):
    """Executions end at an epoch's end, and where a checkpoint cut it."""
    undisturbed = _train(data)
    folders = Folders(checkpoints=str(tmp_path))
    interrupt(BATCHES)
    with pytest.raises(Interrupted):
        _train(data, folders, steps_per_execution=steps, checkpoint_steps=1)
    interrupt(0)
    _assert_equal(
        _weights(_train(data, folders, steps_per_execution=steps)), _weights(undisturbed), rtol=1e-5, atol=1e-6
    )


def test_summaries(data, tmp_path, interrupt):
    folders = Folders(str(tmp_path / "checkpoints"), str(tmp_path / "summaries"))
    interrupt(BATCHES + 5)
    with pytest.raises(Interrupted):
        _train(data, folders, epochs=3, batch_size=1, patience=3)
    interrupt(0)
    _train(data, folders, epochs=1, batch_size=1, patience=3)
    events = EventAccumulator(folders.summaries, size_guidance={"tensors": 0}).Reload()
    steps = {name: [event.step for event in events.Tensors(name)] for name in events.Tags()["tensors"]}
    assert steps["ctr_loss"] == steps["ctcvr_loss"] == [100, 200, 300, 310]
    assert steps["ctcvr_auc_all"] == [310]
    (auc,) = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("ctcvr_auc_all")]
    assert 0 < auc < 1


def _outputs(data: Path, model: ConversionModel) -> np.ndarray:
    spec = tft.TFTransformOutput(str(data / "graph")).transformed_feature_spec()
    (batch,) = read_packed(_splits(data).eval, spec, 200)
    return np.stack([values.numpy() for values in model(batch).values()])


@pytest.mark.parametrize("tower", ["mlp", "cross", "mmoe"])
@pytest.mark.parametrize("name", ["esmm", "base"])
def test_bfloat16(data, name, tower):
    """Trained in bfloat16 it is near the float32 model; what is given back computes in float32."""
    settings = {"name": name, "tower": tower, "hidden_units": (32, 16)}
    train = {"epochs": 1, "learning_rate": 0.001}
    exact, rounded = _train(data, model=settings, **train), _train(data, model=settings, precision="bfloat16", **train)
    differences = np.abs(_outputs(data, rounded) - _outputs(data, exact))
    assert 1e-6 < differences.max() < 0.1
    again = _train(data, model=settings, **train)  # made anew, computes in float32
    again.networks[0].set_weights(rounded.networks[0].get_weights())
    again.networks[-1].set_weights(rounded.networks[-1].get_weights())
    np.testing.assert_array_equal(_outputs(data, again), _outputs(data, rounded))
    assert {weight.dtype for weight in rounded.trainable_weights} == {tf.float32}


@pytest.mark.parametrize("tower", ["mlp", "cross", "mmoe"])
def test_xla(data, tower):
    settings = {"tower": tower}
    compiled = _train(data, model=settings, xla=True)
    _assert_equal(_weights(compiled), _weights(_train(data, model=settings)), rtol=1e-3, atol=1e-4)


def _weights_on(devices: int, worker: dict | None, data: Path, model: dict, train: dict) -> list[np.ndarray]:
    """In a process of its own, that has so many CPU devices and is such a worker."""
    if worker:
        os.environ["TF_CONFIG"] = json.dumps(worker)
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    return _weights(_train(data, model=model, **train))


def _in_processes(*arguments: tuple) -> list[list[np.ndarray]]:
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(arguments), spawned, max_tasks_per_child=1) as pool:
        return [future.result(timeout=300) for future in [pool.submit(_weights_on, *one) for one in arguments]]


REPLICATED = {
    "esmm": {},
    "base": {"name": "base"},  # a mean over clicks
    "escm2_dr": {"name": "escm2_dr"},
    "batch_norm": {"mlp": {"batch_norm": True, "l2": 0.01}},
}


@pytest.mark.parametrize(
    "model", ["esmm", "escm2_dr", *(pytest.param(name, marks=pytest.mark.slow) for name in ("base", "batch_norm"))]
)
def test_two_devices_train_as_one(data, model):
    """The same batches, of which each has a half; the last of 22 and a batch of 5 that is not divided evenly."""
    train = {"epochs": 1, "batch_size": 61}  # 5 batches of 61 and one of 5
    (both,) = _in_processes((2, None, data, REPLICATED[model], train))
    _assert_equal(both, _weights(_train(data, model=REPLICATED[model], **train)), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_workers_train_as_one(data):
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            ports.append(free.getsockname()[1])
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    workers = [{"cluster": cluster, "task": {"type": "worker", "index": index}} for index in range(2)]
    train = {"epochs": 1}
    first, second = _in_processes(*((1, worker, data, {}, train) for worker in workers))
    _assert_equal(first, second)
    _assert_equal(first, _weights(_train(data, **train)), rtol=1e-4, atol=1e-5)
