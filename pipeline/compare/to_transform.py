"""Running the pipeline as far as Transform."""

from pathlib import Path

from rich.console import Console

from components.packed_transform import spec
from pipeline.compare.examples import TransformedExamples
from pipeline.config import Config
from pipeline.root import Root
from pipeline.runners import local


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
    root.make(root.path)
    outputs, _ = local.run_components(config, root, console, log, to="Transform")
    graph, examples = (
        outputs["PackedTransform", key].uri for key in (spec.TRANSFORM_GRAPH_KEY, spec.TRANSFORMED_EXAMPLES_KEY)
    )
    return TransformedExamples(graph, examples)
