"""Runs the ingestion, checks what came out and publishes it."""

import json
import os
from typing import Any

from apache_beam.io.filesystems import FileSystems
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.impression_example_gen import files, readers, spec
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.report import SplitReport
from components.impression_example_gen.transforms import IngestSplit
from schema import contract, load
from schema.errors import InputError


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes `Split-<name>/data_tfrecord-*.gz` for each split, and its counts as properties of the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Ingests every split.

        Raises:
            InputError: A file is missing or broken, lacks a column, or breaks a rule; or a split has no row, no
                click or no conversion.
        """
        log = LogFormat.model_validate_json(exec_properties[spec.LOG_FORMAT_KEY])
        splits = json.loads(exec_properties[spec.SPLITS_KEY])
        schema_uri = artifact_utils.get_single_uri(input_dict[spec.SCHEMA_KEY])
        schema = load.read_schema(os.path.join(schema_uri, "schema.pbtxt"))
        columns = readers.columns_to_read(schema, contract.TRAINING, log)

        matched = files.match_splits(exec_properties[spec.INPUT_BASE_KEY], splits)
        for split_files in matched.values():
            for file in split_files:
                readers.check_file(file.path, log, columns)

        examples = artifact_utils.get_single_instance(output_dict[spec.EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names(list(matched))
        examples_utils.set_payload_format(examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
        report_paths = {split: os.path.join(examples.uri, f"report-{split}.json") for split in matched}

        with self._make_beam_pipeline() as pipeline:
            for split, split_files in matched.items():
                prefix = os.path.join(artifact_utils.get_split_uri([examples], split), "data_tfrecord")
                paths = [file.path for file in split_files]
                _ = pipeline | f"Ingest[{split}]" >> IngestSplit(paths, log, columns, prefix, report_paths[split])

        for split, path in report_paths.items():
            report = SplitReport.from_json(_read(path))
            _check(split, report)
            for name, count in report.counts.items():
                examples.set_int_custom_property(f"{split}_{name}", count)


def _read(path: str) -> str:
    with FileSystems.open(path) as file:
        return file.read().decode()


def _check(split: str, report: SplitReport) -> None:
    if report.problems:
        raise InputError(report.problems[0])
    if report.rows_in != report.examples + report.dropped + report.bad_rows:
        raise RuntimeError(f"rows of {split} should be examples or be counted as left out. Received: {report}")
    if not report.examples:
        dropped = f", {report.dropped} of them dropped" if report.dropped else ""
        raise InputError(f"split {split} should have at least one row. Received: {report.rows_in} rows{dropped}")
    found = f"Received: {report.examples} impressions, {report.clicks} clicks, {report.conversions} conversions"
    for count, what in ((report.clicks, "click"), (report.conversions, "conversion")):
        if not count:
            raise InputError(f"split {split} should have at least one {what}. {found}")
