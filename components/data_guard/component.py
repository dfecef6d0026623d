"""DataGuard: stops the run before a model is trained on bad data."""

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts

from components.data_guard import executor, spec
from components.data_guard.settings import GuardSettings
from schema import fields as schema_fields
from schema.fields import Field


class DataGuard(base_beam_component.BaseBeamComponent):
    """Fails on anomalies, drift, skew, and fields that leak a label, are empty or are constant.

    Its output is there only if the data passed: a copy of the statistics, which the next data's are compared with (see
    `strategy.EarlierAcceptedStrategy`), and `report.json` (see `report.GuardReport`).
    """

    SPEC_CLASS = spec.DataGuardSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        statistics: types.BaseChannel,
        anomalies: types.BaseChannel,
        last_accepted: types.BaseChannel,
        fields: Sequence[Field],
        settings: GuardSettings,
        fingerprint: str,
    ):
        """Args:
        examples: With the splits `train` and `eval`, and maybe `serving`.
        schema: The curated schema.
        statistics: Of all splits of the examples.
        anomalies: Of the splits `train` and `eval` against the schema.
        last_accepted: Statistics that were accepted before; may resolve to none.
        fields: The model's inputs.
        settings: When a field stops the run.
        fingerprint: Of the code.
        """
        super().__init__(
            spec.DataGuardSpec(
                examples=examples,
                schema=schema,
                statistics=statistics,
                anomalies=anomalies,
                last_accepted=last_accepted,
                fields=schema_fields.to_json(fields),
                settings=settings.model_dump_json(),
                fingerprint=fingerprint,
                accepted_statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )
