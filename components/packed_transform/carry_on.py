"""Vocabularies of an earlier run that are carried on: known tokens keep their ids."""

import os
from collections.abc import Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio

from schema import fields as schema_fields
from schema import vocabulary
from schema.errors import InputError
from schema.fields import Field
from schema.vocabulary import Entry

_DTYPES = {schema_pb2.INT: "int64", schema_pb2.BYTES: "string"}


def check(transform_graph: str, fields: Sequence[Field], schema: schema_pb2.Schema) -> None:
    """Checks that an earlier run's vocabularies are of the same fields.

    Args:
        transform_graph: Directory of the earlier transform graph.
        fields: Of this run; there is nothing to check for those without a vocabulary of their own.
        schema: With the fields' features.

    Raises:
        InputError: There are no vocabularies, or none of these fields, or one of another feature or type, or with
            another number of ids out of vocabulary.
    """
    owners = schema_fields.vocabulary_owners(fields)
    if not owners:
        return
    path = os.path.join(vocabulary.directory(transform_graph), vocabulary.ENTRIES_FILE)
    if not fileio.exists(path):
        raise InputError(
            f"vocabularies are carried on from a transform graph. Received: {transform_graph}, without {path}"
        )
    with fileio.open(path, "rb") as file:
        earlier = vocabulary.from_json(file.read())
    for problem in _problems(earlier, owners, schema):
        raise InputError(
            f"{problem}, in {transform_graph}; rename the field, or count anew: vocabularies.carry_on=none"
        )


def _problems(earlier: Mapping[str, Entry], owners: Sequence[Field], schema: schema_pb2.Schema) -> Iterator[str]:
    types = {feature.name: _DTYPES.get(feature.type) for feature in schema.feature}
    if not any(field.name in earlier for field in owners):
        known = ", ".join(earlier) or "none"
        yield f"vocabularies that are carried on should be of the configuration's fields. Received: {known}"
    for field in owners:
        entry = earlier.get(field.name)
        if entry and (entry.feature, entry.dtype) != (field.source, types[field.source]):
            yield (
                f"the vocabulary of `{field.name}` that is carried on should be of {field.source} "
                f"({types[field.source]}). Received: one of {entry.feature} ({entry.dtype})"
            )
        elif entry and entry.oov_buckets != field.oov_buckets:
            yield (
                f"`fields.{field.name}.oov_buckets` should stay {entry.oov_buckets} while the vocabulary is carried "
                f"on. Received: {field.oov_buckets}"
            )
