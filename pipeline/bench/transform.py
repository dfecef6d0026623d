"""How fast Transform is with the packing preprocessing_fn, beside the stock recipe, and how much memory it takes.

An output of either side is a folder with `transform_graph` and `transformed_examples`, as the component leaves them.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from rich.console import Console
from rich.table import Table

from pipeline.bench import ids
from pipeline.bench.machine import machine
from pipeline.bench.measured import measure
from pipeline.bench.parsing import bench_parsing
from pipeline.bench.profiled import profile
from pipeline.failures import ComponentFailed
from schema import contract, vocabulary
from schema import fields as schema_fields
from schema.fields import Field

# Beyond, it would take many minutes.
_MOST_STOCK_ROWS = 1_000_000
# Batches as they are by default; the rest as in `pipeline.beam.LOCAL_ARGS`, and outside of the measured time.
_STOCK_ARGS = ("--runner=FnApiRunner", "--sdk_container_image=unused")


def bench_transform(sizes: Collection[int], profiled: bool, console: Console) -> dict[str, Any]:
    """Draws the impressions, transforms them on both sides, prints tables and gives their figures.

    Args:
        sizes: Numbers of impressions; the stock side takes those up to 1,000,000.
        profiled: Whether to tell where the time of ours goes, in another run at the smallest size.
        console: The screen.

    Raises:
        ComponentFailed: The two sides' vocabularies of a field are not equal, or one is not there.
    """
    sizes = sorted(set(sizes))
    compared = [rows for rows in sizes if rows <= _MOST_STOCK_ROWS]
    figures: dict[str, Any] = {"machine": machine(), "transform": [], "parsing": [], "memory": [], "profile": []}

    def run(side: str, rows: int, prepare: Callable[..., Callable[[], None]], log: Path) -> dict[str, Any]:
        measured = measure(prepare, str(log), str(log / side))
        result = {"side": side, "rows": rows, "rows_per_second": rows / measured.seconds} | asdict(measured)
        figures["transform"].append(result)
        console.print(f"{side}, {rows:,}: {measured.seconds:.1f} s", soft_wrap=True)
        return result

    with tempfile.TemporaryDirectory() as directory:
        for rows in sizes:
            log = Path(directory) / str(rows)
            _write_log(log, rows)
            console.print(f"impressions, {rows:,}: written", soft_wrap=True)
            stock = run("stock", rows, _prepare_stock, log) if rows in compared else None
            ours = run("ours", rows, _prepare_ours, log)
            if stock:
                ours["ratio"] = stock["seconds"] / ours["seconds"]
                check_vocabularies(_stock_vocabularies(log / "stock"), _our_vocabularies(log / "ours"))
                console.print(f"vocabularies, {rows:,}: equal in all {len(ids.VOCABULARY_SIZES)} fields")
            if stock and rows == compared[-1]:
                figures["parsing"] = bench_parsing(rows, log / "stock", log / "ours", console)
            if profiled and rows == sizes[0]:
                profile_rows = profile(_prepare_ours, str(log), str(log / "profiled"))
                figures["profile"] = [{"seconds": seconds, "function": name} for seconds, name in profile_rows]
            shutil.rmtree(log)
    figures["memory"] = _memory(figures["transform"])
    _print(figures, console)
    return figures


def check_vocabularies(stock: Mapping[str, Sequence[bytes]], ours: Mapping[str, Sequence[bytes]]) -> None:
    """Compares the tokens of each field of `pipeline.bench.ids`, in their order.

    Raises:
        ComponentFailed: Those of a field are not equal; the message has the field and the first line that differs.
    """
    for name in ids.VOCABULARY_SIZES:
        theirs, mine = stock[name], ours[name]
        if theirs != mine:
            shared = min(len(theirs), len(mine))
            place = next((i for i in range(shared) if theirs[i] != mine[i]), shared)
            raise ComponentFailed(
                f"the vocabulary of field {name} should be the stock one. Received: others from line {place + 1} on, "
                f"{mine[place : place + 1]} for {theirs[place : place + 1]}"
            )


def _stock_vocabularies(output: Path) -> dict[str, list[bytes]]:
    assets = output / "transform_graph" / "transform_fn" / "assets"
    return {name: (assets / name).read_bytes().splitlines() for name in ids.VOCABULARY_SIZES}


def _our_vocabularies(output: Path) -> dict[str, list[bytes]]:
    from models import vocabulary_files

    tokens = vocabulary_files.read_tokens(vocabulary.directory(str(output / "transform_graph")))
    return {name: of_field.to_pylist() for name, of_field in tokens.items()}


def _write_log(log: Path, rows: int) -> None:
    ids.write_examples(log / "examples" / "Split-train", rows, seed=1)
    (log / "schema").mkdir()
    (log / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(ids.schema()), encoding="utf-8")


def _prepare_stock(log: str, output: str) -> Callable[[], None]:
    from google.protobuf import json_format
    from tfx.components.transform import executor
    from tfx.proto import transform_pb2
    from tfx.types import standard_component_specs as spec

    splits = transform_pb2.SplitsConfig(analyze=[contract.TRAIN_SPLIT], transform=[contract.TRAIN_SPLIT])
    properties = {
        spec.PREPROCESSING_FN_KEY: "pipeline.bench.stock_transform.preprocessing_fn",
        spec.CUSTOM_CONFIG_KEY: "{}",
        spec.SPLITS_CONFIG_KEY: json_format.MessageToJson(splits),
        spec.DISABLE_STATISTICS_KEY: 1,
    }
    return _do(executor.Executor, _STOCK_ARGS, properties, log, output)


def _prepare_ours(log: str, output: str) -> Callable[[], None]:
    from components.packed_transform import executor, spec
    from pipeline.beam import LOCAL_ARGS

    properties = {
        spec.PREPROCESSING_FN_KEY: "models.preprocessing.preprocessing_fn",
        spec.FIELDS_KEY: schema_fields.to_json([Field(name=name, entity="user") for name in ids.VOCABULARY_SIZES]),
    }
    return _do(executor.Executor, LOCAL_ARGS, properties, log, output)


def _do(
    executor_class: Any, beam_args: Sequence[str], properties: Mapping[str, Any], log: str, output: str
) -> Callable[[], None]:
    """The executor's `Do`, to analyse and transform the log."""
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    def at(artifact_class: Any, uri: str) -> list[Any]:
        artifact = artifact_class()
        artifact.uri = uri
        return [artifact]

    examples = at(standard_artifacts.Examples, f"{log}/examples")
    examples[0].split_names = json.dumps([contract.TRAIN_SPLIT])
    inputs = {"examples": examples, "schema": at(standard_artifacts.Schema, f"{log}/schema")}
    # On neither side a cache for the next run's analysis, which a run over the same log would not read.
    outputs = {
        "transform_graph": at(standard_artifacts.TransformGraph, f"{output}/transform_graph"),
        "transformed_examples": at(standard_artifacts.Examples, f"{output}/transformed_examples"),
    }
    context = BaseBeamExecutor.Context(list(beam_args), tmp_dir=f"{output}/tmp", unique_id="bench")
    executor = executor_class(context)
    return lambda: executor.Do(inputs, outputs, properties)


def _memory(results: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """How much more memory ours takes at each size than at the one below."""
    ours = [result for result in results if result["side"] == "ours"]
    return [
        {"rows": more["rows"], "than_rows": less["rows"], "ratio": more["peak_mb"] / less["peak_mb"]}
        for less, more in pairwise(ours)
    ]


def _print(figures: Mapping[str, Any], console: Console) -> None:
    transform = _table("transform", "rows", "seconds", "rows/s", "ratio", "peak MB", "imports MB")
    for result in figures["transform"]:
        transform.add_row(
            result["side"],
            f"{result['rows']:,}",
            f"{result['seconds']:.1f}",
            f"{result['rows_per_second']:,.0f}",
            f"{result['ratio']:.1f}" if "ratio" in result else "",
            f"{result['peak_mb']:,.0f}",
            f"{result['start_mb']:,.0f}",
        )
    console.print(transform)
    for step in figures["memory"]:
        console.print(f"peak memory of ours, {step['rows']:,} beside {step['than_rows']:,} rows: {step['ratio']:.2f}")
    if figures["parsing"]:
        parsing = _table("side", "batch", "examples/s parse", "ratio", "examples/s read and parse", "ratio")
        for side in figures["parsing"]:
            ratios = [f"{side[key]:.1f}" if key in side else "" for key in ("parse_ratio", "read_ratio")]
            rates = [f"{side[what]:,.0f}" for what in ("parse", "read")]
            parsing.add_row(side["side"], f"{side['batch_size']:,}", rates[0], ratios[0], rates[1], ratios[1])
        console.print(parsing)
    if figures["profile"]:
        console.print("where ours spends its time, under cProfile, at the smallest size")
        for row in figures["profile"]:
            console.print(f"{row['seconds']:8.2f} s  {row['function']}", soft_wrap=True, markup=False)


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None, padding=(0, 2, 0, 0))
    for title in others:
        table.add_column(title, justify="right")
    return table
