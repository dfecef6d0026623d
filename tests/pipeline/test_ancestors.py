"""Which executions made a model, from an ML Metadata store that TFX's own code fills."""

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import execution_publish_utils as publish
from tfx.orchestration.portable.mlmd import context_lib
from tfx.types import standard_artifacts

from pipeline.ancestors import steps_of_model


class Store:
    """Records executions of one pipeline, `shop.de`."""

    def __init__(self, connection: metadata_store_pb2.ConnectionConfig):
        self.connection = connection
        self.run = "1"

    def record(self, node, inputs, outputs, cached=False, failed=False, **properties):
        """Of a node: `inputs` and `outputs` are artifacts by name."""
        with metadata.Metadata(self.connection) as handle:
            named = {"pipeline": "shop.de", "pipeline_run": self.run, "node": f"shop.de.{node}"}
            contexts = [context_lib.register_context_if_not_exists(handle, *one) for one in named.items()]
            given = {name: [artifact] for name, artifact in inputs.items()}
            made = {name: [artifact] for name, artifact in outputs.items()}
            kind = metadata_store_pb2.ExecutionType(name=f"components.{node}")
            execution = publish.register_execution(handle, kind, contexts, given, properties)
            if cached:
                publish.publish_cached_executions(handle, contexts, [execution], [made])
            elif failed:
                publish.publish_failed_execution(handle, contexts, execution.id)
            else:
                published, _ = publish.publish_succeeded_execution(handle, execution.id, contexts, made)
                for name, one in outputs.items():
                    one.id = published[name][0].id

    def components(self, folder: str) -> list[str]:
        return list(steps_of_model(self.connection, folder))


def artifact(kind, uri: str):
    made = kind()
    made.uri = uri
    return made


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite")))


def record_run(store: Store, number: int, base_model=None):
    """A run from the log to a push; gives the model."""
    store.run = str(number)
    examples = artifact(standard_artifacts.Examples, f"/runs/examples/{number}")
    statistics = artifact(standard_artifacts.ExampleStatistics, f"/runs/statistics/{number}")
    model = artifact(standard_artifacts.Model, f"/runs/model/{number}")
    blessing = artifact(standard_artifacts.ModelBlessing, f"/runs/blessing/{number}")
    guarded = artifact(standard_artifacts.InfraBlessing, f"/runs/guarded/{number}")
    pushed = artifact(standard_artifacts.PushedModel, f"/runs/pushed/{number}")
    pushed.set_string_custom_property("pushed_destination", f"/runs/serving/10{number}")
    store.record("Ingest", {}, {"examples": examples}, base=f"/log/{number}")
    store.record("Statistics", {"examples": examples}, {"statistics": statistics})
    earlier = {"base_model": base_model} if base_model else {}
    store.record("Trainer", {"examples": examples, **earlier}, {"model": model})
    baseline = {"baseline_model": base_model} if base_model else {}
    store.record("Evaluator", {"model": model, **baseline}, {"blessing": blessing})
    store.record("Guard", {"model": model, "model_blessing": blessing}, {"blessing": guarded})
    store.record("Pusher", {"model_blessing": blessing, "infra_blessing": guarded}, {"pushed_model": pushed})
    return model


def test_no_such_model(store):
    assert store.components("/model/1") == []
    record_run(store, 1)
    assert store.components("/model/2") == []
    assert store.components("/serving") == []


def test_a_pushed_model_is_followed_back_through_what_blessed_it(store):
    record_run(store, 1)
    assert store.components("/serving/101") == ["Ingest", "Trainer", "Evaluator", "Guard", "Pusher"]


def test_of_a_model_what_looked_at_it_is_told(store):
    record_run(store, 1)
    assert store.components("/model/1") == ["Ingest", "Trainer", "Evaluator", "Guard"]


def test_a_step(store):
    model = record_run(store, 1)
    record_run(store, 2, base_model=model)
    step = steps_of_model(store.connection, "/serving/102")["Ingest"]
    assert (step.component, step.pipeline, step.run) == ("Ingest", "shop.de", "2")
    assert step.properties == {"base": "/log/2"}
    assert step.outputs["examples"].uri == "/runs/examples/2"


def test_models_of_earlier_runs_are_named_but_not_followed(store):
    model = record_run(store, 1)
    record_run(store, 2, base_model=model)
    steps = steps_of_model(store.connection, "/serving/102")
    assert steps["Trainer"].inputs["base_model"].uri == "/runs/model/1"
    assert [step.run for step in steps.values()] == ["2"] * 5
    assert [step.run for step in steps_of_model(store.connection, "/model/1").values()] == ["1"] * 4


def test_what_the_cache_answered_was_made_by_the_first(store):
    examples = artifact(standard_artifacts.Examples, "/runs/examples/1")
    store.record("Ingest", {}, {"examples": examples})
    store.run = "2"
    store.record("Ingest", {}, {"examples": examples}, cached=True)
    store.record("Trainer", {"examples": examples}, {"model": artifact(standard_artifacts.Model, "/runs/model/1")})
    steps = steps_of_model(store.connection, "/model/1")
    assert {name: step.run for name, step in steps.items()} == {"Ingest": "1", "Trainer": "2"}


def test_of_several_evaluations_the_newest_that_finished(store):
    model = record_run(store, 1)
    store.record("Evaluator", {"model": model}, {}, thresholds="second")
    store.record("Evaluator", {"model": model}, {}, thresholds="third", failed=True)
    assert steps_of_model(store.connection, "/model/1")["Evaluator"].properties == {"thresholds": "second"}
    assert "thresholds" not in steps_of_model(store.connection, "/serving/101")["Evaluator"].properties
