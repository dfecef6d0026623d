"""Inputs, outputs and parameters of PackedTransform."""

from tfx.types import component_spec, standard_artifacts

EXAMPLES_KEY = "examples"
SCHEMA_KEY = "schema"
CARRIED_ON_KEY = "carried_on"
TRANSFORM_GRAPH_KEY = "transform_graph"
TRANSFORMED_EXAMPLES_KEY = "transformed_examples"
PREPROCESSING_FN_KEY = "preprocessing_fn"
FIELDS_KEY = "fields"
FINGERPRINT_KEY = "fingerprint"


class PackedTransformSpec(component_spec.ComponentSpec):
    """`fields` is JSON; `fingerprint` has no meaning but to miss the cache when it changes."""

    PARAMETERS = {
        PREPROCESSING_FN_KEY: component_spec.ExecutionParameter(type=str),
        FIELDS_KEY: component_spec.ExecutionParameter(type=str),
        FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema),
        CARRIED_ON_KEY: component_spec.ChannelParameter(type=standard_artifacts.TransformGraph, optional=True),
    }
    OUTPUTS = {
        TRANSFORM_GRAPH_KEY: component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
        TRANSFORMED_EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
