"""Checks that a schema is well-formed and that a configuration's fields are allowed by it."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import contract, load, well_formed
from schema.errors import InputError
from schema.fields import Field, vocabulary_owners


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean \\`x\\`?"` with the known name nearest to `name`, or nothing where none is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def check_schema(schema: schema_pb2.Schema, label_columns: Mapping[str, str]) -> None:
    """Checks the parts of a schema that the pipeline relies on.

    Raises:
        InputError: The first of `schema_problems`.
    """
    _raise_first(schema_problems(schema, label_columns))


def schema_problems(schema: schema_pb2.Schema, label_columns: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a schema, one line each.

    Args:
        schema: The curated schema.
        label_columns: Column of the log for each label of `contract.LABELS`.

    Returns:
        It is not well-formed, or lacks an environment; a label is missing, has another domain than 0 and 1, or is
        visible in SERVING; or a column that a label is made of is also a feature.
    """
    try:
        training = load.usable_features(schema, contract.TRAINING)
        serving = load.usable_features(schema, contract.SERVING)
    except InputError as error:
        yield str(error)
        yield from well_formed.problems(schema)
        return
    yield from well_formed.problems(schema)
    for label in contract.LABELS:
        feature = training.get(label)
        if feature is None or not load.is_label(feature):
            yield (
                f"the schema should have a feature `{label}` of int_domain {{ min: 0 max: 1 }} in {contract.TRAINING}. "
                f"Received: {'no such feature' if feature is None else 'another domain'}"
            )
        if label in serving:
            yield f"`{label}` is a label: the schema should say not_in_environment: {contract.SERVING!r}"
        column = label_columns[label]
        if column in serving and column not in contract.LABELS:
            yield f"column `{column}` makes the label `{label}`, so the schema should not have it as a feature"


def check_stages(schema: schema_pb2.Schema, stages: Sequence[str]) -> None:
    """Checks that every stage of a chain has a label.

    Raises:
        InputError: One has none; the message names it.
    """
    labels = (*contract.LABELS, *load.stage_labels(schema))
    for stage in stages:
        if stage not in labels:
            raise InputError(
                f"`model.stages` should be labels of the schema, of int_domain {{ min: 0 max: 1 }} and "
                f"not_in_environment: {contract.SERVING!r}. Received: {stage}, which is none{nearest(stage, labels)}"
            )


def check_fields(schema: schema_pb2.Schema, fields: Sequence[Field]) -> None:
    """Checks that every field is made of a feature that the schema allows, in a way that fits its type.

    Raises:
        InputError: The first of `field_problems`.
    """
    _raise_first(field_problems(schema, fields))


def field_problems(schema: schema_pb2.Schema, fields: Sequence[Field]) -> Iterator[str]:
    """One line for each field that the schema does not allow; it names the field.

    Raises:
        InputError: The schema has no SERVING environment.
    """
    serving = load.usable_features(schema, contract.SERVING)
    disabled = {f.name: f for f in schema.feature if load.is_disabled(f)}
    if not any(f.encoding != "log" for f in fields):
        yield "`fields` should have at least one field with an embedding"
    for field in fields:
        where = f"fields.{field.name}"
        if field.source in contract.LABELS:
            yield f"`{where}` is made of the label `{field.source}`, which may never enter the model"
        elif field.source in disabled:
            why = ", ".join(disabled[field.source].annotation.tag) or "no reason given"
            yield f"`{where}` may never enter the model: the schema marks `{field.source}` DISABLED ({why})"
        elif field.source not in serving:
            yield (
                f"`{where}` should be a feature of the schema. Received: {field.source}, which it does not have"
                f"{nearest(field.source, serving)}"
            )
        else:
            yield from _encoding_problems(where, field, serving[field.source])
            yield from _weights_problems(where, field, serving)
            if field.vocabulary:
                yield from _sharing_problems(where, field, fields, serving)


def check_slices(schema: schema_pb2.Schema, slices: Iterable[str]) -> None:
    """Checks that metrics are sliced by features that examples hold.

    Raises:
        InputError: The first of `slice_problems`.
    """
    _raise_first(slice_problems(schema, slices))


def slice_problems(schema: schema_pb2.Schema, slices: Iterable[str]) -> Iterator[str]:
    """One line for each slice that is no feature of an example.

    Raises:
        InputError: The schema has no TRAINING environment.
    """
    yield from _unknown_features("evaluation.slices", slices, load.usable_features(schema, contract.TRAINING))


def check_allowed(schema: schema_pb2.Schema, names: Iterable[str]) -> None:
    """Checks that what the data guard lets pass are features that a field can be made of.

    Raises:
        InputError: The first of `allowed_problems`.
    """
    _raise_first(allowed_problems(schema, names))


def allowed_problems(schema: schema_pb2.Schema, names: Iterable[str]) -> Iterator[str]:
    """One line for each name in `guard.allow` that is no feature that clients send.

    Raises:
        InputError: The schema has no SERVING environment.
    """
    yield from _unknown_features("guard.allow", names, load.usable_features(schema, contract.SERVING))


def _unknown_features(key: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield (
                f"`{key}` should be features of the schema. Received: {name}, which it does not have"
                f"{nearest(name, known)}"
            )


def _raise_first(problems: Iterator[str]) -> None:
    for problem in problems:
        raise InputError(problem)


def _sharing_problems(
    where: str, field: Field, fields: Sequence[Field], features: Mapping[str, schema_pb2.Feature]
) -> Iterator[str]:
    owner = {other.name: other for other in fields}.get(field.vocabulary)
    if owner is None:
        known = [other.name for other in vocabulary_owners(fields)]
        yield (
            f"`{where}.vocabulary` should be a field. Received: {field.vocabulary}, no such field"
            f"{nearest(field.vocabulary, known)}"
        )
        return
    if owner.encoding != "vocabulary" or owner.vocabulary:
        yield f"`{where}.vocabulary` should be a field with its own vocabulary. Received: {owner.name}, without one"
    types = [schema_pb2.FeatureType.Name(features[one.source].type) for one in (field, owner) if one.source in features]
    if len(set(types)) > 1:
        yield f"`{where}.vocabulary` should be of the same type, {types[0]}. Received: {owner.name}, {types[1]}"
    for key in ("min_count", "top_k", "oov_buckets"):
        if getattr(field, key) != Field.model_fields[key].default:
            yield f"`{where}.{key}` should be given for `{owner.name}`, whose vocabulary it is. Received: one here"


def _weights_problems(where: str, field: Field, features: Mapping[str, schema_pb2.Feature]) -> Iterator[str]:
    if field.keep == "heaviest" and not field.weights:
        yield f"`{where}.keep` heaviest should come with the values' weights, `{where}.weights`. Received: none"
    if not field.weights:
        return
    if field.encoding in ("length", "log"):
        yield f"`{where}.weights` should be of a field with ids of its values. Received: encoding {field.encoding}"
    weights = features.get(field.weights)
    if weights is None or weights.type != schema_pb2.FLOAT:
        received = "which it does not have" if weights is None else schema_pb2.FeatureType.Name(weights.type)
        floats = [name for name, feature in features.items() if feature.type == schema_pb2.FLOAT]
        yield (
            f"`{where}.weights` should be a FLOAT feature of the schema. Received: {field.weights}, {received}"
            f"{nearest(field.weights, floats)}"
        )


def _encoding_problems(where: str, field: Field, feature: schema_pb2.Feature) -> Iterator[str]:
    type_name = schema_pb2.FeatureType.Name(feature.type)
    multivalued = load.is_multivalued(feature)
    if field.encoding in ("vocabulary", "hash") and feature.type == schema_pb2.FLOAT:
        yield f"`{where}.encoding` should be buckets or log for a FLOAT feature. Received: {field.encoding}"
    if field.encoding != "vocabulary":
        asked = {"min_count": field.min_count > 1, "top_k": field.top_k is not None, "vocabulary": field.vocabulary}
        asked["oov_buckets"] = field.oov_buckets > 1
        for key in (key for key, is_asked in asked.items() if is_asked):
            yield f"`{where}.{key}` should be of a field with encoding vocabulary. Received: encoding {field.encoding}"
    if field.encoding == "length":
        if not multivalued:
            yield (
                f"`{where}.encoding` length should be of a multi-valued feature. "
                f"Received: {field.source}, which has one value"
            )
        return
    if field.encoding in ("buckets", "log") and feature.type == schema_pb2.BYTES:
        yield f"`{where}.encoding` should be vocabulary or hash for a {type_name} feature. Received: {field.encoding}"
    if field.encoding == "log" and multivalued:
        yield f"`{where}.encoding` should be of one number for a multi-valued feature. Received: log"
    if field.values > 1 and not multivalued:
        yield f"`{where}.values` should be 1: the schema says the feature has one value. Received: {field.values}"
