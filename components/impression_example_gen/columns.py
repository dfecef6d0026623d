"""The columns of a log that examples are made of, and what the schema demands of their values."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.log_format import LogFormat
from schema import contract, load
from schema.check import nearest
from schema.errors import InputError

_VALUE_TYPES = {schema_pb2.INT: pa.int64(), schema_pb2.FLOAT: pa.float32(), schema_pb2.BYTES: pa.binary()}


@dataclass(frozen=True)
class Column:
    """A column to read, and the rules that make a row with it a dead letter.

    Attributes:
        name: In the log.
        type: Type of its values by the schema.
        multivalued: Whether a row holds a list of values.
        optional: Whether a file may lack it.
        required: Whether every row must have it.
        max_values: Most values in a row, 0 for any number.
        low: Least number allowed, None for any.
        high: Largest number allowed, None for any.
        tokens: The only strings allowed, empty for any.
    """

    name: str
    type: "schema_pb2.FeatureType.ValueType"
    multivalued: bool = False
    optional: bool = False
    required: bool = False
    max_values: int = 0
    low: float | None = None
    high: float | None = None
    tokens: tuple[bytes, ...] = ()

    @property
    def value_type(self) -> pa.DataType:
        return _VALUE_TYPES[self.type]

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.list_(self.value_type) if self.multivalued else self.value_type

    def without_rules(self) -> "Column":
        """The same column, with any values of its type."""
        return Column(self.name, self.type, self.multivalued, self.optional)


def columns_to_read(schema: schema_pb2.Schema, environment: str, log: LogFormat) -> tuple[Column, ...]:
    """Columns of the log that examples of `environment` are made of, in the schema's order."""
    in_log = {contract.CLICK: log.labels.click, contract.CONVERSION: log.labels.conversion}
    return tuple(
        _column(in_log.get(name, name), feature, schema, required=name in in_log)
        for name, feature in load.usable_features(schema, environment).items()
    )


def duplicates_key(schema: schema_pb2.Schema, names: Iterable[str]) -> tuple[Column, ...]:
    """Columns that tell impressions apart: any that the schema knows, also DISABLED ones.

    Raises:
        InputError: The schema does not know one, or has several values of it.
    """
    known = {feature.name: feature for feature in schema.feature}
    columns = []
    for name in names:
        if name not in known:
            raise InputError(
                f"`data.log.duplicates.key` should be columns that the schema has (DISABLED ones too). "
                f"Received: {name}, which it does not have{nearest(name, known)}"
            )
        if load.is_multivalued(known[name]) and not load.is_disabled(known[name]):  # of those it says little more
            raise InputError(f"`data.log.duplicates.key` should be columns with one value. Received: {name}")
        columns.append(Column(name, known[name].type))
    return tuple(columns)


def _column(name: str, feature: schema_pb2.Feature, schema: schema_pb2.Schema, required: bool) -> Column:
    low, high = _bounds(feature)
    return Column(
        name,
        feature.type,
        load.is_multivalued(feature),
        optional=not (required or feature.presence.min_fraction or feature.presence.min_count),
        required=required or feature.presence.min_fraction == 1,
        max_values=feature.value_count.max if load.is_multivalued(feature) else 0,
        low=low,
        high=high,
        tokens=_tokens(feature, schema),
    )


def event_columns(schema: schema_pb2.Schema, log: LogFormat) -> tuple[Column, Column]:
    """The id and the time that events are joined by; integers where the schema does not list them.

    Raises:
        InputError: The schema has a type for one of them that nothing can be joined by.
    """
    types = {feature.name: feature.type for feature in schema.feature}
    columns = []
    for key, name, allowed in (
        ("impression_id", log.events.impression_id, (schema_pb2.INT, schema_pb2.BYTES)),
        ("time", log.events.time, (schema_pb2.INT,)),
    ):
        kind = types.get(name, schema_pb2.INT)
        if kind not in allowed:
            of_type = " or ".join(schema_pb2.FeatureType.Name(one) for one in allowed)
            received = schema_pb2.FeatureType.Name(kind)
            raise InputError(
                f"`data.log.events.{key}` should be a column of type {of_type}. "
                f"Received: {name}, {received} in the schema"
            )
        columns.append(Column(name, kind, required=True))
    return columns[0], columns[1]


def _bounds(feature: schema_pb2.Feature) -> tuple[float | None, float | None]:
    kind = feature.WhichOneof("domain_info")
    if kind not in ("int_domain", "float_domain"):
        return None, None
    domain = getattr(feature, kind)
    return domain.min if domain.HasField("min") else None, domain.max if domain.HasField("max") else None


def _tokens(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> tuple[bytes, ...]:
    """The closed domain; none where the schema lets a share of the values lie outside of it."""
    constraints = feature.distribution_constraints
    if feature.HasField("distribution_constraints") and constraints.min_domain_mass < 1:
        return ()
    named = {domain.name: domain for domain in schema.string_domain}
    kind = feature.WhichOneof("domain_info")
    if kind == "domain" and feature.domain in named:
        return tuple(value.encode() for value in named[feature.domain].value)
    return tuple(value.encode() for value in feature.string_domain.value) if kind == "string_domain" else ()
