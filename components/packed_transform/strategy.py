"""Resolver strategy for the vocabularies that are carried on, and for the model that training begins with."""

import ml_metadata as mlmd
from ml_metadata.proto.metadata_store_pb2 import Event
from tfx import types
from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy

CARRIED_ON_KEY = "carried_on"
MODEL_KEY = "model"
BLESSING_KEY = "model_blessing"
EXAMPLES_KEY = "examples"


class EarlierBlessedGraphStrategy(resolver.ResolverStrategy):
    """Resolves the latest blessed model of other examples than the current, and its transform graph.

    Refused models are passed over, so that a bad day leaves nothing to the next. Those of the current examples are,
    too: an unchanged rerun would see a new input and miss the cache.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Picks from all transform graphs.

        Args:
            store: ML Metadata.
            input_dict: `carried_on`, `model` and `model_blessing`, all there are; `examples`, the current ones.

        Returns:
            The same keys, each of which TFX asks for: the graph, its model and the blessing, or empty lists where there
            is none; and the current examples.
        """
        current = {examples.id for examples in input_dict[EXAMPLES_KEY]}
        graphs = {graph.id: graph for graph in input_dict[CARRIED_ON_KEY]}
        graph_of = {}
        for model in input_dict[MODEL_KEY]:
            for graph in _made_of(store, model.id) & graphs.keys():
                if not _made_of(store, graph) & current:
                    graph_of[model.id] = graphs[graph]
        earlier = {
            MODEL_KEY: [model for model in input_dict[MODEL_KEY] if model.id in graph_of],
            BLESSING_KEY: input_dict[BLESSING_KEY],
        }
        latest = latest_blessed_model_strategy.LatestBlessedModelStrategy()
        resolved = latest.resolve_artifacts(store, earlier) or {MODEL_KEY: [], BLESSING_KEY: []}
        carried_on = [graph_of[model.id] for model in resolved[MODEL_KEY]]
        return {**resolved, CARRIED_ON_KEY: carried_on, EXAMPLES_KEY: input_dict[EXAMPLES_KEY]}


def _made_of(store: mlmd.MetadataStore, artifact: int) -> set[int]:
    """Ids of what went into the executions that gave an artifact."""
    events = store.get_events_by_artifact_ids([artifact])
    executions = [event.execution_id for event in events if event.type == Event.OUTPUT]
    events = store.get_events_by_execution_ids(executions)
    return {event.artifact_id for event in events if event.type == Event.INPUT}
