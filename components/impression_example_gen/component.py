"""ImpressionExampleGen: an ExampleGen whose splits are given as files, by time."""

import json
from collections.abc import Mapping, Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts

from components.impression_example_gen import executor, spec
from components.impression_example_gen.log_format import LogFormat


class ImpressionExampleGen(base_beam_component.BaseBeamComponent):
    """Reads an impression log and writes tf.Examples with the labels `click` and `conversion`.

    The examples hold the features that the schema allows in TRAINING, nothing else of the log. The artifact's custom
    properties keep the counts of each split as `<split>_<count>`, see `report.SplitReport`.
    """

    SPEC_CLASS = spec.ImpressionExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        schema: types.BaseChannel,
        input_base: str,
        splits: Mapping[str, Sequence[str]],
        log: LogFormat,
        fingerprint: str,
    ):
        """Args:
        schema: The curated schema.
        input_base: Directory of the log's files.
        splits: File patterns by split.
        log: Format of the log.
        fingerprint: Of the files and of the code that reads them.
        """
        super().__init__(
            spec.ImpressionExampleGenSpec(
                schema=schema,
                input_base=input_base,
                splits=json.dumps({name: list(patterns) for name, patterns in splits.items()}),
                log_format=log.model_dump_json(),
                fingerprint=fingerprint,
                examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
