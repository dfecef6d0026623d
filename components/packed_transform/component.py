"""PackedTransform: from raw tf.Examples to packed ones, and the graph that does the same in the served model."""

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts

from components.packed_transform import executor, spec
from schema import fields as schema_fields
from schema.fields import Field


class PackedTransform(base_beam_component.BaseBeamComponent):
    """Runs tf.Transform like TFX's Transform, but reads, packs and writes examples in batches.

    Analyses the split `train`, transforms `train` and `eval`.

    Outputs: `transform_graph`, as of TFX's Transform; `transformed_examples`, in blocks, see `schema.blocks`.
    """

    SPEC_CLASS = spec.PackedTransformSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        preprocessing_fn: str,
        fields: Sequence[Field],
        fingerprint: str,
        carried_on: types.BaseChannel | None = None,
    ):
        """Args:
        examples: With the splits `train` and `eval`.
        schema: The curated schema.
        preprocessing_fn: Dotted name of a function (inputs, custom_config), as TFX's Transform takes it; custom_config
            has `fields`, `stage_labels` and, if vocabularies are carried on, `carried_on`, the folder of their files.
        fields: The model's inputs.
        fingerprint: Of the code.
        carried_on: Transform graph whose vocabularies are carried on; may resolve to none.
        """
        super().__init__(
            spec.PackedTransformSpec(
                examples=examples,
                schema=schema,
                carried_on=carried_on,
                preprocessing_fn=preprocessing_fn,
                fields=schema_fields.to_json(fields),
                fingerprint=fingerprint,
                transform_graph=types.Channel(type=standard_artifacts.TransformGraph),
                transformed_examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
