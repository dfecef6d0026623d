"""A second day's model that begins with the first day's: real transforms, and SavedModels as they are exported."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from models import exported_shape, signatures, trainer
from models.conversion_model import ConversionModel, Priors
from models.network import Shape
from models.registry import make_model
from models.settings import ModelSettings
from models.warm_start import WarmStart, earlier_shape
from models.warm_start_report import FieldCounts
from schema.errors import InputError
from schema.fields import Field

SCHEMA = text_format.Parse(
    """
    default_environment: "TRAINING"
    default_environment: "SERVING"
    feature { name: "user" type: INT } feature { name: "item" type: BYTES } feature { name: "viewed" type: BYTES }
    feature { name: "price" type: FLOAT } feature { name: "page" type: INT } feature { name: "gone" type: INT }
    feature { name: "new" type: INT }
    """,
    schema_pb2.Schema(),
)
USER = Field(name="user", entity="user", oov_buckets=2)
ITEM = Field(name="item", entity="item")
VIEWED = Field(name="viewed", entity="user", vocabulary="item", values=2, pooling="sum")
PRICE = Field(name="price", entity="item", encoding="log")
PAGE = Field(name="page", entity="context", encoding="hash", buckets=3)
GONE = Field(name="gone", entity="context", encoding="length", values=4)
NEW = Field(name="new", entity="context", encoding="length", values=4)
FIELDS = (USER, GONE, VIEWED, ITEM, PRICE, PAGE)
NEXT_FIELDS = (PAGE, ITEM, PRICE, VIEWED, NEW, USER)
DTYPES = {
    "user": tf.int64,
    "item": tf.string,
    "viewed": tf.string,
    "price": tf.float32,
    "page": tf.int64,
    "gone": tf.int64,
    "new": tf.int64,
}


def _rows(users: list[int], items: list[bytes], viewed: list[list[bytes]]) -> list[dict]:
    """Both days have the same prices, as the log is standardised by each day's."""
    rest = {"page": [7], "gone": [1, 1], "new": [5]}
    prices = [float(number % 2) for number in range(len(users))]
    columns = zip(users, items, viewed, prices, strict=True)
    return [{"user": [u], "item": [i], "viewed": v, "price": [p], **rest} for u, i, v, p in columns]


# user: 1, 2, 3 are ids 3, 4, 5 on the first day; 2, 1, 4 on the second. item, counted with viewed: a, b, c are 2, 3, 4;
# then d, b, a.
DAY = _rows([1, 1, 1, 2, 2, 3], [b"a", b"a", b"a", b"b", b"b", b"c"], [[b"a"], [], [b"a", b"b"], [], [], []])
NEXT_DAY = _rows([2, 2, 2, 1, 1, 4], [b"d", b"d", b"d", b"b", b"b", b"a"], [[], [b"d", b"b"], [], [], [], []])
# Tokens that both days know, that none does, and missing ones.
ASKED = [
    {"user": [1], "item": [b"a"], "viewed": [b"b", b"a"], "price": [1.0], "page": [3], "gone": [1], "new": [1]},
    {"user": [2], "item": [b"b"], "viewed": [], "price": [0.0], "page": [4], "gone": [], "new": []},
    {"user": [99], "item": [b"z"], "viewed": [b"z", b"b"], "price": [1.0], "page": [5], "gone": [2] * 3, "new": [2]},
    {"user": [98], "viewed": [b"a"], "gone": [1], "new": [1, 2]},
    {"item": [b"a"], "price": [0.0], "page": [7]},
]
PRIORS = Priors(0.3, 0.2)


class Day:
    """A day's transform, models of it, and what they answer to `ASKED`."""

    def __init__(self, graph, fields: tuple[Field, ...], features: Mapping[str, np.ndarray]):
        self.graph, self.fields = graph, fields
        self.features = {name: tf.constant(values) for name, values in features.items()}
        self.vocabularies = f"{graph.transform_savedmodel_dir}/assets"

    def shape(self, settings: ModelSettings) -> Shape:
        return Shape(self.fields, trainer.embedding_rows(self.graph, self.fields), settings)

    def model(self, settings: ModelSettings, seed: int) -> ConversionModel:
        """With a value of its own in every place."""
        tf.keras.utils.set_random_seed(seed)
        model = make_model(self.shape(settings), PRIORS)
        model.logits(self.features)
        generator = np.random.default_rng(seed)
        for network in model.networks:
            network.set_weights([generator.uniform(0.2, 0.8, weight.shape) for weight in network.weights])
        return model

    def logits(self, model: ConversionModel) -> dict[str, np.ndarray]:
        return {name: values.numpy() for name, values in model.logits(self.features).items()}


@pytest.fixture(scope="module")
def make_day(run_preprocessing, serve, tmp_path_factory) -> Callable[[list[dict], tuple[Field, ...]], Day]:
    def make(rows: list[dict], fields: tuple[Field, ...]) -> Day:
        dtypes = {field.source: DTYPES[field.source] for field in fields}
        graph = run_preprocessing(rows, dtypes, fields, tmp_path_factory.mktemp("day")).graph
        return Day(graph, fields, serve(graph, ASKED))

    return make


@pytest.fixture(scope="module")
def days(make_day) -> tuple[Day, Day]:
    return make_day(DAY, FIELDS), make_day(NEXT_DAY, NEXT_FIELDS)


def settings_of(**others) -> ModelSettings:
    small = {"embedding_dim": 3, "hidden_units": (5, 4), "mmoe": {"experts": 2, "hidden_units": (6,)}}
    return ModelSettings.model_validate({**small, **others})


def export(day: Day, model: ConversionModel, directory: Path) -> str:
    signatures.export(model, day.graph, SCHEMA, str(directory))
    exported_shape.write(model.shape, str(directory))
    return str(directory)


@pytest.fixture(scope="module")
def exported(days, tmp_path_factory) -> tuple[ConversionModel, str]:
    """The first day's ESMM, and its SavedModel."""
    model = days[0].model(settings_of(), seed=1)
    return model, export(days[0], model, tmp_path_factory.mktemp("exported"))


def rows_of(model: ConversionModel, field: str, network: int = 0) -> np.ndarray:
    first = model.networks[network].embedding.first_rows[field]
    return model.networks[network].embedding.table.numpy()[first : first + model.shape.rows[field]]


def silence(model: ConversionModel, field: str) -> None:
    """Sets the field's vectors to zero, so that it does not matter what they are multiplied by."""
    for network in model.networks:
        table, first = network.embedding.table.numpy(), network.embedding.first_rows[field]
        table[first : first + model.shape.rows[field]] = 0
        network.embedding.table.assign(table)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"name": "base"},
        {"name": "chain", "stages": ["click", "stay", "conversion"]},
        {"mlp": {"batch_norm": True}},
        {"tower": "cross"},
        {"tower": "cross", "cross": {"layers": 2, "projection_dim": 2}},
        {"tower": "din"},
        {"tower": "mmoe", "name": "escm2_dr"},
    ],
    ids=str,
)
def test_the_same_answers_where_both_days_know_the_tokens(days, tmp_path, settings):
    """Though vocabularies, rows and fields stand in another order, one field came and one went."""
    day, next_day = days
    earlier = day.model(settings_of(**settings), seed=1)
    silence(earlier, "gone")
    directory = export(day, earlier, tmp_path / "exported")
    model = next_day.model(settings_of(**settings), seed=2)
    before = next_day.logits(model)
    WarmStart(directory, next_day.shape(settings_of(**settings)), next_day.vocabularies).apply(model)
    silence(model, "new")
    expected = day.logits(earlier)
    for name, logits in next_day.logits(model).items():
        np.testing.assert_allclose(logits, expected[name], rtol=1e-4)
        assert len(set(logits.round(4))) == len(ASKED)
        assert not np.isclose(logits, before[name], rtol=1e-3).any()


def test_rows_by_token(days, exported):
    earlier, directory = exported
    model, untouched = (days[1].model(settings_of(), seed=2) for _ in range(2))
    WarmStart(directory, days[1].shape(settings_of()), days[1].vocabularies).apply(model)
    # Missing, two buckets, 2, 1; 4 is new.
    np.testing.assert_array_equal(rows_of(model, "user")[:5], rows_of(earlier, "user")[[0, 1, 2, 4, 3]])
    np.testing.assert_array_equal(rows_of(model, "user")[5:], rows_of(untouched, "user")[5:])
    # Missing, out of vocabulary, d is new, b, a.
    np.testing.assert_array_equal(rows_of(model, "item")[[0, 1, 3, 4]], rows_of(earlier, "item")[[0, 1, 3, 2]])
    np.testing.assert_array_equal(rows_of(model, "item")[2], rows_of(untouched, "item")[2])
    np.testing.assert_array_equal(rows_of(model, "page"), rows_of(earlier, "page"))
    np.testing.assert_array_equal(rows_of(model, "new"), rows_of(untouched, "new"))


def test_an_earlier_embedding_may_be_narrower(days, exported, tmp_path):
    earlier, directory = exported
    narrow = make_model(replace(earlier.shape, stored="float16"), Priors(0.3, 0.2))
    narrow.make_variables()
    narrow.networks[0].embedding.table.assign(earlier.networks[0].embedding.table)
    models = [days[1].model(settings_of(), seed=2) for _ in range(2)]
    for model, start in zip(models, (directory, export(days[0], narrow, tmp_path)), strict=True):
        WarmStart(start, days[1].shape(settings_of()), days[1].vocabularies).apply(model)
    wide, started = (rows_of(model, "user") for model in models)
    np.testing.assert_array_equal(started[:5], wide[:5].astype(np.float16))
    np.testing.assert_array_equal(started[5:], wide[5:])


def test_two_networks_keep_their_own_rows(days, tmp_path):
    settings = settings_of(name="esmm_ns")
    earlier = days[0].model(settings, seed=1)
    directory = export(days[0], earlier, tmp_path / "exported")
    model = days[1].model(settings, seed=2)
    WarmStart(directory, days[1].shape(settings), days[1].vocabularies).apply(model)
    for network in (0, 1):
        np.testing.assert_array_equal(rows_of(model, "page", network), rows_of(earlier, "page", network))
    assert not np.isclose(rows_of(model, "page", 0), rows_of(model, "page", 1)).any()


def test_inputs_of_a_new_field_keep_their_initial_values(days, exported):
    model, untouched = (days[1].model(settings_of(), seed=2) for _ in range(2))
    WarmStart(exported[1], days[1].shape(settings_of()), days[1].vocabularies).apply(model)
    # By hand: page, item, new, user, of one value; then viewed; the price is last. Three numbers each.
    kernel, initial = (one.networks[0].towers["ctr"].weights[0].numpy() for one in (model, untouched))
    same = np.isclose(kernel, initial).all(axis=1)
    assert same.tolist() == [False] * 6 + [True] * 3 + [False] * 7


def test_a_new_history_has_an_attention_of_its_own(make_day, days, tmp_path):
    settings = settings_of(tower="din")
    day = make_day(DAY, (USER, ITEM, PAGE))
    earlier = day.model(settings, seed=1)
    directory = export(day, earlier, tmp_path / "exported")
    model, untouched = (days[1].model(settings, seed=2) for _ in range(2))
    WarmStart(directory, days[1].shape(settings), days[1].vocabularies).apply(model)
    attention, initial = (one.networks[0].embedding.attentions["viewed"].get_weights() for one in (model, untouched))
    for values, expected in zip(attention, initial, strict=True):
        np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(rows_of(model, "page"), rows_of(earlier, "page"))


def test_it_tells_what_is_kept(days, exported):
    _, directory = exported
    report = WarmStart(directory, days[1].shape(settings_of()), days[1].vocabularies).report
    assert report.earlier == directory
    assert set(report.fields) == {
        FieldCounts(field="user", kept=2, new=1, vanished=1),
        FieldCounts(field="item", kept=2, new=1, vanished=1),
        FieldCounts(field="page", kept=3, new=0, vanished=0),
        FieldCounts(field="new", kept=0, new=4, vanished=0),
        FieldCounts(field="gone", kept=0, new=0, vanished=4),
    }


@pytest.mark.parametrize(
    ("others", "key", "earlier", "received"),
    [
        ({"embedding_dim": 4}, "embedding_dim", "3", "4"),
        ({"name": "esmm_ns"}, "name", "esmm", "esmm_ns"),
        ({"hidden_units": [5]}, "hidden_units", "(5, 4)", "(5,)"),
        ({"tower": "cross"}, "tower", "mlp", "cross"),
        ({"mlp": {"batch_norm": True}}, "mlp.batch_norm", "False", "True"),
    ],
)
def test_other_layers_are_told(exported, others, key, earlier, received):
    _, directory = exported
    with pytest.raises(InputError) as error:
        earlier_shape(directory, settings_of(**others))
    assert str(error.value) == (
        f"`model.{key}` should stay {earlier} while training begins with {directory}. Received: {received}; "
        "train from scratch: train.warm_start=none"
    )


def test_a_model_that_tells_no_shape(tmp_path):
    with pytest.raises(InputError) as error:
        earlier_shape(str(tmp_path), settings_of())
    assert str(error.value) == (
        f"a SavedModel should tell its shape. Received: {tmp_path}, without assets.extra/shape.json; "
        "train from scratch: train.warm_start=none"
    )


def test_another_tower_setting_counts_with_that_tower_alone(tmp_path):
    shapes = {"mlp": settings_of(), "cross": settings_of(tower="cross")}
    for name, settings in shapes.items():
        exported_shape.write(Shape((USER,), {"user": 4}, settings), str(tmp_path / name))
    more = {"cross": {"layers": 5}, "mlp": {"dropout": 0.5}, "embedding_stddev": 1.0}
    assert earlier_shape(str(tmp_path / "mlp"), settings_of(**more)) == Shape((USER,), {"user": 4}, shapes["mlp"])
    with pytest.raises(InputError, match=r"`model\.cross\.layers` should stay 3 while .* Received: 5"):
        earlier_shape(str(tmp_path / "cross"), settings_of(tower="cross", **more))


def test_variables_that_are_not_of_the_shape(days, tmp_path):
    directory = export(days[0], days[0].model(settings_of(), seed=1), tmp_path / "exported")
    exported_shape.write(days[0].shape(settings_of(hidden_units=(6, 4))), directory)
    settings = settings_of(hidden_units=(6, 4))
    start = WarmStart(directory, days[1].shape(settings), days[1].vocabularies)
    with pytest.raises(InputError) as error:
        start.apply(days[1].model(settings, seed=2))
    assert str(error.value) == f"a SavedModel should have the variables of its shape. Received: {directory}"
