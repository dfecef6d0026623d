"""Runs the ingestion, checks what came out and publishes it."""

import json
import os
from typing import Any

from apache_beam.io.filesystems import FileSystems
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.impression_example_gen import accounting, files, spec
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.report import SplitReport
from components.impression_example_gen.splits import labelled_split, serving_split
from components.impression_example_gen.transforms import IngestSplit
from schema import contract, load


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
            InputError: A file is missing or broken, or lacks a column; too many records are dead letters; or a split
                has no row, no click or no conversion.
        """
        log = LogFormat.model_validate_json(exec_properties[spec.LOG_FORMAT_KEY])
        patterns = json.loads(exec_properties[spec.SPLITS_KEY])
        schema_uri = artifact_utils.get_single_uri(input_dict[spec.SCHEMA_KEY])
        schema = load.read_schema(os.path.join(schema_uri, "schema.pbtxt"))
        splits = {
            name: serving_split(schema, log, exec_properties[spec.SERVING_FORMAT_KEY])
            if name == contract.SERVING_SPLIT
            else labelled_split(schema, log)
            for name in patterns
        }
        matched = files.match_splits(exec_properties[spec.INPUT_BASE_KEY], patterns, self._beam_pipeline_args)
        for name, split in splits.items():
            split.source.check(matched[name])

        examples = artifact_utils.get_single_instance(output_dict[spec.EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names(list(matched))
        examples_utils.set_payload_format(examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
        letters = os.path.join(exec_properties[spec.DEAD_LETTERS_KEY], execution_folder(examples.uri))
        working_directory = os.path.join(examples.uri, "parts")
        fileio.makedirs(working_directory)
        report_paths = {name: os.path.join(examples.uri, f"report-{name}.json") for name in splits}

        with self._make_beam_pipeline() as pipeline:
            for name, split in splits.items():
                _ = pipeline | f"Ingest[{name}]" >> IngestSplit(
                    split,
                    matched[name],
                    working_directory,
                    os.path.join(artifact_utils.get_split_uri([examples], name), "data_tfrecord"),
                    os.path.join(letters, name),
                    report_paths[name],
                )
        fileio.rmtree(working_directory)

        examples.set_string_custom_property(spec.DEAD_LETTERS_PROPERTY, letters)
        for name, path in report_paths.items():
            report = SplitReport.from_json(_read(path))
            accounting.check(name, report, log.max_dead_letter_share, letters, splits[name].labelled)
            for count, number in report.counts.items():
                examples.set_int_custom_property(f"{name}_{count}", number)


def execution_folder(uri: str) -> str:
    """What of an artifact's URI tells executions apart.

    On one machine it is the number at its end. Kubeflow and Vertex AI have the output's name there, and before it the
    component, and the run or a random id.
    """
    *_, above, folder, last = uri.split("/")
    return last if last.isdigit() else os.path.join(above, folder)


def _read(path: str) -> str:
    with FileSystems.open(path) as file:
        return file.read().decode()
