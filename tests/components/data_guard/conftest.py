"""Examples of a small shop, and the artifacts that the components before the guard make of them."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder, RecordBatchToExamplesEncoder

SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "click" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 0 max: 1 is_categorical: true } not_in_environment: "SERVING" }
feature { name: "conversion" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 0 max: 1 is_categorical: true } not_in_environment: "SERVING" }
feature { name: "page" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }
          int_domain { min: 0 max: 3 is_categorical: true }
          drift_comparator { infinity_norm { threshold: 0.1 } } skew_comparator { infinity_norm { threshold: 0.2 } } }
feature { name: "price" type: FLOAT value_count { min: 1 max: 1 }
          drift_comparator { jensen_shannon_divergence { threshold: 0.05 } } }
feature { name: "tags" type: BYTES value_count { min: 0 max: 5 } }
feature { name: "unused" type: INT value_count { min: 1 max: 1 } }
"""

Columns = Mapping[str, Sequence]


@pytest.fixture(scope="session")
def schema() -> schema_pb2.Schema:
    return text_format.Parse(SCHEMA, schema_pb2.Schema())


@pytest.fixture(scope="session")
def shop() -> Callable[..., dict[str, list]]:
    """Columns of impressions that nothing is wrong with."""

    def columns(rows: int = 1000, seed: int = 1, pages: Sequence[float] = (0.4, 0.3, 0.2, 0.1)) -> dict[str, list]:
        draw = np.random.default_rng(seed)
        click = draw.random(rows) < 0.4
        tags = [[f"t{i}" for i in draw.integers(0, 9, number)] for number in draw.integers(0, 4, rows)]
        return {
            "click": click.astype(int).tolist(),
            "conversion": (click & (draw.random(rows) < 0.3)).astype(int).tolist(),
            "page": draw.choice(4, rows, p=pages).tolist(),
            "price": [float(value) if value > 0.05 else None for value in draw.random(rows)],
            "tags": [values or None for values in tags],
        }

    return columns


TYPES = {"price": pa.float32(), "tags": pa.binary()}


@pytest.fixture(scope="session")
def encode() -> Callable[[Columns], list[bytes]]:
    """Serialized tf.Examples of columns of scalars, lists or None."""

    def examples(columns: Columns) -> list[bytes]:
        arrays = [
            pa.array(
                [value if value is None or isinstance(value, list) else [value] for value in values],
                pa.list_(TYPES.get(name, pa.int64())),
            )
            for name, values in columns.items()
        ]
        return RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays(arrays, names=list(columns)))

    return examples


@pytest.fixture(scope="session")
def describe(encode, schema) -> Callable[[Columns], statistics_pb2.DatasetFeatureStatisticsList]:
    """Statistics of columns, as StatisticsGen's are."""

    def statistics(columns: Columns) -> statistics_pb2.DatasetFeatureStatisticsList:
        batch = ExamplesToRecordBatchDecoder().DecodeBatch(encode(columns))
        return generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))

    return statistics


@pytest.fixture(scope="session")
def statistics_artifact(describe) -> Callable[[Path, Mapping[str, Columns]], standard_artifacts.ExampleStatistics]:
    """Writes the statistics of splits."""

    def write(directory: Path, splits: Mapping[str, Columns]) -> standard_artifacts.ExampleStatistics:
        artifact = standard_artifacts.ExampleStatistics()
        artifact.uri = str(directory)
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        for split, columns in splits.items():
            folder = artifact_utils.get_split_uri([artifact], split)
            os.makedirs(folder)
            Path(folder, "FeatureStats.pb").write_bytes(describe(columns).SerializeToString())
        return artifact

    return write


@pytest.fixture(scope="session")
def examples_artifact(encode) -> Callable[[Path, Mapping[str, Columns]], standard_artifacts.Examples]:
    """Writes the examples of splits."""

    def write(directory: Path, splits: Mapping[str, Columns]) -> standard_artifacts.Examples:
        artifact = standard_artifacts.Examples()
        artifact.uri = str(directory)
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        for split, columns in splits.items():
            folder = artifact_utils.get_split_uri([artifact], split)
            os.makedirs(folder)
            with tf.io.TFRecordWriter(os.path.join(folder, "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
                for example in encode(columns):
                    writer.write(example)
        return artifact

    return write
