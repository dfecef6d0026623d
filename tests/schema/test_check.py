"""What `check_schema`, `check_fields` and `check_slices` refuse, word for word."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import check, contract, load
from schema.errors import InputError
from schema.fields import Field

LABEL_COLUMNS = {"click": "is_click", "conversion": "is_like"}

TEXT = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature {
  name: "click" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 1 } not_in_environment: "SERVING"
}
feature {
  name: "conversion" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 1 }
  not_in_environment: "SERVING"
}
feature { name: "user_id" type: INT value_count { min: 1 max: 1 } }
feature { name: "city" type: BYTES value_count { min: 1 max: 1 } }
feature { name: "price" type: FLOAT value_count { min: 1 max: 1 } }
feature { name: "tags" type: BYTES value_count { min: 0 max: 10 } }
feature { name: "history" type: INT value_count { min: 0 max: 20 } }
feature { name: "watched" type: FLOAT value_count { min: 0 max: 20 } }
feature { name: "later" type: FLOAT value_count { min: 0 max: 20 } not_in_environment: "SERVING" }
feature { name: "bonus" type: FLOAT value_count { min: 0 max: 20 } lifecycle_stage: DISABLED }
feature { name: "long_view" type: INT lifecycle_stage: DISABLED annotation { tag: "label of another funnel" } }
feature { name: "hidden" type: INT lifecycle_stage: DISABLED }
"""


@pytest.fixture
def curated() -> schema_pb2.Schema:
    return text_format.Parse(TEXT, schema_pb2.Schema())


def named(schema: schema_pb2.Schema, name: str) -> schema_pb2.Feature:
    return next(f for f in schema.feature if f.name == name)


def refusal(schema: schema_pb2.Schema, **field) -> str:
    fields = [Field(name="user_id", entity="user"), Field(**{"entity": "item", **field})]
    with pytest.raises(InputError) as error:
        check.check_fields(schema, fields)
    return str(error.value)


def test_nearest_names_one_and_only_if_near():
    assert check.nearest("user_idd", ["user", "user_id", "video_id"]) == "; did you mean `user_id`?"
    assert check.nearest("zzz", ["user", "user_id"]) == ""
    assert check.nearest("user_id", []) == ""


def test_check_schema_passes_the_good_one(curated):
    check.check_schema(curated, LABEL_COLUMNS)
    named(curated, "user_id").name = "is_lik"  # near a label's column is not the label's column
    check.check_schema(curated, LABEL_COLUMNS)


@pytest.mark.parametrize("label", ["click", "conversion"])
def test_check_schema_without_a_label(curated, label):
    curated.feature.remove(named(curated, label))
    with pytest.raises(InputError) as error:
        check.check_schema(curated, LABEL_COLUMNS)
    assert str(error.value) == (
        f"the schema should have a feature `{label}` of int_domain {{ min: 0 max: 1 }} in TRAINING. "
        "Received: no such feature"
    )


@pytest.mark.parametrize("domain", ["min: 0 max: 2", "min: -1 max: 1", "min: 0", "max: 0", ""])
def test_check_schema_with_a_label_of_another_domain(curated, domain):
    named(curated, "conversion").ClearField("int_domain")
    text_format.Merge(f"int_domain {{ {domain} }}", named(curated, "conversion"))
    with pytest.raises(InputError) as error:
        check.check_schema(curated, LABEL_COLUMNS)
    assert str(error.value) == (
        "the schema should have a feature `conversion` of int_domain { min: 0 max: 1 } in TRAINING. "
        "Received: another domain"
    )


@pytest.mark.parametrize("label", ["click", "conversion"])
def test_check_schema_with_a_label_in_serving(curated, label):
    del named(curated, label).not_in_environment[:]
    with pytest.raises(InputError) as error:
        check.check_schema(curated, LABEL_COLUMNS)
    assert str(error.value) == f"`{label}` is a label: the schema should say not_in_environment: 'SERVING'"


@pytest.mark.parametrize(("column", "label"), [("is_click", "click"), ("is_like", "conversion")])
def test_check_schema_with_a_labels_column_as_feature(curated, column, label):
    named(curated, "user_id").name = column
    with pytest.raises(InputError) as error:
        check.check_schema(curated, LABEL_COLUMNS)
    assert str(error.value) == (
        f"column `{column}` makes the label `{label}`, so the schema should not have it as a feature"
    )


def test_check_schema_without_environments(curated):
    del curated.default_environment[:]
    with pytest.raises(InputError, match=r"default environments TRAINING and SERVING\. Received: \[\]"):
        check.check_schema(curated, LABEL_COLUMNS)


def test_check_schema_with_a_shape(curated):
    user = next(feature for feature in curated.feature if feature.name not in contract.LABELS)
    user.ClearField("value_count")
    user.shape.dim.add(size=1)
    with pytest.raises(InputError) as error:
        check.check_schema(curated, LABEL_COLUMNS)
    assert str(error.value) == f"feature `{user.name}` of the schema should say its value_count. Received: a shape"


def test_check_fields_passes_every_allowed_pair(curated):
    check.check_fields(
        curated,
        [
            Field(name="user_id", entity="user"),
            Field(name="user_bucket", entity="user", feature="user_id", encoding="buckets"),
            Field(name="user_log", entity="user", feature="user_id", encoding="log"),
            Field(name="city", entity="user"),
            Field(name="price", entity="item", encoding="buckets"),
            Field(name="price_log", entity="item", feature="price", encoding="log"),
            Field(name="tags", entity="item", values=3),
            Field(name="history", entity="user", values=20),
            Field(name="first_seen", entity="user", feature="history", values=1),
            Field(name="history_length", entity="user", feature="history", encoding="length", values=20),
            Field(name="tag_count", entity="item", feature="tags", encoding="length", values=5),
            Field(name="watched", entity="user", encoding="buckets", values=5, keep="last"),
            Field(name="history_buckets", entity="user", feature="history", encoding="buckets", values=5),
        ],
    )


@pytest.mark.parametrize("fields", [[], [Field(name="price", entity="item", encoding="log")]])
def test_check_fields_needs_an_embedding(curated, fields):
    with pytest.raises(InputError) as error:
        check.check_fields(curated, fields)
    assert str(error.value) == "`fields` should have at least one field with an embedding"


@pytest.mark.parametrize("label", ["click", "conversion"])
@pytest.mark.parametrize("field", [{"name": "{}"}, {"name": "x", "feature": "{}"}])
def test_check_fields_refuses_a_label(curated, label, field):
    field = {key: value.format(label) for key, value in field.items()}
    assert refusal(curated, **field) == (
        f"`fields.{field['name']}` is made of the label `{label}`, which may never enter the model"
    )


def test_check_fields_refuses_a_disabled_feature_and_says_why(curated):
    assert refusal(curated, name="long_view") == (
        "`fields.long_view` may never enter the model: the schema marks `long_view` DISABLED (label of another funnel)"
    )
    assert refusal(curated, name="harmless", feature="hidden") == (
        "`fields.harmless` may never enter the model: the schema marks `hidden` DISABLED (no reason given)"
    )


def test_check_fields_refuses_a_feature_that_serving_lacks(curated):
    named(curated, "city").not_in_environment.append("SERVING")
    assert refusal(curated, name="city").startswith(
        "`fields.city` should be a feature of the schema. Received: city, which it does not have"
    )


def test_check_fields_with_an_unknown_feature_names_the_nearest(curated):
    assert refusal(curated, name="citty") == (
        "`fields.citty` should be a feature of the schema. Received: citty, which it does not have; "
        "did you mean `city`?"
    )
    assert refusal(curated, name="city", feature="qqqq") == (
        "`fields.city` should be a feature of the schema. Received: qqqq, which it does not have"
    )


def test_check_fields_never_hints_at_a_label_or_a_disabled_feature(curated):
    for name in ("conversio", "clickk", "long_vie"):
        assert "did you mean" not in refusal(curated, name=name)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            {"name": "price"},
            "`fields.price.encoding` should be buckets or log for a FLOAT feature. Received: vocabulary",
        ),
        (
            {"name": "price", "encoding": "hash"},
            "`fields.price.encoding` should be buckets or log for a FLOAT feature. Received: hash",
        ),
        (
            {"name": "city", "encoding": "hash", "min_count": 2},
            "`fields.city.min_count` should be of a field with encoding vocabulary. Received: encoding hash",
        ),
        (
            {"name": "city", "encoding": "hash", "top_k": 2},
            "`fields.city.top_k` should be of a field with encoding vocabulary. Received: encoding hash",
        ),
        (
            {"name": "city", "encoding": "hash", "oov_buckets": 2},
            "`fields.city.oov_buckets` should be of a field with encoding vocabulary. Received: encoding hash",
        ),
        (
            {"name": "price", "encoding": "buckets", "vocabulary": "price"},
            "`fields.price.vocabulary` should be of a field with encoding vocabulary. Received: encoding buckets",
        ),
        (
            {"name": "city", "encoding": "buckets"},
            "`fields.city.encoding` should be vocabulary or hash for a BYTES feature. Received: buckets",
        ),
        (
            {"name": "city", "encoding": "log"},
            "`fields.city.encoding` should be vocabulary or hash for a BYTES feature. Received: log",
        ),
        (
            {"name": "city", "encoding": "hash", "vocabulary": "user_id"},
            "`fields.city.vocabulary` should be of a field with encoding vocabulary. Received: encoding hash",
        ),
        (
            {"name": "history", "encoding": "log"},
            "`fields.history.encoding` should be of one number for a multi-valued feature. Received: log",
        ),
        (
            {"name": "tags", "encoding": "buckets"},
            "`fields.tags.encoding` should be vocabulary or hash for a BYTES feature. Received: buckets",
        ),
        (
            {"name": "n", "feature": "city", "encoding": "length"},
            "`fields.n.encoding` length should be of a multi-valued feature. Received: city, which has one value",
        ),
        (
            {"name": "city", "values": 2},
            "`fields.city.values` should be 1: the schema says the feature has one value. Received: 2",
        ),
        (
            {"name": "price", "encoding": "buckets", "values": 4},
            "`fields.price.values` should be 1: the schema says the feature has one value. Received: 4",
        ),
    ],
)
def test_check_fields_with_an_encoding_that_does_not_fit(curated, field, message):
    assert refusal(curated, **field) == message


def test_check_slices(curated):
    check.check_slices(curated, ["city", "click"])
    check.check_slices(curated, [])
    with pytest.raises(InputError) as error:
        check.check_slices(curated, ["city", "citi"])
    assert str(error.value) == (
        "`evaluation.slices` should be features of the schema. Received: citi, which it does not have; "
        "did you mean `city`?"
    )
    with pytest.raises(InputError, match="Received: long_view, which it does not have"):
        check.check_slices(curated, ["long_view"])


def test_kuairand_refuses_other_funnels_labels():
    kuairand = load.read_schema(load.schema_path("kuairand"))
    assert refusal(kuairand, name="is_hate") == (
        "`fields.is_hate` may never enter the model: the schema marks `is_hate` DISABLED (label of another funnel)"
    )
    assert refusal(kuairand, name="long_view").startswith("`fields.long_view` should be a feature")
    assert refusal(kuairand, name="time_ms", encoding="log").endswith("DISABLED (time)")
    assert refusal(kuairand, name="is_like").startswith("`fields.is_like` should be a feature of the schema.")


CITY = Field(name="city", entity="user")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            {"name": "tags", "vocabulary": "citty"},
            "`fields.tags.vocabulary` should be a field. Received: citty, no such field; did you mean `city`?",
        ),
        (
            {"name": "user_id", "vocabulary": "city"},
            "`fields.user_id.vocabulary` should be of the same type, INT. Received: city, BYTES",
        ),
        (
            {"name": "tags", "vocabulary": "tags"},
            "`fields.tags.vocabulary` should be a field with its own vocabulary. Received: tags, without one",
        ),
        (
            {"name": "tags", "vocabulary": "price"},
            "`fields.tags.vocabulary` should be a field with its own vocabulary. Received: price, without one",
        ),
        *(
            (
                {"name": "tags", "vocabulary": "city", key: 2},
                f"`fields.tags.{key}` should be given for `city`, whose vocabulary it is. Received: one here",
            )
            for key in ("min_count", "top_k", "oov_buckets")
        ),
    ],
)
def test_check_fields_with_a_vocabulary_that_can_t_be_shared(curated, field, message):
    others = (CITY, Field(name="price", entity="item", encoding="buckets"))
    with pytest.raises(InputError) as error:
        check.check_fields(curated, [Field(entity="user", **field), *others])
    assert str(error.value) == message


def test_check_fields_passes_shared_and_hashed_vocabularies(curated):
    shared = Field(name="tags", entity="item", vocabulary="city", values=3, keep="last")
    hashed = Field(name="tag_hash", entity="item", feature="tags", encoding="hash", buckets=9, values=3)
    check.check_fields(curated, [shared, CITY, hashed])


def test_check_fields_passes_weights_of_every_kind_of_ids(curated):
    check.check_fields(
        curated,
        [
            Field(name="history", entity="user", values=3, weights="watched", keep="heaviest"),
            Field(name="first_seen", entity="user", feature="history", vocabulary="history", weights="watched"),
            Field(name="tags", entity="item", encoding="hash", values=3, weights="watched", keep="last"),
            Field(name="watched", entity="user", encoding="buckets", values=3, weights="watched", keep="heaviest"),
            Field(name="city", entity="user", weights="price"),
        ],
    )


@pytest.mark.parametrize(
    ("weights", "received"),
    [
        ("watchd", "watchd, which it does not have; did you mean `watched`?"),
        ("tags", "tags, BYTES"),
        ("history", "history, INT"),
        *((name, f"{name}, which it does not have") for name in ("click", "later", "bonus")),
    ],
)
def test_check_fields_with_weights_that_are_no_floats_that_clients_send(curated, weights, received):
    assert refusal(curated, name="history", weights=weights, keep="heaviest") == (
        f"`fields.history.weights` should be a FLOAT feature of the schema. Received: {received}"
    )


def test_check_fields_with_the_heaviest_values_of_none_that_weigh(curated):
    assert refusal(curated, name="history", keep="heaviest") == (
        "`fields.history.keep` heaviest should come with the values' weights, `fields.history.weights`. Received: none"
    )


@pytest.mark.parametrize(("name", "encoding"), [("history", "length"), ("price", "log")])
def test_check_fields_with_weights_of_no_ids_of_values(curated, name, encoding):
    assert refusal(curated, name=name, encoding=encoding, weights="watched") == (
        f"`fields.{name}.weights` should be of a field with ids of its values. Received: encoding {encoding}"
    )


def test_check_fields_tells_of_weights_and_encoding_at_once(curated):
    fields = [Field(name="city", entity="user", encoding="buckets", keep="heaviest"), Field(name="tags", entity="item")]
    assert list(check.field_problems(curated, fields)) == [
        "`fields.city.encoding` should be vocabulary or hash for a BYTES feature. Received: buckets",
        "`fields.city.keep` heaviest should come with the values' weights, `fields.city.weights`. Received: none",
    ]


def test_stages_are_labels():
    kuairand = load.read_schema(load.schema_path("kuairand"))
    check.check_stages(kuairand, ["click", "long_view", "conversion"])
    assert load.stage_labels(kuairand) == ("long_view",)
    for stage, nearest in (("long_veiw", "; did you mean `long_view`?"), ("tab", ""), ("is_comment", "")):
        with pytest.raises(InputError) as error:
            check.check_stages(kuairand, ["click", stage, "conversion"])
        assert str(error.value) == (
            "`model.stages` should be labels of the schema, of int_domain { min: 0 max: 1 } and not_in_environment: "
            f"'SERVING'. Received: {stage}, which is none{nearest}"
        )


@pytest.mark.parametrize(
    "feature",
    [
        'type: INT int_domain { min: 0 max: 2 } not_in_environment: "SERVING"',
        'type: INT not_in_environment: "SERVING"',
        'type: FLOAT float_domain { min: 0 max: 1 } not_in_environment: "SERVING"',
        "type: INT int_domain { min: 0 max: 1 }",
        'type: INT int_domain { min: 0 max: 1 } not_in_environment: "TRAINING" not_in_environment: "SERVING"',
        'type: INT int_domain { min: 0 max: 1 } not_in_environment: "SERVING" lifecycle_stage: DISABLED',
    ],
)
def test_what_is_no_label_of_a_stage(curated, feature):
    text_format.Merge(f'feature {{ name: "cart" {feature} }}', curated)
    assert load.stage_labels(curated) == ()
