"""Counts the ids of both splits, and writes what they tell."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.tfrecord import source
from components.vocabulary_report import report, spec
from components.vocabulary_report.counts import CountIds, IdCounts
from components.vocabulary_report.shares import field_reports
from schema import blocks, contract, vocabulary
from schema import fields as schema_fields
from schema.fields import Field
from schema.layout import Layout, layouts
from schema.vocabulary import Entry

_COUNTED = schema_pb2.Schema(
    feature=[schema_pb2.Feature(name=name, type=schema_pb2.INT) for name in (contract.CLICK, contract.IDS)]
)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes `report.json`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads each split once."""
        fields = schema_fields.embedded(schema_fields.from_json(exec_properties[spec.FIELDS_KEY]))
        graph_uri = artifact_utils.get_single_uri(input_dict[spec.TRANSFORM_GRAPH_KEY])
        by_field = layouts(fields, _entries(graph_uri, fields))
        ids = {name: layout.ids for name, layout in by_field.items()}
        examples = input_dict[spec.TRANSFORMED_EXAMPLES_KEY]
        path = os.path.join(artifact_utils.get_single_uri(output_dict[spec.REPORT_KEY]), report.FILE_NAME)
        with self._make_beam_pipeline() as pipeline:
            train, evaluation = (
                pipeline
                | f"Read_{split}" >> source.ReadExamples(source.pattern(examples, split), _COUNTED, blocks.ROWS)
                | f"Count_{split}" >> beam.CombineGlobally(CountIds(fields, ids))
                for split in (contract.TRAIN_SPLIT, contract.EVAL_SPLIT)
            )
            _ = train | "Write" >> beam.Map(_write, beam.pvalue.AsSingleton(evaluation), fields, by_field, path)


def _entries(transform_graph: str, fields: Sequence[Field]) -> Mapping[str, Entry]:
    if not schema_fields.vocabulary_owners(fields):
        return {}
    path = os.path.join(vocabulary.directory(transform_graph), vocabulary.ENTRIES_FILE)
    return vocabulary.from_json(io_utils.read_bytes_file(path))


def _write(
    train: IdCounts, evaluation: IdCounts, fields: Sequence[Field], by_field: Mapping[str, Layout], path: str
) -> None:
    io_utils.write_string_file(path, report.to_json(field_reports(fields, by_field, train, evaluation)))
