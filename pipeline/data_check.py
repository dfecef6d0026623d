"""Whether a log fits the schema, by its statistics."""

from collections.abc import Mapping, Sequence

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.impression_example_gen.log_format import LogFormat
from pipeline.config import Config
from schema import anomalies, contract
from schema.errors import InputError


def by_role(patterns: Sequence[str], log: LogFormat) -> dict[str, tuple[str, ...]]:
    """File patterns by the part that the files play in the log.

    Args:
        patterns: `ROLE=GLOB`, or, for a log of one kind of files, `GLOB`.
        log: Format of the log.

    Raises:
        InputError: A pattern names no role of the log, or a role has no pattern.
    """
    globs: dict[str, tuple[str, ...]] = dict.fromkeys(log.roles, ())
    for pattern in patterns:
        role, equals, glob = pattern.partition("=")
        # A folder may have = in its name, as in day=1.
        if not equals or role not in globs:
            role, glob = log.roles[0], pattern
            if len(log.roles) > 1:
                raise InputError(
                    f"--data should be ROLE=GLOB, with a role of {', '.join(log.roles)}, for format {log.format}. "
                    f"Received: {pattern}"
                )
        globs[role] += (glob,)
    for role, of_role in globs.items():
        if not of_role:
            raise InputError(f"--data should have files of each role, {', '.join(log.roles)}. Received: none of {role}")
    return globs


def problems(config: Config, schema: schema_pb2.Schema, globs: Mapping[str, Sequence[str]]) -> list[str]:
    """One line for each anomaly of the files as examples of TRAINING."""
    return anomaly_lines(schema, _statistics_of(config, globs))


def anomaly_lines(schema: schema_pb2.Schema, statistics: statistics_pb2.DatasetFeatureStatisticsList) -> list[str]:
    """One line for each anomaly of statistics of TRAINING examples."""
    return anomalies.told(tfdv.validate_statistics(statistics, schema, environment=contract.TRAINING))


def _statistics_of(config: Config, globs: Mapping[str, Sequence[str]]) -> statistics_pb2.DatasetFeatureStatisticsList:
    raise NotImplementedError
