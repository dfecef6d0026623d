"""The usual way to write ESMM in Keras: a feature and a table per field, Keras' own losses and optimizer."""

from collections.abc import Mapping

import tensorflow as tf

from models.settings import ModelSettings, TrainSettings
from pipeline.bench import train_data
from pipeline.bench.clock import Clock
from pipeline.bench.stop_watch import StopWatch
from schema import contract

_CTR, _CTCVR = "ctr", "ctcvr"


def from_files(data: str, sizes: Mapping[str, int], batch_size: int, seconds: float) -> dict[str, float]:
    """Trains end to end; see `train_ours.from_files`."""
    clock = Clock(seconds)
    train(data, sizes, batch_size, StopWatch(clock))
    return clock.figures(batch_size)


def train(
    data: str, sizes: Mapping[str, int], batch_size: int, watching: tf.keras.callbacks.Callback
) -> tf.keras.Model:
    """Trains once over the examples. Arguments are those of `train_ours.train`."""
    model = make_model(train_data.rows(sizes))
    model.fit(read(data, sizes, batch_size), verbose=0, callbacks=[watching])
    return model


def read(data: str, sizes: Mapping[str, int], batch_size: int) -> tf.data.Dataset:
    """Batches, in an order like that of `models.trainer`.

    Returns:
        Pairs of the features and the labels, int64 [B] by the names of the model's inputs and outputs.
    """
    spec = {name: tf.io.FixedLenFeature([], tf.int64) for name in (*sizes, *contract.LABELS)}

    def parse(batch: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        features = tf.io.parse_example(batch, spec)
        click, conversion = (features.pop(label) for label in contract.LABELS)
        return features, {_CTR: click, _CTCVR: conversion}

    settings = TrainSettings()
    files = tf.io.gfile.glob(f"{data}/stock/*")
    records = tf.data.TFRecordDataset(sorted(files), compression_type="GZIP")
    records = records.shuffle(settings.shuffle_buffer, seed=settings.seed)
    return records.batch(batch_size).map(parse).prefetch(tf.data.AUTOTUNE)


def make_model(rows: Mapping[str, int]) -> tf.keras.Model:
    """ESMM with the paper's sizes, ready to be fitted; `rows` is that of each field's embedding."""
    settings = ModelSettings()
    ids = {name: tf.keras.Input([], dtype=tf.int64, name=name) for name in rows}
    tables = {
        name: tf.keras.layers.Embedding(rows[name], settings.embedding_dim, name=f"{name}_table") for name in rows
    }
    together = tf.keras.layers.Concatenate()([tables[name](ids[name]) for name in rows])

    def tower(name: str) -> tf.Tensor:
        hidden = together
        for width in settings.hidden_units:
            hidden = tf.keras.layers.Dense(width, activation="relu", name=f"{name}_{width}")(hidden)
        return tf.keras.layers.Dense(1, activation="sigmoid", name=name)(hidden)

    pctr = tower(_CTR)
    pctcvr = tf.keras.layers.Multiply(name=_CTCVR)([pctr, tower("cvr")])
    model = tf.keras.Model(ids, {_CTR: pctr, _CTCVR: pctcvr})
    model.compile(optimizer=tf.keras.optimizers.Adam(), loss="binary_crossentropy")
    return model
