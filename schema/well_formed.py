"""What is wrong with a schema by itself, whatever it is used for."""

from collections import Counter
from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import load

_DOMAINS = {schema_pb2.INT: "int_domain", schema_pb2.FLOAT: "float_domain", schema_pb2.BYTES: "string_domain"}

# Those that tf.Transform reads. The other stages it passes over in silence, where we know DISABLED only.
_STAGES = (schema_pb2.UNKNOWN_STAGE, schema_pb2.BETA, schema_pb2.PRODUCTION)


def problems(schema: schema_pb2.Schema) -> Iterator[str]:
    """One line for each thing that is wrong; of a DISABLED feature only its name counts."""
    for number, feature in enumerate(schema.feature, start=1):
        if not feature.name:
            yield f"every feature of the schema should have a name. Received: none for feature {number}"
    yield from _repeated("feature", [feature.name for feature in schema.feature])
    yield from _repeated("string_domain", [domain.name for domain in schema.string_domain])
    for domain in schema.string_domain:
        if not domain.value:
            yield f"string_domain `{domain.name}` of the schema should have values. Received: none"
    for feature in schema.feature:
        if not load.is_disabled(feature):
            yield from _of_feature(feature, schema)


def _repeated(kind: str, names: list[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if name and count > 1:
            yield f"{kind} `{name}` should be in the schema once. Received: {count} times"


def _of_feature(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> Iterator[str]:
    where = f"feature `{feature.name}` of the schema"
    if feature.type not in _DOMAINS:
        type_name = schema_pb2.FeatureType.Name(feature.type)
        yield f"{where} should be of type INT, FLOAT or BYTES. Received: {type_name}"
    if feature.deprecated or feature.lifecycle_stage not in _STAGES:
        stage = schema_pb2.LifecycleStage.Name(feature.lifecycle_stage) if feature.lifecycle_stage else "deprecated"
        yield f"{where} should be DISABLED, BETA, PRODUCTION or say no lifecycle_stage. Received: {stage}"
    if feature.WhichOneof("shape_type") in ("shape", "value_counts"):
        received = "a shape" if feature.HasField("shape") else "value_counts"
        yield f"{where} should say its value_count. Received: {received}"
    count = feature.value_count
    if count.min < 0 or (count.HasField("max") and count.max < max(count.min, 1)):
        most = f" max {count.max}" if count.HasField("max") else ""
        yield f"{where} should have a value_count of 0 ≤ min ≤ max and 1 ≤ max. Received: min {count.min}{most}"
    presence = feature.presence
    if not 0 <= presence.min_fraction <= 1:
        yield f"{where} should have a presence.min_fraction from 0 to 1. Received: {presence.min_fraction:g}"
    if presence.min_count < 0:
        yield f"{where} should have a presence.min_count of 0 or more. Received: {presence.min_count}"
    for environment in (*feature.in_environment, *feature.not_in_environment):
        if environment not in schema.default_environment:
            known = " and ".join(schema.default_environment) or "none"
            yield f"{where} should name environments that default_environment has, {known}. Received: {environment}"
    if feature.type != schema_pb2.BYTES and not feature.int_domain.is_categorical:
        for comparator in ("drift_comparator", "skew_comparator"):
            if feature.HasField(comparator) and getattr(feature, comparator).HasField("infinity_norm"):
                # TFDV would find a distance of 0, whatever changed.
                yield (
                    f"{where} should compare numbers by jensen_shannon_divergence, or be categorical. "
                    f"Received: infinity_norm in its {comparator}"
                )
    yield from _of_domain(feature, schema, where)


def _of_domain(feature: schema_pb2.Feature, schema: schema_pb2.Schema, where: str) -> Iterator[str]:
    kind = feature.WhichOneof("domain_info")
    if kind == "domain":
        kind = "string_domain"
        if feature.domain not in [domain.name for domain in schema.string_domain]:
            yield f"{where} should name a string_domain that the schema defines. Received: domain {feature.domain}"
    elif kind == "string_domain" and not feature.string_domain.value:
        yield f"{where} should have values in its string_domain. Received: none"
    expected = _DOMAINS.get(feature.type)
    if expected and kind in _DOMAINS.values() and kind != expected:
        type_name = schema_pb2.FeatureType.Name(feature.type)
        yield f"{where} should have a domain of kind {expected} or none, as its type is {type_name}. Received: {kind}"
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        if domain.HasField("min") and domain.HasField("max") and domain.min > domain.max:
            yield f"{where} should have min ≤ max in its {kind}. Received: min {domain.min} max {domain.max}"
    mass = feature.distribution_constraints.min_domain_mass
    if not 0 <= mass <= 1:
        yield f"{where} should have a min_domain_mass from 0 to 1. Received: {mass:g}"
