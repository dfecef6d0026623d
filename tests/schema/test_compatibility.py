"""Which changes of the real schema break whom, and what is told of them."""

from collections.abc import Callable

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import compatibility, load
from schema.compatibility import Change

Schema = schema_pb2.Schema
BOTH = ("training", "serving clients")


@pytest.fixture(scope="module")
def kuairand() -> Schema:
    return load.read_schema(load.schema_path("kuairand"))


@pytest.fixture
def changed(kuairand) -> Schema:
    schema = Schema()
    schema.CopyFrom(kuairand)
    return schema


def named(schema: Schema, name: str) -> schema_pb2.Feature:
    (feature,) = [f for f in schema.feature if f.name == name]
    return feature


def setting(name: str, text: str, *cleared: str) -> Callable[[Schema], None]:
    """A change that clears parts of a feature and merges others."""

    def change(schema: Schema) -> None:
        for part in cleared:
            named(schema, name).ClearField(part)
        text_format.Merge(text, named(schema, name))

    return change


def adding(text: str) -> Callable[[Schema], None]:
    return lambda schema: schema.feature.append(text_format.Parse(text, schema_pb2.Feature()))


def removing(name: str) -> Callable[[Schema], None]:
    return lambda schema: schema.feature.remove(named(schema, name))


def string_domain(name: str, *values: str) -> Callable[[Schema], None]:
    def change(schema: Schema) -> None:
        (domain,) = [d for d in schema.string_domain if d.name == name]
        domain.value[:] = values

    return change


def test_a_schema_is_compatible_with_itself(kuairand, changed):
    assert compatibility.compare(kuairand, changed) == []


BREAKING = {
    "removed": (removing("tab"), "`tab` should stay in TRAINING and SERVING. Received: no such feature", BOTH),
    "disabled": (
        setting("tab", "lifecycle_stage: DISABLED"),
        "`tab` should stay in TRAINING and SERVING. Received: DISABLED",
        BOTH,
    ),
    "disabled with a reason": (
        setting("tab", 'lifecycle_stage: DISABLED annotation { tag: "time" }'),
        "`tab` should stay in TRAINING and SERVING. Received: DISABLED (time)",
        BOTH,
    ),
    "leaves SERVING": (
        setting("tab", 'not_in_environment: "SERVING"'),
        "`tab` should stay in TRAINING and SERVING. Received: TRAINING",
        ("serving clients",),
    ),
    "leaves TRAINING": (
        setting("tab", 'not_in_environment: "TRAINING"'),
        "`tab` should stay in TRAINING and SERVING. Received: SERVING",
        ("training",),
    ),
    "leaves both": (
        setting("tab", 'not_in_environment: "TRAINING" not_in_environment: "SERVING"'),
        "`tab` should stay in TRAINING and SERVING. Received: in no environment",
        BOTH,
    ),
    "a label removed": (
        removing("click"),
        "`click` should stay in TRAINING. Received: no such feature",
        ("training",),
    ),
    "a label in SERVING": (
        setting("click", "", "not_in_environment"),
        "`click` is a label and should stay out of SERVING. Received: TRAINING and SERVING",
        ("serving clients",),
    ),
    "an optional label in SERVING": (
        setting("click", "presence { min_fraction: 0 min_count: 0 }", "not_in_environment"),
        "`click` is a label and should stay out of SERVING. Received: TRAINING and SERVING",
        ("serving clients",),
    ),
    "a label of other values": (
        setting("click", "int_domain { min: 1 }"),
        "`click` should still allow 0 to 1. Received: 1",
        ("training",),
    ),
    "new and required": (
        adding('name: "age" type: INT presence { min_fraction: 1 } value_count { min: 1 max: 1 }'),
        "`age` should enter TRAINING and SERVING without presence, as what was logged or sent before lacks it. "
        "Received: min_fraction 1, min_count 0",
        BOTH,
    ),
    "new and in most rows": (
        adding('name: "age" type: INT presence { min_fraction: 0.9 } value_count { min: 1 max: 1 }'),
        "`age` should enter TRAINING and SERVING without presence, as what was logged or sent before lacks it. "
        "Received: min_fraction 0.9, min_count 0",
        ("training",),
    ),
    "new and in some row": (
        adding('name: "age" type: INT presence { min_count: 1 } value_count { min: 1 max: 1 }'),
        "`age` should enter TRAINING and SERVING without presence, as what was logged or sent before lacks it. "
        "Received: min_fraction 0, min_count 1",
        ("training",),
    ),
    "new and required in SERVING": (
        adding('name: "age" type: INT presence { min_fraction: 1 } not_in_environment: "TRAINING"'),
        "`age` should enter SERVING without presence, as what was logged or sent before lacks it. "
        "Received: min_fraction 1, min_count 0",
        ("serving clients",),
    ),
    "enabled and required": (
        setting("hourmin", "presence { min_fraction: 1 }", "lifecycle_stage"),
        "`hourmin` should enter TRAINING and SERVING without presence, as what was logged or sent before lacks it. "
        "Received: min_fraction 1, min_count 0",
        BOTH,
    ),
    "type": (
        setting("tab", "type: BYTES", "int_domain"),
        "`tab` should stay of type INT. Received: BYTES",
        BOTH,
    ),
    "type of a label": (
        setting("click", "type: FLOAT", "int_domain"),
        "`click` should stay of type INT. Received: FLOAT",
        ("training",),
    ),
    "single to multi": (
        setting("tab", "value_count { max: 5 }"),
        "`tab` should stay single-valued. Received: 1 to 5 values",
        BOTH,
    ),
    "single to any number": (
        setting("tab", "", "value_count"),
        "`tab` should stay single-valued. Received: at least 0 values",
        BOTH,
    ),
    "multi to single": (
        setting("tags", "value_count { max: 1 }"),
        "`tags` should stay multi-valued. Received: 0 to 1 values",
        BOTH,
    ),
    "fewer values": (
        setting("tags", "value_count { max: 9 }"),
        "`tags` should still allow 0 to 10 values. Received: 0 to 9",
        BOTH,
    ),
    "no empty list": (
        setting("tags", "value_count { min: 1 }"),
        "`tags` should still allow 0 to 10 values. Received: 1 to 10",
        BOTH,
    ),
    "required": (
        setting("tags", "presence { min_fraction: 1 }"),
        "`tags` should stay optional. Received: min_fraction 1, min_count 1",
        BOTH,
    ),
    "in more rows": (
        setting("tags", "presence { min_fraction: 0.95 }"),
        "`tags` should ask for a presence of at most min_fraction 0.9, min_count 1. "
        "Received: min_fraction 0.95, min_count 1",
        ("training",),
    ),
    "in more rows, by count": (
        setting("tags", "presence { min_count: 100 }"),
        "`tags` should ask for a presence of at most min_fraction 0.9, min_count 1. "
        "Received: min_fraction 0.9, min_count 100",
        ("training",),
    ),
    "lower int_domain.max": (
        setting("tab", "int_domain { max: 10 }"),
        "`tab` should still allow 0 to 14. Received: 0 to 10",
        BOTH,
    ),
    "wider on one side, narrower on the other": (
        setting("tab", "int_domain { min: 1 max: 20 }"),
        "`tab` should still allow 0 to 14. Received: 1 to 20",
        BOTH,
    ),
    "closed upwards": (
        setting("video_id", "int_domain { max: 9007199254740993 }"),
        "`video_id` should still allow at least 0. Received: 0 to 9007199254740993",
        BOTH,
    ),
    "strings removed": (
        string_domain("video_type", "NORMAL"),
        "`video_type` should still allow AD, UNKNOWN. Received: NORMAL",
        BOTH,
    ),
    "strings closed by an inline domain": (
        setting("tags", 'string_domain { value: "b" value: "a" }'),
        "`tags` should still allow any value. Received: only a, b",
        BOTH,
    ),
    "a shape": (
        setting("tab", "shape { dim { size: 1 } }"),
        "`tab` should keep its shape. Received: another one",
        BOTH,
    ),
}


@pytest.mark.parametrize("case", BREAKING)
def test_breaking(kuairand, changed, case):
    change, message, breaks = BREAKING[case]
    change(changed)
    told = compatibility.compare(kuairand, changed)
    assert (message, breaks) in [(one.message, one.breaks) for one in told]
    (feature,) = {one.feature for one in told}  # of the one that changed, and of no other
    assert message.startswith(f"`{feature}` ")


COMPATIBLE = {
    "new and optional": (
        adding('name: "age" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 }'),
        "`age` enters TRAINING and SERVING, optional",
    ),
    "new in SERVING, in most requests": (
        adding('name: "age" type: INT presence { min_fraction: 0.9 } not_in_environment: "TRAINING"'),
        "`age` enters SERVING, optional",
    ),
    "new and disabled": (
        adding('name: "age" type: INT lifecycle_stage: DISABLED annotation { tag: "time" }'),
        "`age` is new, and DISABLED (time)",
    ),
    "enabled and optional": (
        setting("hourmin", "", "lifecycle_stage"),
        "`hourmin` enters TRAINING and SERVING, optional; it was DISABLED (time)",
    ),
    "a disabled one removed": (removing("hourmin"), "`hourmin` is removed; it was DISABLED (time)"),
    "a disabled one of another type": (
        setting("hourmin", "type: BYTES"),
        "`hourmin`, DISABLED (time), has another type",
    ),
    "wider int_domain": (setting("tab", "int_domain { min: -1 max: 20 }"), "`tab` allows -1 to 20, was 0 to 14"),
    "no int_domain": (setting("tab", "", "int_domain"), "`tab` allows any number, was 0 to 14"),
    "lower int_domain.min of an open one": (
        setting("video_id", "int_domain { min: -5 }"),
        "`video_id` allows at least -5, was at least 0",
    ),
    "strings added": (
        string_domain("video_type", "AD", "NORMAL", "UNKNOWN", "LIVE"),
        "`video_type` also allows LIVE",
    ),
    "strings opened": (setting("video_type", "", "domain"), "`video_type` allows any value, was AD, NORMAL, UNKNOWN"),
    "optional": (
        setting("tab", "presence { min_fraction: 0.9 }"),
        "`tab` has presence min_fraction 0.9, min_count 1, was min_fraction 1, min_count 1",
    ),
    "in fewer rows, by count": (
        setting("tags", "presence { min_count: 0 }"),
        "`tags` has presence min_fraction 0.9, min_count 0, was min_fraction 0.9, min_count 1",
    ),
    "more values": (setting("tags", "value_count { max: 20 }"), "`tags` allows 0 to 20 values, was 0 to 10"),
    "any number of values": (
        setting("tags", "value_count { min: 0 }", "value_count"),
        "`tags` allows at least 0 values, was 0 to 10",
    ),
    "comparators and annotation": (
        setting(
            "tab",
            'drift_comparator { infinity_norm { threshold: 0.123 } } annotation { tag: "x" } '
            "skew_comparator { infinity_norm { threshold: 0.123 } }",
        ),
        "`tab` has another annotation, drift_comparator, skew_comparator",
    ),
    "distribution_constraints": (
        setting("tab", "distribution_constraints { min_domain_mass: 0.9 }"),
        "`tab` has another distribution_constraints",
    ),
    "is_categorical": (setting("tab", "int_domain { is_categorical: false }"), "`tab` has another int_domain"),
    "the same strings inline": (
        setting("video_type", 'string_domain { value: "UNKNOWN" value: "NORMAL" value: "AD" }'),
        "`video_type` has another domain, string_domain",
    ),
}


@pytest.mark.parametrize("case", COMPATIBLE)
def test_compatible(kuairand, changed, case):
    change, message = COMPATIBLE[case]
    change(changed)
    (told,) = compatibility.compare(kuairand, changed)
    assert (told.message, told.breaks) == (message, ())
    assert message.startswith(f"`{told.feature}`")


def test_renamed_is_removed_and_added(kuairand, changed):
    named(changed, "tab").name = "page"
    assert compatibility.compare(kuairand, changed) == [
        Change("tab", "`tab` should stay in TRAINING and SERVING. Received: no such feature", BOTH),
        Change(
            "page",
            "`page` should enter TRAINING and SERVING without presence, as what was logged or sent before lacks it. "
            "Received: min_fraction 1, min_count 1",
            BOTH,
        ),
    ]


def test_of_another_type_the_domains_are_not_compared(kuairand, changed):
    setting("tab", 'type: BYTES string_domain { value: "a" }', "int_domain")(changed)
    assert compatibility.compare(kuairand, changed) == [
        Change("tab", "`tab` should stay of type INT. Received: BYTES", BOTH)
    ]


def test_a_feature_of_training_that_enters_serving(kuairand, changed):
    base = Schema()
    base.CopyFrom(kuairand)
    for name in ("tab", "tags"):
        named(base, name).not_in_environment.append("SERVING")
    assert compatibility.compare(base, changed) == [
        Change("tags", "`tags` enters SERVING, optional"),
        Change(
            "tab",
            "`tab` should enter SERVING without presence, as what was logged or sent before lacks it. "
            "Received: min_fraction 1, min_count 1",
            ("serving clients",),
        ),
    ]


def test_order_and_names_of_domains_mean_nothing(kuairand, changed):
    features = sorted(changed.feature, key=lambda feature: feature.name)
    del changed.feature[:]
    changed.feature.extend(features)
    assert compatibility.compare(kuairand, changed) == []
    (domain,) = [d for d in changed.string_domain if d.name == "video_type"]
    domain.name = named(changed, "video_type").domain = "kind"
    assert compatibility.compare(kuairand, changed) == [Change("video_type", "`video_type` has another domain")]


def test_strings_removed_and_added_are_two_changes(kuairand, changed):
    string_domain("video_type", "AD", "NORMAL", "LIVE")(changed)
    assert compatibility.compare(kuairand, changed) == [
        Change("video_type", "`video_type` should still allow UNKNOWN. Received: AD, LIVE, NORMAL", BOTH),
        Change("video_type", "`video_type` also allows LIVE"),
    ]


def test_strings_of_an_open_domain_may_go_and_closing_it_breaks(kuairand, changed):
    base = Schema()
    base.CopyFrom(kuairand)
    named(base, "video_type").distribution_constraints.min_domain_mass = 0.9
    named(changed, "video_type").distribution_constraints.min_domain_mass = 0.8
    string_domain("video_type", "NORMAL")(changed)
    assert [(one.message, one.breaks) for one in compatibility.compare(base, changed)] == [
        ("`video_type` has another distribution_constraints", ())
    ]
    named(changed, "video_type").distribution_constraints.min_domain_mass = 1
    assert compatibility.compare(base, changed)[0] == Change(
        "video_type", "`video_type` should still allow any value. Received: only NORMAL", BOTH
    )


def test_an_int_domain_is_not_opened_by_a_domain_mass(kuairand, changed):
    setting("tab", "int_domain { max: 10 } distribution_constraints { min_domain_mass: 0.9 }")(changed)
    assert compatibility.compare(kuairand, changed)[0] == Change(
        "tab", "`tab` should still allow 0 to 14. Received: 0 to 10", BOTH
    )


def test_float_domains(kuairand, changed):
    base = Schema()
    base.CopyFrom(kuairand)
    for schema, domain in ((base, "min: 0 max: 1"), (changed, "min: 0 max: 0.5")):
        adding(f'name: "price" type: FLOAT value_count {{ min: 1 max: 1 }} float_domain {{ {domain} }}')(schema)
    assert compatibility.compare(base, changed) == [
        Change("price", "`price` should still allow 0 to 1. Received: 0 to 0.5", BOTH)
    ]
    assert compatibility.compare(changed, base) == [Change("price", "`price` allows 0 to 1, was 0 to 0.5")]


def test_a_long_list_of_strings_is_cut(kuairand, changed):
    string_domain("upload_type", "Web")(changed)
    (told,) = compatibility.compare(kuairand, changed)
    assert told.message == (
        "`upload_type` should still allow AiCutVideo, FollowShoot, Kmovie, LongCamera, LongImport and 6 more. "
        "Received: Web"
    )


def test_default_environments(kuairand, changed):
    changed.default_environment[:] = ["TRAINING", "AUDIT"]
    assert compatibility.compare(kuairand, changed) == [
        Change("", "default_environment should still have SERVING. Received: TRAINING and AUDIT", ("serving clients",))
    ]
    del changed.default_environment[:]
    assert compatibility.compare(kuairand, changed) == [
        Change("", "default_environment should still have TRAINING and SERVING. Received: none", BOTH)
    ]
    assert compatibility.compare(changed, kuairand) == []


def test_other_parts_of_the_schema(kuairand, changed):
    changed.represent_variable_length_as_ragged = True
    changed.annotation.tag.append("x")
    assert compatibility.compare(kuairand, changed) == [
        Change("", "the schema has another annotation"),
        Change("", "the schema should keep its represent_variable_length_as_ragged. Received: another one", BOTH),
    ]


def test_schemas_that_are_not_well_formed_are_compared_too(kuairand, changed):
    setting("tab", 'string_domain { value: "a" }')(changed)
    named(changed, "video_type").domain = "nowhere"
    assert [(one.message, one.breaks) for one in compatibility.compare(kuairand, changed)] == [
        ("`video_type` allows any value, was AD, NORMAL, UNKNOWN", ()),
        ("`tab` allows any number, was 0 to 14", ()),
    ]
    everything_gone = compatibility.compare(kuairand, Schema())
    assert len([one for one in everything_gone if one.breaks == BOTH]) == 1 + 39
    assert compatibility.compare(Schema(), Schema()) == []
