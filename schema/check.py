"""Checks that a schema is well-formed and that a configuration's fields are allowed by it."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import contract, load
from schema.errors import InputError
from schema.fields import Field


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean \\`x\\`?"` with the known name nearest to `name`, or nothing where none is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def check_schema(schema: schema_pb2.Schema, label_columns: Mapping[str, str]) -> None:
    """Checks the parts of a schema that the pipeline relies on.

    Args:
        schema: The curated schema.
        label_columns: Column of the log for each label of `contract.LABELS`.

    Raises:
        InputError: A label is missing, has another domain than 0 and 1, or is visible in SERVING; a feature has a
            shape; or a column that a label is made of is also a feature.
    """
    training = load.usable_features(schema, contract.TRAINING)
    serving = load.usable_features(schema, contract.SERVING)
    for name, feature in training.items():
        if feature.HasField("shape"):
            raise InputError(f"feature `{name}` of the schema should say its value_count. Received: a shape")
    for label in contract.LABELS:
        feature = training.get(label)
        if feature is None or (feature.int_domain.min, feature.int_domain.max) != (0, 1):
            raise InputError(
                f"the schema should have a feature `{label}` of int_domain {{ min: 0 max: 1 }} in {contract.TRAINING}. "
                f"Received: {'no such feature' if feature is None else 'another domain'}"
            )
        if label in serving:
            raise InputError(f"`{label}` is a label: the schema should say not_in_environment: {contract.SERVING!r}")
        column = label_columns[label]
        if column in serving:
            raise InputError(
                f"column `{column}` makes the label `{label}`, so the schema should not have it as a feature"
            )


def check_fields(schema: schema_pb2.Schema, fields: Sequence[Field]) -> None:
    """Checks that every field is made of a feature that the schema allows, in a way that fits its type.

    Raises:
        InputError: The message names the field.
    """
    serving = load.usable_features(schema, contract.SERVING)
    disabled = {f.name: f for f in schema.feature if load.is_disabled(f)}
    if not any(f.encoding != "log" for f in fields):
        raise InputError("`fields` should have at least one field with an embedding")
    for field in fields:
        where = f"fields.{field.name}"
        if field.source in contract.LABELS:
            raise InputError(f"`{where}` is made of the label `{field.source}`, which may never enter the model")
        if field.source in disabled:
            why = ", ".join(disabled[field.source].annotation.tag) or "no reason given"
            raise InputError(f"`{where}` may never enter the model: the schema marks `{field.source}` DISABLED ({why})")
        if field.source not in serving:
            raise InputError(
                f"`{where}` should be a feature of the schema. Received: {field.source}, which it does not have"
                f"{nearest(field.source, serving)}"
            )
        _check_encoding(where, field, serving[field.source])


def check_slices(schema: schema_pb2.Schema, slices: Iterable[str]) -> None:
    """Checks that metrics are sliced by features that examples hold.

    Raises:
        InputError: The message names the slice.
    """
    known = load.usable_features(schema, contract.TRAINING)
    for name in slices:
        if name not in known:
            raise InputError(
                f"`evaluation.slices` should be features of the schema. Received: {name}, which it does not have"
                f"{nearest(name, known)}"
            )


def _check_encoding(where: str, field: Field, feature: schema_pb2.Feature) -> None:
    type_name = schema_pb2.FeatureType.Name(feature.type)
    multivalued = load.is_multivalued(feature)
    if field.encoding == "vocabulary" and feature.type == schema_pb2.FLOAT:
        raise InputError(f"`{where}.encoding` should be buckets or log for a FLOAT feature. Received: vocabulary")
    if field.encoding == "length":
        if not multivalued:
            raise InputError(
                f"`{where}.encoding` length should be of a multi-valued feature. "
                f"Received: {field.source}, which has one value"
            )
        return
    if field.encoding != "vocabulary" and (feature.type == schema_pb2.BYTES or multivalued):
        raise InputError(
            f"`{where}.encoding` should be vocabulary for a {'multi-valued' if multivalued else type_name} feature. "
            f"Received: {field.encoding}"
        )
    if field.values > 1 and not multivalued:
        raise InputError(
            f"`{where}.values` should be 1: the schema says the feature has one value. Received: {field.values}"
        )
