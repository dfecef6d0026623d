"""How fast training is, beside the usual Keras recipe, DeepCTR and the matrix products alone; and its memory."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from models.settings import ModelSettings
from pipeline.bench import clock, ids, op_times, train_data, train_deepctr, train_floor, train_ours, train_stock
from pipeline.bench.machine import machine
from pipeline.bench.measured import in_its_own_process
from schema.errors import InputError

VOCABULARIES = {"release": ids.VOCABULARY_SIZES, "full": ids.FULL_VOCABULARY_SIZES}
# A table, and the two moments of Adam.
_COPIES = 3


def bench_train(
    vocabularies: Mapping[str, Mapping[str, int]],
    batch_sizes: Sequence[int],
    examples: int,
    seconds: float,
    deepctr: Path | None,
    profiled: bool,
    console: Console,
) -> dict[str, Any]:
    """Draws the examples, trains on all sides, prints tables and gives their figures.

    Args:
        vocabularies: By a name, the sizes of the fields' vocabularies.
        batch_sizes: B.
        examples: How many there are; a side trains once over them at most.
        seconds: How long to measure each side at least, behind its warm-up.
        deepctr: Interpreter of an environment that has DeepCTR; without it that side is left out.
        profiled: Whether to tell where the time of ours goes, in another run at the first sizes and batch size.
        console: The screen.

    Raises:
        InputError: The examples are too few for a batch size, or end in a smaller batch; or the interpreter has no
            DeepCTR.
        ComponentFailed: DeepCTR's training ended with an error.
    """
    for batch_size in batch_sizes:
        if examples % batch_size or examples < clock.LEAST_TICKS * batch_size:
            raise InputError(
                f"--examples should be a multiple of every batch, {clock.LEAST_TICKS} of them at least. "
                f"Received: {examples} with batches of {batch_size}"
            )
    if deepctr:
        train_deepctr.check(deepctr)
    figures: dict[str, Any] = {"machine": machine(), "training": [], "profile": []}
    for name, sizes in vocabularies.items():
        with tempfile.TemporaryDirectory() as data:
            train_data.write(Path(data), examples, sizes)
            console.print(f"{name}: {examples:,} examples written", soft_wrap=True)
            for batch_size in batch_sizes:
                of_batch = _sides(data, sizes, batch_size, seconds, deepctr, console)
                figures["training"] += [
                    {"vocabularies": name, "batch_size": batch_size} | result for result in of_batch
                ]
                console.print(_table(f"{name}, {batch_size:,}", of_batch))
                if profiled and not figures["profile"]:
                    figures["profile"] = _profile(data, sizes, batch_size, console)
    if not deepctr:
        console.print("deepctr: left out, --deepctr names no interpreter that has it")
    return figures


def _sides(
    data: str, sizes: Mapping[str, int], batch_size: int, seconds: float, deepctr: Path | None, console: Console
) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []

    def add(side: str, figures: Mapping[str, float]) -> None:
        results.append({"side": side} | dict(figures))
        console.print(f"{side}, {batch_size:,}: {figures['ms_per_step']:.1f} ms per step", soft_wrap=True)

    arguments = (data, dict(sizes), batch_size, seconds)
    add("ours", in_its_own_process(train_ours.from_files, *arguments))
    add("ours, bfloat16", in_its_own_process(train_ours.from_files, *arguments, "bfloat16"))
    add("ours, from memory", in_its_own_process(train_ours.from_memory, *arguments))
    add("stock", in_its_own_process(train_stock.from_files, *arguments))
    if deepctr:
        add("deepctr", train_deepctr.from_memory(deepctr, *arguments))
    for dtype in ("float32", "bfloat16"):
        add(f"floor, {dtype}", in_its_own_process(train_floor.products, len(sizes), dtype, batch_size, seconds))
    ours, *others = results
    for other in others:
        other["ratio"] = ours["examples_per_second"] / other["examples_per_second"]
    ours["tables_mb"] = _COPIES * 4 * ModelSettings().embedding_dim * sum(train_data.rows(sizes).values()) / 2**20
    ours["memory_ratio"] = (ours["peak_mb"] - ours["start_mb"]) / ours["tables_mb"]
    return results


def _profile(data: str, sizes: Mapping[str, int], batch_size: int, console: Console) -> list[dict[str, Any]]:
    ops = in_its_own_process(op_times.op_times, data, dict(sizes), batch_size)
    console.print("where ours spends its time, ms of all threads per step, under TensorFlow's profiler")
    for milliseconds, op in ops:
        console.print(f"{milliseconds:8.2f} ms  {op}", soft_wrap=True, markup=False)
    return [{"milliseconds": milliseconds, "op": op} for milliseconds, op in ops]


def _table(title: str, results: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title, box=None, padding=(0, 2, 0, 0))
    for column in ("examples/s", "ratio", "ms/step", "peak MB", "imports MB", "of tables"):
        table.add_column(column, justify="right")
    for result in results:
        table.add_row(
            result["side"],
            f"{result['examples_per_second']:,.0f}",
            f"{result['ratio']:.2f}" if "ratio" in result else "",
            f"{result['ms_per_step']:.1f}",
            f"{result['peak_mb']:,.0f}",
            f"{result['start_mb']:,.0f}",
            f"{result['memory_ratio']:.2f}" if "memory_ratio" in result else "",
        )
    return table
