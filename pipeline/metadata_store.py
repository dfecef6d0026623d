"""Where ML Metadata is: in the root's file, or in a database that the root names."""

import socket

import ml_metadata as mlmd
import yaml
from ml_metadata.proto import metadata_store_pb2
from pydantic import ValidationError
from tfx.orchestration import metadata
from tfx.types import standard_artifacts

from pipeline.metadata_config import MetadataConfig
from pipeline.root import Root
from schema.errors import InputError

_SECONDS_TO_ANSWER = 10


def for_run(config: MetadataConfig | None, root: Root) -> metadata_store_pb2.ConnectionConfig:
    """Opens what is configured, and has the root remember it.

    Args:
        config: The database; None is the root's file.
        root: Of the run.

    Raises:
        InputError: The root has its metadata in another place, or the database has those of another root: artifacts are
            numbered by it, and would be written over. Or it can't be used.
    """
    if root.has_metadata and (known := _place(_named(root), root)) != (wanted := _place(config, root)):
        raise InputError(
            f"`metadata` should stay {known}, where {root.path} has what its runs made. Received: {wanted}; "
            "run with another --root"
        )
    if config is None:
        return _file(root)
    connection = _connection(config)
    _check_alone(config, connection, root)
    root.database.write_text(yaml.safe_dump(config.model_dump(), sort_keys=False), encoding="utf-8")
    return connection


def of_root(root: Root) -> metadata_store_pb2.ConnectionConfig:
    """Opens what the root's runs were given.

    Raises:
        InputError: The database can't be used.
    """
    config = _named(root)
    return _connection(config) if config else _file(root)


def _named(root: Root) -> MetadataConfig | None:
    if not root.database.is_file():
        return None
    try:
        return MetadataConfig.model_validate(yaml.safe_load(root.database.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{root.database} should be as a run wrote it. Received: {reason}") from None


def _place(config: MetadataConfig | None, root: Root) -> str:
    return config.place if config else str(root.metadata)


def _file(root: Root) -> metadata_store_pb2.ConnectionConfig:
    return metadata.sqlite_metadata_connection_config(str(root.metadata))


def _connection(config: MetadataConfig) -> metadata_store_pb2.ConnectionConfig:
    """Of a database that answers, and lets the user in."""
    try:
        # ML Metadata would wait for a server's greeting without end.
        with socket.create_connection((config.host, config.port), _SECONDS_TO_ANSWER) as server:
            greeted = server.recv(1)
    except OSError as error:
        raise InputError(f"`metadata.host` should answer. Received: {config.place}: {error}") from None
    if not greeted:
        raise InputError(f"`metadata.host` should be a MySQL server. Received: {config.place}, which hung up")
    # TFX writes the connection into the log. The client takes the password from the environment.
    connection = metadata.mysql_metadata_connection_config(
        config.host, config.port, config.database, config.user, password=""
    )
    try:
        mlmd.MetadataStore(connection)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"`metadata` should be a database that {config.user} may use, with the password of MYSQL_PWD, checked by "
            f"mysql_native_password. Received: {config.place}: {reason}"
        ) from None
    return connection


def _check_alone(config: MetadataConfig, connection: metadata_store_pb2.ConnectionConfig, root: Root) -> None:
    """Of artifacts that each run has one of, none is in another root."""
    schemas = mlmd.MetadataStore(connection).get_artifacts_by_type(standard_artifacts.Schema.TYPE_NAME)
    for schema in schemas:
        if not schema.uri.startswith(f"{root.artifacts}/"):
            raise InputError(
                f"`metadata.database` should have the runs of one root alone, {root.path}. Received: {config.place}, "
                f"with {schema.uri}"
            )
