"""Whose vocabularies are carried on, in a real ML Metadata store that TFX's own code fills."""

from collections.abc import Iterator

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.orchestration import metadata
from tfx.orchestration.portable import execution_publish_utils as publish
from tfx.types import standard_artifacts

from components.packed_transform.strategy import EarlierBlessedGraphStrategy


class Runs:
    """A store, and every artifact that a resolver would find in it."""

    def __init__(self, handle: metadata.Metadata):
        self._handle = handle
        self._found: dict[str, list[types.Artifact]] = {"carried_on": [], "model": [], "model_blessing": []}

    def _register(self, component: str, inputs: dict[str, list]) -> metadata_store_pb2.Execution:
        execution_type = metadata_store_pb2.ExecutionType(name=component)
        return publish.register_execution(self._handle, execution_type, [], inputs)

    def _execute(self, component: str, artifact: types.Artifact, **inputs: types.Artifact) -> types.Artifact:
        execution = self._register(component, {key: [one] for key, one in inputs.items()})
        artifact.uri = f"/{component}/{execution.id}"
        publish.publish_succeeded_execution(self._handle, execution.id, [], {"output": [artifact]})
        (stored,) = self._handle.store.get_artifacts_by_uri(artifact.uri)
        artifact.set_mlmd_artifact(stored)
        return artifact

    def _answer_from_cache(self, component: str, artifact: types.Artifact, **inputs: types.Artifact) -> None:
        execution = self._register(component, {key: [one] for key, one in inputs.items()})
        publish.publish_cached_executions(self._handle, [], [execution], [{"output": [artifact]}])

    def ingest(self) -> types.Artifact:
        return self._execute("ImpressionExampleGen", standard_artifacts.Examples())

    def transform(self, examples: types.Artifact, **carried_on: types.Artifact) -> types.Artifact:
        graph = self._execute("Transform", standard_artifacts.TransformGraph(), examples=examples, **carried_on)
        self._found["carried_on"].append(graph)
        return graph

    def train(self, graph: types.Artifact, blessed: bool | None = True, **base_model: types.Artifact) -> types.Artifact:
        """A model that is blessed, refused, or (None) of a run that failed before."""
        model = self._execute("Trainer", standard_artifacts.Model(), transform_graph=graph, **base_model)
        self._found["model"].append(model)
        if blessed is not None:
            blessing = standard_artifacts.ModelBlessing()
            blessing.set_int_custom_property("current_model_id", model.id)
            blessing.set_int_custom_property("blessed", int(blessed))
            self._found["model_blessing"].append(self._execute("Evaluator", blessing, model=model))
        return model

    def rerun(self, examples: types.Artifact, graph: types.Artifact, model: types.Artifact) -> None:
        """A run that the cache answers for, but for the resolver."""
        self._answer_from_cache("ImpressionExampleGen", examples)
        self.resolve(examples)
        self._answer_from_cache("Transform", graph, examples=examples)
        self._answer_from_cache("Trainer", model, transform_graph=graph)

    def resolve(self, examples: types.Artifact) -> dict[str, list[types.Artifact]]:
        """Runs the resolver: what it gives is an output of it."""
        given = {**{key: list(artifacts) for key, artifacts in self._found.items()}, "examples": [examples]}
        execution = self._register("CarriedOn", {})
        resolved = EarlierBlessedGraphStrategy().resolve_artifacts(self._handle.store, given)
        publish.publish_internal_execution(self._handle, [], execution.id, resolved)
        return resolved

    def carried_on(self, examples: types.Artifact) -> list[str]:
        """URIs of the graphs that a run on the examples would carry on."""
        resolved = self.resolve(examples)
        assert resolved.keys() == {"carried_on", "model", "model_blessing", "examples"}  # else TFX resolves nothing
        assert resolved["examples"] == [examples]
        return [graph.uri for graph in resolved["carried_on"]]


@pytest.fixture
def runs() -> Iterator[Runs]:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.fake_database.SetInParent()
    with metadata.Metadata(connection) as handle:
        yield Runs(handle)


def test_the_latest_of_several_days(runs):
    graphs = [runs.transform(runs.ingest()) for _ in range(3)]
    for graph in graphs:
        runs.train(graph)
    assert runs.carried_on(runs.ingest()) == [graphs[2].uri]


def test_the_model_comes_with_its_graph(runs):
    graphs = [runs.transform(runs.ingest()) for _ in range(3)]
    models = [runs.train(graph, blessed) for graph, blessed in zip(graphs, (True, True, False), strict=True)]
    resolved = runs.resolve(runs.ingest())
    assert [model.uri for model in resolved["model"]] == [models[1].uri]
    assert [graph.uri for graph in resolved["carried_on"]] == [graphs[1].uri]


def test_a_model_that_began_with_an_earlier_one(runs):
    """The earlier one is an input of its training like the graph, and not what is looked for."""
    day, next_day = (runs.transform(runs.ingest()) for _ in range(2))
    model = runs.train(day)
    next_model = runs.train(next_day, base_model=model)
    assert [one.uri for one in runs.resolve(runs.ingest())["model"]] == [next_model.uri]


def test_the_latest_model_not_the_latest_graph(runs):
    graphs = [runs.transform(runs.ingest()) for _ in range(2)]
    for graph in reversed(graphs):
        runs.train(graph)
    assert runs.carried_on(runs.ingest()) == [graphs[0].uri]


@pytest.mark.parametrize("blessed", [False, None])
def test_a_graph_without_a_blessed_model_is_passed_over(runs, blessed):
    good, bad = (runs.transform(runs.ingest()) for _ in range(2))
    runs.train(good)
    runs.train(bad, blessed)
    assert runs.carried_on(runs.ingest()) == [good.uri]


def test_one_blessed_model_of_several_is_enough(runs):
    earlier, graph = (runs.transform(runs.ingest()) for _ in range(2))
    runs.train(earlier)
    runs.train(graph, blessed=True)
    runs.train(graph, blessed=False)
    assert runs.carried_on(runs.ingest()) == [graph.uri]


def test_those_of_the_current_examples_are_passed_over(runs):
    earlier = runs.transform(runs.ingest())
    runs.train(earlier)
    today = runs.ingest()
    runs.train(runs.transform(today, carried_on=earlier))
    runs.train(runs.transform(today, carried_on=earlier))
    assert runs.carried_on(today) == [earlier.uri]


def test_reruns_of_the_last_day_find_the_same(runs):
    earlier = runs.transform(runs.ingest())
    runs.train(earlier)
    today = runs.ingest()
    before = runs.carried_on(today)
    graph = runs.transform(today, carried_on=earlier)
    model = runs.train(graph)
    for _ in range(2):
        runs.rerun(today, graph, model)
        assert runs.carried_on(today) == before == [earlier.uri]
    assert runs.carried_on(runs.ingest()) == [graph.uri]


def test_a_graph_is_not_made_of_the_examples_that_it_was_resolved_for(runs):
    graph = runs.transform(runs.ingest())
    runs.train(graph)
    today = runs.ingest()
    for _ in range(2):
        assert runs.carried_on(today) == [graph.uri]


def test_the_first_day(runs):
    today = runs.ingest()
    assert runs.carried_on(today) == []
    graph = runs.transform(today)
    assert runs.carried_on(today) == []
    runs.train(graph)
    assert runs.carried_on(today) == []


def test_a_model_that_no_graph_went_into_is_passed_over(runs):
    runs.train(runs.ingest())
    assert runs.carried_on(runs.ingest()) == []
