"""Runs the pipeline on this machine, with TFX's LocalDagRunner."""

from pathlib import Path

from rich.console import Console
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import RunOptions

from components.impression_example_gen import files
from models import threads
from pipeline import beam, failures, lineage, metadata_store, screen, summary
from pipeline.config import Config
from pipeline.earlier import FromMetadata
from pipeline.failures import ComponentFailed
from pipeline.pipeline import create_pipeline, file_patterns
from pipeline.root import Root
from pipeline.target import Target


def run(config: Config, root: Root, console: Console, log: Path) -> summary.Summary:
    """Runs the pipeline, shows its progress and its summary.

    Args:
        config: The configuration.
        root: Where artifacts, metadata and pushed models are kept.
        console: The screen.
        log: Where libraries write to meanwhile.

    Raises:
        InputError: The configuration, or the data, is not as it should be. Nothing was pushed.
        ComponentFailed: A component failed for another reason.
    """
    outputs, display = run_components(config, root, console, log)
    result = summary.summarise(outputs)
    if result.pushed_to and not Path(result.pushed_to).exists():
        raise ComponentFailed(
            f"the cache answers that this model was pushed to {result.pushed_to}, which is no longer there; "
            f"run with another --root"
        )
    summary.show(console, result, display.seconds, display.cached)
    return result


def target(config: Config, root: Root) -> Target:
    """This machine, with all files under one folder.

    Raises:
        InputError: A file pattern of the log matches nothing, or the metadata's database can't be used.
    """
    beam_args = beam.arguments(config.beam, "beam")
    matched = files.match_splits(config.data.base, file_patterns(config), beam_args)
    return Target(
        name=config.name,
        data_base=config.data.base,
        data_version=files.fingerprint(matched),
        artifacts=str(root.artifacts),
        serving=str(root.serving),
        checkpoints=str(root.checkpoints),
        dead_letters=str(root.dead_letters),
        earlier=FromMetadata(),
        metadata=metadata_store.for_run(config.metadata, root),
    )


def run_components(
    config: Config, root: Root, console: Console, log: Path, to: str | None = None
) -> tuple[dict[tuple[str, str], lineage.RunArtifact], screen.RunDisplay]:
    """Runs the pipeline, or what is needed `to` make one component's outputs, and shows its progress.

    Returns:
        What `lineage.latest_run_outputs` gives of the run, and the display, which knows seconds and what was cached.

    Raises:
        InputError: The configuration, or the data, is not as it should be.
        ComponentFailed: A component failed for another reason.
    """
    threads.one_per_core()
    options = RunOptions(to_nodes=[to]) if to else None
    with root.only_run(), screen.RunDisplay(console) as display:
        try:
            LocalDagRunner().run(create_pipeline(config, target(config, root)), run_options=options)
        except Exception as error:
            raise failures.explained(error, display.running or "the runner", log) from error
    connection = metadata_store.of_root(root)
    if failed := lineage.failed_in_latest_run(connection):
        raise ComponentFailed(f"{failed[0]} failed, and the others ran without what it resolves; see {log}")
    return lineage.latest_run_outputs(connection), display
