"""Reading a curated schema, and the questions that the rest of the project asks of it."""

from collections.abc import Collection
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import contract
from schema.errors import InputError

_PRESETS = Path(__file__).parent


def schema_path(name_or_path: str) -> Path:
    """Path of a schema given by the name of one in this package (`kuairand`) or by its own path.

    Raises:
        InputError: No such file.
    """
    preset = _PRESETS / f"{name_or_path}.pbtxt"
    path = preset if preset.is_file() else Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in _PRESETS.glob("*.pbtxt")))
        raise InputError(f"`schema` should be a .pbtxt file or one of: {known}. Received: {name_or_path}, no such file")
    return path


def read_schema(path: str | Path) -> schema_pb2.Schema:
    """Parses a file with a schema in text form.

    Raises:
        InputError: The file is not a TFMD schema; the message has the line.
    """
    return parse_schema(Path(path).read_bytes(), str(path))


def parse_schema(text: bytes, where: str) -> schema_pb2.Schema:
    """Parses a schema in text form, UTF-8, that comes from `where`.

    Raises:
        InputError: It is not a TFMD schema; the message has `where` and the line.
    """
    try:
        return text_format.Parse(text.decode(), schema_pb2.Schema())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise InputError(f"{where} should be a TensorFlow Metadata schema in text form. Received: {error}") from None


def is_disabled(feature: schema_pb2.Feature) -> bool:
    """Whether the schema knows the column only to say that it must not be used."""
    return feature.lifecycle_stage == schema_pb2.DISABLED


def is_multivalued(feature: schema_pb2.Feature) -> bool:
    """Whether an example may hold several values of the feature."""
    return feature.value_count.max != 1


def usable_features(schema: schema_pb2.Schema, environment: str) -> dict[str, schema_pb2.Feature]:
    """Features by name that examples of `environment` hold, in the schema's order.

    Raises:
        InputError: `environment` is not one of the schema's default environments.
    """
    if environment not in schema.default_environment:
        raise InputError(
            f"the schema should have default environments {contract.TRAINING} and {contract.SERVING}. "
            f"Received: {list(schema.default_environment)}"
        )
    return {f.name: f for f in schema.feature if not is_disabled(f) and environment not in f.not_in_environment}


def stage_labels(schema: schema_pb2.Schema) -> tuple[str, ...]:
    """Names of the labels beside click and conversion: INT features of 0 and 1 that only TRAINING has."""
    serving = usable_features(schema, contract.SERVING)
    return tuple(
        name
        for name, feature in usable_features(schema, contract.TRAINING).items()
        if name not in serving and name not in contract.LABELS and is_label(feature)
    )


def is_label(feature: schema_pb2.Feature) -> bool:
    """Whether its values are 0 and 1."""
    return feature.type == schema_pb2.INT and (feature.int_domain.min, feature.int_domain.max) == (0, 1)


def project(schema: schema_pb2.Schema, names: Collection[str]) -> schema_pb2.Schema:
    """A copy of the schema with the named features only."""
    projected = schema_pb2.Schema()
    projected.CopyFrom(schema)
    del projected.feature[:]
    projected.feature.extend(feature for feature in schema.feature if feature.name in names)
    return projected
