"""The exported SavedModel behind a real transform graph, asked as a client asks it."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from models import preprocessing, signatures, trainer
from models.conversion_model import Priors
from models.esmm import EsmmModel
from models.network import Shape
from models.settings import ModelSettings
from schema import contract, load
from schema import fields as schema_fields
from schema.fields import Field

SCHEMA = text_format.Parse(
    """
    default_environment: "TRAINING"
    default_environment: "SERVING"
    feature { name: "click" type: INT value_count { min: 1 max: 1 } not_in_environment: "SERVING" }
    feature { name: "conversion" type: INT value_count { min: 1 max: 1 } not_in_environment: "SERVING" }
    feature { name: "user_id" type: INT value_count { min: 1 max: 1 } }
    feature { name: "tags" type: BYTES value_count { min: 0 } }
    feature { name: "tag_weights" type: FLOAT value_count { min: 0 } }
    feature { name: "stay" type: FLOAT value_count { min: 1 max: 1 } }
    """,
    schema_pb2.Schema(),
)
FIELDS = (
    Field(name="user_id", entity="user"),
    Field(name="tags", entity="item", values=2, weights="tag_weights", keep="heaviest"),
    Field(name="stay", entity="user", encoding="log"),
)
# user_id: 5 three times, 6 twice, 7 once: 2, 3, 4. tags: b twice, a twice, c once: 2, 3, 4. OOV is 1 in both.
# sign(x)·log(1 + |x|) of stay is 0 or 2, half of the rows each, so it is -1 or 1 once standardised.
E2 = float(np.expm1(2))
ROWS = [
    {"user_id": [5], "tags": [b"a", b"b"], "stay": [0.0], "click": [1], "conversion": [0]},
    {"user_id": [5], "tags": [b"b", b"a"], "stay": [E2], "click": [0], "conversion": [0]},
    {"user_id": [5], "tags": [], "stay": [0.0], "click": [0], "conversion": [0]},
    {"user_id": [6], "tags": [], "stay": [E2], "click": [1], "conversion": [1]},
    {"user_id": [6], "tags": [b"c"], "stay": [0.0], "click": [0], "conversion": [0]},
    {"user_id": [7], "tags": [], "stay": [E2], "click": [0], "conversion": [0]},
]
# What clients send, and the packed features that the model should be given for it: ids, weights, dense.
REQUESTS = [
    ({"user_id": [5], "tags": [b"a", b"b"], "stay": [0.0]}, [2, 3, 2], [1, 1], -1.0),
    ({"user_id": [7], "tags": [b"c"], "tag_weights": [3.0], "stay": [E2]}, [4, 4, 0], [3, 0], 1.0),
    # Unknown tokens, and one too many: the lightest is left out.
    (
        {"user_id": [999], "tags": [b"b", b"new", b"a"], "tag_weights": [0.5, 2.0, 4.0], "stay": [0.0]},
        [1, 1, 3],
        [2, 4],
        -1.0,
    ),
    ({"tags": [b"a"]}, [0, 3, 0], [1, 0], 0.0),  # missing features
    ({"user_id": [6], "tag_weights": [9.0]}, [3, 0, 0], [0, 0], 0.0),
    ({}, [0, 0, 0], [0, 0], 0.0),
    ({"user_id": [6], "stay": [E2], "click": [1], "conversion": [1], "unasked": [b"x"]}, [3, 0, 0], [0, 0], 1.0),
]


def _serialize(features: dict) -> bytes:
    example = tf.train.Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        if isinstance(values[0] if values else b"", bytes):
            feature.bytes_list.value.extend(values)
        elif isinstance(values[0], float):
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return example.SerializeToString()


def _expected(model: EsmmModel, requests) -> dict[str, np.ndarray]:
    _, ids, weights, stay = zip(*requests, strict=True)
    dense = [[one] for one in stay]
    features = {"ids": tf.constant(ids, tf.int64), "weights": tf.constant(weights, tf.float32)}
    outputs = model({**features, "dense": tf.constant(dense, tf.float32)})
    return {name: values.numpy() for name, values in outputs.items()}


@pytest.fixture(scope="module")
def graph(tmp_path_factory, analyze) -> tft.TFTransformOutput:
    config = {preprocessing.FIELDS_KEY: schema_fields.to_json(FIELDS)}
    metadata = tft.DatasetMetadata(SCHEMA)
    rows = [{"tag_weights": [], **row} for row in ROWS]
    directory = tmp_path_factory.mktemp("transform")
    return analyze(lambda inputs: preprocessing.preprocessing_fn(inputs, config), rows, metadata, directory)


@pytest.fixture(scope="module")
def model(graph) -> EsmmModel:
    """With weights so large that every example has outputs of its own."""
    tf.keras.utils.set_random_seed(0)
    settings = ModelSettings(embedding_dim=3, embedding_stddev=1.0, hidden_units=(16,))
    return EsmmModel(Shape(FIELDS, trainer.embedding_rows(graph, FIELDS), settings), Priors(0.3, 0.2))


@pytest.fixture(scope="module")
def expected(model) -> dict[str, np.ndarray]:
    outputs = _expected(model, REQUESTS)
    # The last request is the same as another one but for `stay`.
    assert len(set(outputs["pctcvr"].round(6))) == len(REQUESTS)
    return outputs


@pytest.fixture(scope="module")
def exported(graph, model, expected, tmp_path_factory) -> str:
    # Moved after the export: the model must carry the vocabularies with it.
    directory = tmp_path_factory.mktemp("export")
    signatures.export(model, graph, SCHEMA, str(directory / "written"))
    os.rename(directory / "written", directory / "served")
    return str(directory / "served")


@pytest.fixture(scope="module")
def serve(exported):
    return tf.saved_model.load(exported).signatures[contract.SERVING_SIGNATURE]


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_answers_are_the_models_outputs(serve, expected, batch):
    examples = [_serialize(features) for features, *_ in REQUESTS[:batch]]
    answers = serve(examples=tf.constant(examples, tf.string, shape=[batch]))
    assert sorted(answers) == ["pctcvr", "pctr", "pcvr"]
    for name, values in answers.items():
        assert (values.dtype, values.shape) == (tf.float32, (batch,))
        np.testing.assert_allclose(values, expected[name][:batch], rtol=1e-6)


@pytest.mark.parametrize("request_number", range(len(REQUESTS)))
def test_an_answer_does_not_depend_on_the_batch(serve, expected, request_number):
    answers = serve(examples=tf.constant([_serialize(REQUESTS[request_number][0])]))
    for name, values in answers.items():
        np.testing.assert_allclose(values, expected[name][request_number : request_number + 1], rtol=1e-5)


def test_signature_takes_serialized_examples_under_the_contracts_names(serve):
    (specs,) = [spec for spec in serve.structured_input_signature if spec]
    assert specs == {"examples": tf.TensorSpec([None], tf.string, "examples")}
    outputs = {name: (spec.dtype, spec.shape.rank) for name, spec in serve.structured_outputs.items()}
    assert outputs == dict.fromkeys(contract.OUTPUTS, (tf.float32, 1))


def test_schema_travels_with_the_model(exported):
    path = Path(exported) / "assets.extra" / "schema.pbtxt"
    assert str(path.relative_to(exported)) == contract.MODEL_SCHEMA_PATH
    assert load.read_schema(path) == SCHEMA


def test_training_on_after_the_export_does_not_change_what_is_served(serve, model, expected):
    weights = model.get_weights()
    model.set_weights([weight + 1 for weight in weights])
    examples = tf.constant([_serialize(features) for features, *_ in REQUESTS])
    answers = serve(examples=examples)["pctcvr"]
    model.set_weights(weights)
    np.testing.assert_allclose(answers, expected["pctcvr"], rtol=1e-6)


def test_a_trained_model_leaves_its_optimizer_behind(graph, tmp_path):
    settings = ModelSettings(embedding_dim=3, hidden_units=(4,))
    model = EsmmModel(Shape(FIELDS, trainer.embedding_rows(graph, FIELDS), settings), Priors(0.3, 0.2))
    model.compile(optimizer=tf.keras.optimizers.legacy.Adam())
    features = {"ids": tf.zeros([1, 3], tf.int64), "weights": tf.zeros([1, 2]), "dense": tf.zeros([1, 1])}
    model.train_step({**features, "click": tf.constant([1]), "conversion": tf.constant([0])})
    assert len(model.optimizer.weights) == 1 + 2 * len(model.trainable_weights)
    signatures.export(model, graph, SCHEMA, str(tmp_path))
    names = [name for name, _ in tf.train.list_variables(str(tmp_path / "variables" / "variables"))]
    assert len([name for name in names if name.endswith("VARIABLE_VALUE")]) == len(model.trainable_weights)
