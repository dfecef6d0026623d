"""Looks at the data, and either refuses it in words or publishes its statistics as accepted."""

import os
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx import types
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.components.statistics_gen.stats_artifact_utils import load_statistics
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.data_guard import accepted, findings, leakage, report, sample, spec, validation, values
from components.data_guard.settings import GuardSettings
from schema import contract, load
from schema import fields as schema_fields
from schema.errors import InputError


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes a copy of the statistics and `report.json`, if nothing is wrong that is not allowed."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Guards the data.

        Raises:
            InputError: Something is wrong with the data; a line for each problem.
        """
        settings = GuardSettings.model_validate_json(exec_properties[spec.SETTINGS_KEY])
        fields = schema_fields.from_json(exec_properties[spec.FIELDS_KEY])
        schema_uri = artifact_utils.get_single_uri(input_dict[spec.SCHEMA_KEY])
        schema = load.read_schema(os.path.join(schema_uri, "schema.pbtxt"))
        current = artifact_utils.get_single_instance(input_dict[spec.STATISTICS_KEY])
        statistics = _statistics(current, artifact_utils.decode_split_names(current.split_names))
        earlier = input_dict.get(spec.LAST_ACCEPTED_KEY, [])

        problems = validation.problems(
            schema,
            anomalies=_anomalies(input_dict[spec.ANOMALIES_KEY]),
            statistics=statistics,
            last_accepted=_statistics(earlier[0], contract.LABELLED_SPLITS) if earlier else {},
        )
        features = schema_fields.features(fields)
        sources = sorted({field.source for field in fields})  # weights may all be equal
        train = statistics[contract.TRAIN_SPLIT]
        table = self._sample(
            input_dict[spec.EXAMPLES_KEY],
            load.project(schema, [*features, *contract.LABELS]),
            settings.sample_size,
            train.datasets[0].num_examples,
        )
        auc = leakage.alone(
            {name: table[name] for name in features},
            numeric={field.source for field in fields if field.encoding in ("buckets", "log")}
            | {field.weights for field in fields},
            labels={name: table[name].flatten().to_numpy() for name in contract.LABELS},
            fold=sample.folds(table),
        )
        of_fields = findings.of_fields(values.without_information(train, sources), auc, settings.max_auc)
        problems += [
            f"{line}; remove the field, or allow it by name: guard.allow"
            for name, line in of_fields.items()
            if name not in settings.allow
        ]
        if problems:
            number = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
            first = f"the data should fit its contract before a model is trained. Received: {number}"
            raise InputError("\n".join([first, *problems]))

        output = artifact_utils.get_single_instance(output_dict[spec.ACCEPTED_STATISTICS_KEY])
        accepted.publish(current, output)
        told = tuple(line for name, line in of_fields.items() if name in settings.allow)
        text = report.GuardReport(sampled=table.num_rows, auc=auc, allowed=told).to_json()
        io_utils.write_string_file(os.path.join(output.uri, report.FILE_NAME), text)

    def _sample(
        self, examples: list[types.Artifact], schema: schema_pb2.Schema, size: int, available: int
    ) -> pa.RecordBatch:
        """A sample of the train split, of at most `size` examples; see `sample.read_sample`."""
        paths = fileio.glob(os.path.join(artifact_utils.get_split_uri(examples, contract.TRAIN_SPLIT), "*"))
        directory = os.path.join(self._get_tmp_dir(), "sample")
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create(paths, reshuffle=True)
                | "WriteSample" >> sample.WriteSample(schema, min(1.0, size / available), directory)
            )
        drawn = sample.read_sample(directory, size)
        fileio.rmtree(directory)
        return drawn


def _statistics(artifact: types.Artifact, splits: Iterable[str]) -> dict[str, DatasetFeatureStatisticsList]:
    return {split: load_statistics(artifact, split).proto() for split in splits}


def _anomalies(artifacts: list[types.Artifact]) -> dict[str, Anomalies]:
    paths = {
        split: os.path.join(artifact_utils.get_split_uri(artifacts, split), DEFAULT_FILE_NAME)
        for split in contract.LABELLED_SPLITS
    }
    return {split: Anomalies.FromString(io_utils.read_bytes_file(path)) for split, path in paths.items()}
