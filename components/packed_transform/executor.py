"""Runs tf.Transform over batches."""

import functools
import json
import os
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import import_utils
from tfx_bsl.public.tfxio import TensorAdapterConfig, TFExampleRecord

from components.packed_transform import carry_on, spec
from components.tfrecord import source
from components.tfrecord.sink import WriteExamples
from schema import blocks, contract, load, vocabulary
from schema import fields as schema_fields


class Executor(base_beam_executor.BaseBeamExecutor):
    """Analyses the split `train`, and transforms all labelled splits with what it learned."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the transform graph and the packed examples.

        Raises:
            InputError: A vocabulary that should be carried on is that of another field.
        """
        fields = schema_fields.from_json(exec_properties[spec.FIELDS_KEY])
        schema_uri = artifact_utils.get_single_uri(input_dict[spec.SCHEMA_KEY])
        curated = load.read_schema(os.path.join(schema_uri, "schema.pbtxt"))
        stages = load.stage_labels(curated)
        config = {spec.FIELDS_KEY: exec_properties[spec.FIELDS_KEY], contract.STAGE_LABELS_KEY: json.dumps(stages)}
        if earlier := input_dict.get(spec.CARRIED_ON_KEY):
            earlier_graph = artifact_utils.get_single_uri(earlier)
            carry_on.check(earlier_graph, fields, curated)
            config[spec.CARRIED_ON_KEY] = vocabulary.directory(earlier_graph)
        module, _, name = exec_properties[spec.PREPROCESSING_FN_KEY].rpartition(".")
        function = import_utils.import_func_from_module(module, name)
        preprocessing_fn = functools.partial(function, custom_config=config)

        schema = load.project(curated, [*schema_fields.features(fields), *contract.LABELS, *stages])
        # Where there is nothing to learn, batches of no columns would have no rows.
        analysed = load.project(schema, schema_fields.analysed_features(fields) or schema_fields.features(fields))
        examples = input_dict[spec.EXAMPLES_KEY]
        transformed = artifact_utils.get_single_instance(output_dict[spec.TRANSFORMED_EXAMPLES_KEY])
        given = artifact_utils.decode_split_names(artifact_utils.get_single_instance(examples).split_names)
        splits = [split for split in contract.LABELLED_SPLITS if split in given]
        transformed.split_names = artifact_utils.encode_split_names(splits)
        graph_uri = artifact_utils.get_single_uri(output_dict[spec.TRANSFORM_GRAPH_KEY])
        temporary = os.path.join(graph_uri, ".temp_path")
        # The training split is read twice.
        kept = os.path.join(temporary, "examples")
        fileio.makedirs(kept)
        with (
            self._make_beam_pipeline() as pipeline,
            tft_beam.Context(temp_dir=temporary, use_deep_copy_optimization=True),
        ):

            def read(split: str) -> beam.PTransform:
                keep = kept if split == contract.TRAIN_SPLIT else ""
                return source.ReadExamples(source.pattern(examples, split), schema, kept=keep)

            batches = pipeline | "ReadTrain" >> read(contract.TRAIN_SPLIT) | "Select" >> beam.Map(_select, analysed)
            graph = (batches, _adapter_config(schema, analysed)) | tft_beam.AnalyzeDataset(preprocessing_fn)
            _ = graph | tft_beam.WriteTransformFn(graph_uri)
            _ = tft.DatasetMetadata(schema) | tft_beam.WriteMetadata(
                os.path.join(graph_uri, tft.TFTransformOutput.RAW_METADATA_DIR), pipeline
            )
            for split in splits:
                batches = pipeline | f"Read_{split}" >> read(split)
                packed, _ = (
                    (batches, _adapter_config(schema, schema)),
                    graph,
                ) | f"Transform_{split}" >> tft_beam.TransformDataset(output_record_batches=True)
                prefix = os.path.join(artifact_utils.get_split_uri([transformed], split), "transformed_examples")
                _ = (
                    packed
                    | f"Pack_{split}" >> beam.MapTuple(lambda batch, _: _encode(batch))
                    | f"Write_{split}" >> WriteExamples(prefix)
                )
        fileio.rmtree(temporary)


def _select(batch: pa.RecordBatch, schema: schema_pb2.Schema) -> pa.RecordBatch:
    return batch.select([feature.name for feature in schema.feature])


def _encode(batch: pa.RecordBatch) -> list[bytes]:
    """Blocks of transformed examples, whose lists are equally long in all rows."""
    rows = batch.num_rows
    features = {name: batch[name].flatten().to_numpy() for name in batch.schema.names}
    return blocks.encode({name: values.reshape(rows, -1) for name, values in features.items()}) if rows else []


def _adapter_config(schema: schema_pb2.Schema, read: schema_pb2.Schema) -> TensorAdapterConfig:
    """How batches of some of the schema's features become the tensors that a function of all is traced with."""
    tfxio = TFExampleRecord("not read", schema=schema)
    return tfxio.Project([feature.name for feature in read.feature]).TensorAdapterConfig()
