"""Running the pipeline as far as Transform."""

from pathlib import Path

from rich.console import Console
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import RunOptions

from components.packed_transform import spec
from pipeline import lineage, screen
from pipeline.compare.examples import TransformedExamples
from pipeline.config import Config
from pipeline.failures import ComponentFailed
from pipeline.pipeline import create_pipeline
from pipeline.root import Root
from pipeline.runners import local
from schema.errors import InputError


def transformed_examples(config: Config, root: Root, console: Console, log: Path) -> TransformedExamples:
    """Runs the pipeline to Transform; the cache answers where a run of the same data and fields came so far.

    Args:
        config: The configuration.
        root: Where artifacts and metadata are kept.
        console: The screen.
        log: Where libraries write to meanwhile.

    Raises:
        InputError: The configuration, or the data, is not as it should be.
        ComponentFailed: A component failed for another reason.
    """
    try:
        root.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--root should be a folder to write to. Received: {root.path}: {error.strerror}") from None
    with local.only_run(root), screen.RunDisplay(console) as display:
        try:
            to_transform = RunOptions(to_nodes=["Transform"])
            LocalDagRunner().run(create_pipeline(config, root), run_options=to_transform)
        except Exception as error:
            raise local.explained(error, display.running, log) from error
    connection = metadata.sqlite_metadata_connection_config(str(root.metadata))
    if failed := lineage.failed_in_latest_run(connection):
        raise ComponentFailed(f"{failed[0]} failed, and the others ran without what it resolves; see {log}")
    outputs = lineage.latest_run_outputs(connection)
    graph, examples = (
        outputs["PackedTransform", key].uri for key in (spec.TRANSFORM_GRAPH_KEY, spec.TRANSFORMED_EXAMPLES_KEY)
    )
    return TransformedExamples(graph, examples)
