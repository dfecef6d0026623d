"""What the latest run made, read back from ML Metadata."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata


@dataclass(frozen=True)
class RunArtifact:
    """An artifact that the run made, or took from the cache.

    Attributes:
        uri: Its folder.
        properties: Its custom properties, integers and strings.
    """

    uri: str
    properties: Mapping[str, int | str]


def latest_run_outputs(connection: metadata_store_pb2.ConnectionConfig) -> dict[tuple[str, str], RunArtifact]:
    """Outputs of the latest run, by component and name of the output, as in `("Trainer", "model")`."""
    with metadata.Metadata(connection) as handle:
        store = handle.store
        runs = store.get_contexts_by_type("pipeline_run")
        if not runs:
            return {}
        executions = store.get_executions_by_context(max(runs, key=lambda run: run.id).id)
        component = {execution.id: _component(execution) for execution in executions}
        events = store.get_events_by_execution_ids(list(component)) if component else []
        outputs = {
            event.artifact_id: (component[event.execution_id], event.path.steps[0].key)
            for event in events
            if event.type == metadata_store_pb2.Event.OUTPUT
        }
        artifacts = store.get_artifacts_by_id(list(outputs)) if outputs else []
        return {outputs[artifact.id]: _artifact(artifact) for artifact in artifacts}


def _component(execution: metadata_store_pb2.Execution) -> str:
    """The class's name, of a type like `tfx.components.trainer.component.Trainer`."""
    return execution.type.rpartition(".")[2]


def _artifact(artifact: metadata_store_pb2.Artifact) -> RunArtifact:
    properties = {name: getattr(value, value.WhichOneof("value")) for name, value in artifact.custom_properties.items()}
    return RunArtifact(artifact.uri, properties)
