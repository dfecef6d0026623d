"""Whether a log fits the schema, by its statistics."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import apache_beam as beam
import tensorflow_data_validation as tfdv
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.impression_example_gen import accounting, files
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.report import EXAMPLES, SplitReport
from components.impression_example_gen.splits import labelled_split
from components.impression_example_gen.transforms import IngestSplit
from pipeline.beam import LOCAL_ARGS
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
    """One line for each way in which files don't fit, as examples of TRAINING.

    Args:
        config: For the format of the log.
        schema: That they should fit.
        globs: File patterns by role.

    Raises:
        InputError: A pattern matches nothing, or a file lacks a column.
    """
    split = labelled_split(schema, config.data.log)
    matched = files.match_splits("", {"--data": globs}, LOCAL_ARGS)["--data"]
    split.source.check(matched)
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        with beam.Pipeline(options=PipelineOptions(list(LOCAL_ARGS))) as pipeline:
            _ = pipeline | IngestSplit(
                split, matched, directory, str(work / "examples"), str(work / "letters"), str(work / "report.json")
            )
        report = SplitReport.from_json((work / "report.json").read_text())
        if report.problems:
            return list(report.problems)
        too_many = accounting.dead_letter_problems(report, config.data.log.max_dead_letter_share)
        if too_many:
            return [*too_many, *report.letters]
        if not report.counts[EXAMPLES]:
            return ["the files should have at least one row. Received: none"]
        statistics = tfdv.generate_statistics_from_tfrecord(
            str(work / "examples*.gz"),
            stats_options=tfdv.StatsOptions(schema=schema),
            pipeline_options=PipelineOptions(list(LOCAL_ARGS)),
        )
    return anomaly_lines(schema, statistics)


def anomaly_lines(schema: schema_pb2.Schema, statistics: statistics_pb2.DatasetFeatureStatisticsList) -> list[str]:
    """One line for each anomaly of statistics of TRAINING examples."""
    return anomalies.told(tfdv.validate_statistics(statistics, schema, environment=contract.TRAINING))
