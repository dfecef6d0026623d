"""What stops a training: a loss that is no number, outputs that are all the same, and no conversion anywhere."""

import numpy as np
import pytest
import tensorflow as tf

from models.conversion_model import Priors
from models.esmm import EsmmModel
from models.guards import LossGuard, OutputGuard
from models.network import Shape
from models.position import Position
from models.settings import ModelSettings
from schema.errors import InputError
from schema.fields import Field

IDS = tf.constant([[1], [2], [3], [1]], tf.int64)
POSITION = Position(steps_per_epoch=2)


def _model(conversion: float = 0.2) -> EsmmModel:
    tf.keras.utils.set_random_seed(1)
    settings = ModelSettings(embedding_dim=2, embedding_stddev=1.0, hidden_units=(4,))
    return EsmmModel(Shape((Field(name="user_id", entity="user"),), {"user_id": 4}, settings), Priors(0.3, conversion))


def _fit(model: EsmmModel, callback: tf.keras.callbacks.Callback, rate: float, epochs: int = 3) -> None:
    model.compile(optimizer=tf.keras.optimizers.legacy.SGD(rate))
    examples = {"ids": IDS, "click": tf.constant([1, 0, 1, 0]), "conversion": tf.constant([1, 0, 0, 0])}
    data = tf.data.Dataset.from_tensor_slices(examples).batch(2)
    model.fit(data, epochs=epochs, verbose=0, callbacks=[POSITION, callback])


def test_a_training_that_goes_well_is_left_alone():
    model = _model()
    _fit(model, LossGuard(POSITION), rate=0.1)
    _fit(model, OutputGuard({"ids": IDS}), rate=0.1)


def test_a_loss_that_is_no_number_stops_at_its_step():
    model = _model()
    model({"ids": IDS})
    # The second step is the first that meets user 3.
    model.tables[0].scatter_update(tf.IndexedSlices([[np.inf, 0.0]], [3]))
    with pytest.raises(InputError) as error:
        _fit(model, LossGuard(POSITION), rate=0.1)
    assert str(error.value) == (
        "the training loss should be finite. Received: ctr_loss nan, ctcvr_loss nan by step 2; a lower "
        "`train.learning_rate` or `train.embedding_learning_rate` may help"
    )


def test_an_infinite_loss_stops():
    model = _model()
    model({"ids": IDS})
    model.networks[0].towers["ctr"].trainable_weights[-1].assign([-np.inf])
    with pytest.raises(InputError, match=r"ctr_loss (inf|nan)"):
        _fit(model, LossGuard(POSITION), rate=0.0)


@pytest.mark.parametrize(("tower", "output"), [("ctr", "pctr"), ("cvr", "pcvr")])
def test_a_constant_output_stops_after_the_epoch(tower, output):
    model = _model()
    model({"ids": IDS})
    kernel = model.networks[0].towers[tower].trainable_weights[-2]
    kernel.assign(tf.zeros_like(kernel))
    with pytest.raises(InputError, match=rf"^{output} should tell examples apart\. Received: 0\.\d+ for all of 4 tr"):
        _fit(model, OutputGuard({"ids": IDS}), rate=0.0)


def test_no_conversion_expected_anywhere_stops():
    with pytest.raises(InputError, match=r"^pcvr should be above 0 somewhere\. Received: at most [\d.e-]+ for 4 "):
        _fit(_model(conversion=1e-15), OutputGuard({"ids": IDS}), rate=0.0)


def test_one_example_alone_is_no_collapse():
    _fit(_model(), OutputGuard({"ids": IDS[:1]}), rate=0.1)
