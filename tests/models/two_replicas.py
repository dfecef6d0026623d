"""Trains ESMM on two virtual devices and on one, and prints as JSON how far they are apart."""

import json
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf

from models.conversion_model import ConversionModel, Priors
from models.network import Shape
from models.optimizers import make_optimizer
from models.registry import make_model
from models.settings import ModelSettings, TrainSettings
from schema.fields import Field

FIELDS = (
    Field(name="user_id", entity="user"),
    Field(name="tags", entity="item", values=3),
    # With as few ids as one-hot columns take.
    Field(name="age", entity="user"),
)
SHAPE = Shape(
    FIELDS, {"user_id": 6, "tags": 7, "age": 3}, ModelSettings(embedding_dim=3, embedding_stddev=0.5, hidden_units=(5,))
)
BATCH, STEPS = 16, 5
RUNS = [
    {"embedding_optimizer": "lazy_adam"},
    {"embedding_optimizer": "lazy_adam", "clip_norm": 0.05, "weight_decay": 0.1, "warmup_share": 0.5},
    {"embedding_optimizer": "adam"},
    {"embedding_optimizer": "adagrad", "adagrad": {"initial_accumulator": 0.001}, "clip_norm": 0.05},
    {"embedding_optimizer": "ftrl", "ftrl": {"initial_accumulator": 0.001, "l1": 0.001}},
]


def batches() -> list[dict[str, tf.Tensor]]:
    generator = np.random.default_rng(0)
    labels = {"click": tf.constant([1, 1, 1, 0] * 4, tf.int64), "conversion": tf.constant([1, 0, 0, 0] * 4, tf.int64)}
    return [{"ids": tf.constant(generator.integers(0, [6, 6, 6, 6, 3], (BATCH, 5))), **labels} for _ in range(STEPS)]


def make(strategy: tf.distribute.Strategy, train: TrainSettings) -> ConversionModel:
    tf.keras.utils.set_random_seed(0)
    with strategy.scope():
        model = make_model(SHAPE, Priors(0.7, 0.3))
        model(batches()[0])
        model.compile(optimizer=make_optimizer(model, model.tables, train, STEPS))
    return model


def fit(strategy: tf.distribute.Strategy, model: ConversionModel) -> None:
    """Each replica has its share of the batch, and its part of the loss; Keras sums the gradients."""
    replicas = strategy.num_replicas_in_sync

    @tf.function
    def step(share):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(share, training=True)
        variables = model.trainable_variables
        model.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    for batch in batches():

        def share(context, batch=batch):
            first = context.replica_id_in_sync_group * BATCH // replicas
            return {name: values[first : first + BATCH // replicas] for name, values in batch.items()}

        strategy.run(step, args=(strategy.experimental_distribute_values_from_function(share),))


def weights(model: ConversionModel) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.trainable_variables]


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    told = []
    for settings in RUNS:
        train = TrainSettings(learning_rate=0.01, embedding_learning_rate=0.05, **settings)
        models = {strategy: make(strategy, train) for strategy in (one, two)}
        models[two].set_weights(models[one].get_weights())
        before = weights(models[one])
        for strategy, model in models.items():
            fit(strategy, model)
        together, apart = weights(models[one]), weights(models[two])
        copies = two.experimental_local_results(models[two].tables[0])
        np.testing.assert_array_equal(*copies)
        told.append(
            {
                "settings": settings,
                "replicas": len(copies),
                "difference": max(float(np.abs(a - b).max()) for a, b in zip(together, apart, strict=True)),
                "moved": min(float(np.abs(a - b).max()) for a, b in zip(before, together, strict=True)),
            }
        )
    print(json.dumps(told))


if __name__ == "__main__":
    main()
