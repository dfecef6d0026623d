"""Columns of the log and their rules, as the schema has them."""

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column, columns_to_read, duplicates_key, event_columns
from components.impression_example_gen.log_format import LogFormat
from schema.errors import InputError

INT, FLOAT, BYTES = schema_pb2.INT, schema_pb2.FLOAT, schema_pb2.BYTES

LABELS = """
    default_environment: "TRAINING" default_environment: "SERVING"
    feature { name: "click" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 1 }
              not_in_environment: "SERVING" }
    feature { name: "conversion" type: INT value_count { min: 1 max: 1 } int_domain { min: 0 max: 1 }
              not_in_environment: "SERVING" }
"""


def schema_of(text: str) -> schema_pb2.Schema:
    return text_format.Parse(LABELS + text, schema_pb2.Schema())


def column(text: str) -> Column:
    """The column of a feature."""
    log = LogFormat()
    (one,) = columns_to_read(schema_of(text), "SERVING", log)
    return one


def test_columns_to_read_are_the_usable_ones_in_the_schemas_order_with_labels_under_their_names_in_the_log():
    schema = schema_of(
        """
        feature { name: "price" type: FLOAT value_count { min: 1 max: 1 } }
        feature { name: "time_ms" type: INT lifecycle_stage: DISABLED }
        feature { name: "tags" type: BYTES value_count { min: 0 max: 9 } }
        """
    )
    log = LogFormat(labels={"click": "is_click", "conversion": "is_like"})
    price = Column("price", FLOAT, optional=True)
    tags = Column("tags", BYTES, multivalued=True, optional=True, max_values=9)
    labels = [Column(name, INT, required=True, low=0, high=1) for name in ("is_click", "is_like")]
    assert columns_to_read(schema, "SERVING", log) == (price, tags)
    assert columns_to_read(schema, "TRAINING", log) == (*labels, price, tags)
    assert [c.name for c in columns_to_read(schema, "TRAINING", LogFormat())][:2] == ["click", "conversion"]


@pytest.mark.parametrize(
    ("presence", "required", "optional"),
    [
        ("", False, True),
        ("presence { }", False, True),
        ("presence { min_fraction: 1 }", True, False),
        ("presence { min_fraction: 0.9 }", False, False),
        ("presence { min_count: 1 }", False, False),
    ],
)
def test_presence(presence, required, optional):
    one = column(f'feature {{ name: "a" type: INT {presence} value_count {{ min: 1 max: 1 }} }}')
    assert one == Column("a", INT, required=required, optional=optional)


@pytest.mark.parametrize(
    ("count", "multivalued", "most"),
    [
        ("value_count { min: 1 max: 1 }", False, 0),
        ("value_count { min: 0 max: 1 }", False, 0),
        ("value_count { min: 0 max: 7 }", True, 7),
        ("value_count { min: 0 }", True, 0),
        ("", True, 0),
    ],
)
def test_numbers_of_values(count, multivalued, most):
    one = column(f'feature {{ name: "a" type: BYTES {count} }}')
    assert one == Column("a", BYTES, multivalued, optional=True, max_values=most)


@pytest.mark.parametrize(
    ("domain", "low", "high"),
    [
        ("type: INT", None, None),
        ("type: INT int_domain { }", None, None),
        ("type: INT int_domain { min: 0 }", 0, None),
        ("type: INT int_domain { max: 0 }", None, 0),
        ("type: INT int_domain { min: -3 max: 9223372036854775807 is_categorical: true }", -3, 2**63 - 1),
        ("type: FLOAT float_domain { min: 0.5 }", 0.5, None),
        ("type: FLOAT float_domain { min: -1 max: 1.5 }", -1.0, 1.5),
    ],
)
def test_domains_of_numbers(domain, low, high):
    one = column(f'feature {{ name: "a" {domain} value_count {{ min: 1 max: 1 }} }}')
    assert (one.low, one.high, one.tokens) == (low, high, ())


@pytest.mark.parametrize(
    ("domain", "tokens"),
    [
        ("", ()),
        ('string_domain { value: "x" value: "é" value: "" }', (b"x", "é".encode(), b"")),
        ('domain: "colors"', (b"red", b"blue")),
        ('domain: "unknown"', ()),
        ('domain: "colors" distribution_constraints { }', (b"red", b"blue")),
        ('domain: "colors" distribution_constraints { min_domain_mass: 1 }', (b"red", b"blue")),
        ('domain: "colors" distribution_constraints { min_domain_mass: 0.99 }', ()),
        ('string_domain { value: "x" } distribution_constraints { min_domain_mass: 0 }', ()),
    ],
)
def test_closed_domains_of_strings_inline_and_named(domain, tokens):
    one = column(
        'string_domain { name: "colors" value: "red" value: "blue" } string_domain { name: "other" value: "z" }'
        f'feature {{ name: "a" type: BYTES value_count {{ min: 1 max: 1 }} {domain} }}'
    )
    assert (one.tokens, one.low, one.high) == (tokens, None, None)


@pytest.mark.parametrize(
    ("one", "arrow_type"),
    [
        (Column("a", INT), pa.int64()),
        (Column("a", FLOAT), pa.float32()),
        (Column("a", BYTES), pa.binary()),
        (Column("a", INT, multivalued=True), pa.list_(pa.int64())),
        (Column("a", FLOAT, multivalued=True), pa.list_(pa.float32())),
        (Column("a", BYTES, multivalued=True), pa.list_(pa.binary())),
    ],
)
def test_arrow_types(one, arrow_type):
    assert one.arrow_type == arrow_type
    assert one.value_type == (arrow_type.value_type if one.multivalued else arrow_type)


def test_a_column_without_its_rules():
    one = Column("a", INT, True, optional=True, required=True, max_values=3, low=0, high=1, tokens=(b"x",))
    assert one.without_rules() == Column("a", INT, True, optional=True)


# --- Keys.

KEYS = schema_of(
    """
    feature { name: "user" type: INT presence { min_fraction: 1 } int_domain { min: 5 } value_count { min: 1 max: 1 } }
    feature { name: "request" type: BYTES lifecycle_stage: DISABLED value_count { min: 1 max: 1 } }
    feature { name: "tags" type: BYTES value_count { min: 0 max: 9 } }
    feature { name: "score" type: FLOAT value_count { min: 1 max: 1 } }
    """
)


def test_the_key_of_duplicates_is_made_of_columns_of_the_schema_also_disabled_ones_without_rules():
    assert duplicates_key(KEYS, ("request", "user")) == (Column("request", BYTES), Column("user", INT))


def test_a_key_that_the_schema_does_not_have():
    with pytest.raises(InputError) as error:
        duplicates_key(KEYS, ("user", "reqest"))
    assert str(error.value) == (
        "`data.log.duplicates.key` should be columns that the schema has (DISABLED ones too). "
        "Received: reqest, which it does not have; did you mean `request`?"
    )


def test_a_key_of_several_values():
    with pytest.raises(InputError) as error:
        duplicates_key(KEYS, ("user", "tags"))
    assert str(error.value) == "`data.log.duplicates.key` should be columns with one value. Received: tags"


def events(**names: str) -> LogFormat:
    return LogFormat(format="events", events=names)


@pytest.mark.parametrize(
    ("log", "id_column", "time"),
    [
        (events(), ("impression_id", INT), ("time", INT)),
        (events(impression_id="request", time="at"), ("request", BYTES), ("at", INT)),
        (events(impression_id="user", time="user"), ("user", INT), ("user", INT)),
    ],
)
def test_the_columns_of_events_are_required_and_integers_where_the_schema_lacks_them(log, id_column, time):
    expected = (Column(*id_column, required=True), Column(*time, required=True))
    assert event_columns(KEYS, log) == expected


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (
            events(impression_id="score"),
            "`data.log.events.impression_id` should be a column of type INT or BYTES. "
            "Received: score, FLOAT in the schema",
        ),
        (
            events(time="request"),
            "`data.log.events.time` should be a column of type INT. Received: request, BYTES in the schema",
        ),
        (
            events(time="score"),
            "`data.log.events.time` should be a column of type INT. Received: score, FLOAT in the schema",
        ),
    ],
)
def test_a_column_of_events_that_nothing_can_be_joined_by(log, message):
    with pytest.raises(InputError) as error:
        event_columns(KEYS, log)
    assert str(error.value) == message
