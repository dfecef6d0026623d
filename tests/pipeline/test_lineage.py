"""What failed in the latest run, from an ML Metadata store that TFX's own code fills."""

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import execution_publish_utils as publish
from tfx.orchestration.portable.mlmd import context_lib

from pipeline import lineage


@pytest.fixture
def connection(tmp_path) -> metadata_store_pb2.ConnectionConfig:
    return metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))


def record(connection, run: str, **succeeded: bool) -> None:
    """Writes a run and how its nodes ended."""
    with metadata.Metadata(connection) as handle:
        run_context = context_lib.register_context_if_not_exists(handle, "pipeline_run", run)
        for node, ended_well in succeeded.items():
            contexts = [run_context, context_lib.register_context_if_not_exists(handle, "node", f"shop.{node}")]
            kind = metadata_store_pb2.ExecutionType(name=f"components.{node}")
            execution = publish.register_execution(handle, kind, contexts)
            if ended_well:
                publish.publish_succeeded_execution(handle, execution.id, contexts, {})
            else:
                publish.publish_failed_execution(handle, contexts, execution.id)


def test_no_run(connection):
    assert lineage.failed_in_latest_run(connection) == []


def test_nodes_that_failed_in_the_latest_run(connection):
    record(connection, "1", Transform=True, CarriedOn=False)
    assert lineage.failed_in_latest_run(connection) == ["CarriedOn"]
    record(connection, "2", Baseline=False, Transform=True, CarriedOn=False)
    assert lineage.failed_in_latest_run(connection) == ["Baseline", "CarriedOn"]


def test_an_earlier_run_is_past(connection):
    record(connection, "1", CarriedOn=False)
    record(connection, "2", CarriedOn=True)
    assert lineage.failed_in_latest_run(connection) == []
