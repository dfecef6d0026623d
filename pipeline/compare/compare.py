"""`esmm compare`: trains models one after the other and compares them."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from models.settings import ModelName
from pipeline.compare import finished, report, tables
from pipeline.compare.results import spreads
from pipeline.compare.runs import Result, Run, run_alone
from pipeline.compare.to_transform import transformed_examples
from pipeline.compare.truth import open_truth
from pipeline.config import Config
from pipeline.root import Root
from schema.errors import InputError


def compare(
    config: Config,
    root: Root,
    models: Sequence[ModelName],
    seeds: int,
    out: Path,
    user_field: str | None,
    truth: Path | None,
    console: Console,
    log: Path,
) -> bool:
    """Trains and judges each model with each seed, and writes what they came to.

    A run that is finished is kept in `out`, and not done again. One that fails is told, and the others go on.

    Args:
        config: Of all runs, but for the model's name and the seed.
        root: Where the pipeline keeps its files.
        models: Which ones.
        seeds: How many: 1, 2, ….
        out: Folder for the results.
        user_field: Field whose ids are users, for GAUC.
        truth: Parquet file of `esmm simulate --truth`.
        console: The screen.
        log: Where libraries write to meanwhile.

    Returns:
        Whether all runs finished.

    Raises:
        InputError: The truth or the data is not as it should be, or `out` has results of something else.
        ComponentFailed: The pipeline failed before Transform was done.
    """
    source = open_truth(truth, config.schema_file, config.fields, config.data.log) if truth else None
    examples = transformed_examples(config, root, console, log)
    runs = [
        Run(
            examples,
            config.fields,
            config.model.model_copy(update={"name": model}),
            config.train.model_copy(update={"seed": seed}),
            user_field,
            source,
        )
        for seed in range(1, seeds + 1)
        for model in models
    ]
    # All are read before any is trained: what does not fit is told at once.
    results = {_key(run): result for run in runs if (result := finished.read(out, run))}
    failed: list[str] = []
    pending = [run for run in runs if _key(run) not in results]
    for place, run in enumerate(pending):
        left = _time_left(results.values(), len(pending) - place)
        console.print(f"{run.name}: {len(results)} of {len(runs)} done{left}", soft_wrap=True)
        with console.status("training"):
            result = _finish(run, out, console, log)
        if result:
            results[_key(run)] = result
        else:
            failed.append(run.name)
    results = {_key(run): results[_key(run)] for run in runs if _key(run) in results}
    if results:
        report.write(out, config, results, failed, user_field)
        console.print(tables.screen_table(spreads(results)))
        console.print(f"all of them: {out / 'results.md'}", soft_wrap=True)
    return not failed


def _key(run: Run) -> tuple[ModelName, int]:
    return run.model.name, run.train.seed


def _finish(run: Run, out: Path, console: Console, log: Path) -> Result | None:
    """Does a run and keeps its result; tells why, if there is none."""
    try:
        result = run_alone(run)
    except Exception as error:
        logging.getLogger(__name__).info("%s failed", run.name, exc_info=error)
        line = (str(error).strip().splitlines() or [""])[-1]
        reason = line if isinstance(error, InputError) else f"{type(error).__name__}: {line}"
        console.print(Text(f"{run.name} failed: {reason}; see {log}", style="red"), soft_wrap=True)
        return None
    finished.write(out, run, result)
    return result


def _time_left(results: Collection[Result], runs: int) -> str:
    """As in `, 3 min left`, from the mean of the results; nothing, if there are none."""
    if not results:
        return ""
    seconds = runs * sum(result.seconds for result in results) / len(results)
    return f", {seconds / 60:.0f} min left" if seconds >= 60 else f", {seconds:.0f} s left"
