"""The commands `esmm bench …`."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from pipeline import screen
from pipeline.exit_codes import EXIT_FAILED, errors_told
from pipeline.options import ModelNameOption, ServerOption
from pipeline.versions import latest_version
from schema import contract, load
from schema.errors import InputError

bench_app = typer.Typer(no_args_is_help=True, help="Measure speed and memory.")

OutOption = Annotated[Path | None, typer.Option(help="JSON file for the figures.")]


@bench_app.command("ingest")
def bench_ingest(
    rows: Annotated[int, typer.Option(min=1000, help="Rows of the CSV and Parquet files.")] = 50_000,
    joined: Annotated[list[int] | None, typer.Option(help="Impressions of a raw Ali-CCP log. Repeatable.")] = None,
    out: OutOption = None,
) -> None:
    """Compare ImpressionExampleGen with TFX's CsvExampleGen, and measure the Ali-CCP join."""
    with _figures_to(out) as (console, figures):
        from pipeline.bench import ingest

        figures |= ingest.bench_ingest(rows, joined or [200_000, 2_000_000], console)


@bench_app.command("transform")
def bench_transform(
    rows: Annotated[list[int] | None, typer.Option(min=1000, help="Impressions. Repeatable.")] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Tell where the time goes, at the smallest size.")] = False,
    out: OutOption = None,
) -> None:
    """Compare Transform with tf.Transform's stock recipe, and measure its memory and the parsing of its output."""
    with _figures_to(out) as (console, figures):
        from pipeline.bench import transform

        figures |= transform.bench_transform(rows or [200_000, 1_000_000, 5_000_000], profile, console)


@bench_app.command("train")
def bench_train(
    batches: Annotated[list[int] | None, typer.Option(min=1, help="Examples per step. Repeatable.")] = None,
    vocabularies: Annotated[
        Literal["release", "full", "both"], typer.Option(help="Sizes: 1.3 million ids, 5 million, or each in turn.")
    ] = "both",
    examples: Annotated[int, typer.Option(min=1, help="How many there are to train on.")] = 1 << 20,
    seconds: Annotated[float, typer.Option(min=0, help="To measure each side for, at least.")] = 10,
    deepctr: Annotated[
        Path | None, typer.Option(metavar="PYTHON", help="Interpreter of an environment that has DeepCTR.")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Tell where the time goes, in the first batch size.")
    ] = False,
    out: OutOption = None,
) -> None:
    """Compare training with the usual Keras recipe, DeepCTR and the matrix products alone, and measure its memory."""
    with _figures_to(out) as (console, figures):
        from pipeline.bench import train

        chosen = {name: sizes for name, sizes in train.VOCABULARIES.items() if vocabularies in (name, "both")}
        sizes = batches or [1024, 8192, 65_536]
        figures |= train.bench_train(chosen, sizes, examples, seconds, deepctr, profile, console)


@bench_app.command("serving")
def bench_serving(
    model: Annotated[Path, typer.Option(help="A SavedModel, or the folder of pushed versions.")],
    input_file: Annotated[Path, typer.Option("--input", help="Impressions to rank; as for predict.")],
    candidates: Annotated[list[int] | None, typer.Option(min=1, help="Of a request. Repeatable.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="To measure each side for, at least.")] = 10,
    out: OutOption = None,
) -> None:
    """Compare ranking one user's candidates with whole examples and the matrix products alone, on one core."""
    with _figures_to(out) as (console, figures):
        from pipeline.bench import serving

        sizes = candidates or [100, 500, 2000]
        figures |= serving.bench_serving(latest_version(model), str(input_file), sizes, seconds, console)


@bench_app.command("load")
def bench_load(
    server: Annotated[str, ServerOption],
    schema: Annotated[str, typer.Option(help="Of the rows: a schema's name, or a .pbtxt file.")],
    input_file: Annotated[Path, typer.Option("--input", help="Impressions to send, again and again; as for predict.")],
    rate: Annotated[float, typer.Option(min=0.1, help="Requests a second.")],
    clients: Annotated[int, typer.Option(min=1, help="How many send at the same time, at most.")],
    seconds: Annotated[float, typer.Option(min=1, help="How long.")],
    model_name: ModelNameOption = contract.MODEL_NAME,
    out: OutOption = None,
) -> None:
    """Ask a model server at a steady rate. Exit code 0: no request was lost, 2: bad input, 1: some were."""
    with _figures_to(out) as (console, figures):
        curated = load.read_schema(load.schema_path(schema))
        from pipeline.bench import load as bench

        figures |= bench.bench_load(server, model_name, curated, str(input_file), rate, clients, seconds, console)
    if figures["lost"]:
        raise typer.Exit(EXIT_FAILED)


@contextlib.contextmanager
def _figures_to(out: Path | None) -> Iterator[tuple[Console, dict[str, Any]]]:
    """A console, and a place for figures, which are written to a file at the end if one is given."""
    with errors_told(), screen.noise_to(Path(os.devnull)) as console:
        if out and not out.parent.is_dir():
            raise InputError(f"--out should be a file in a folder that is there. Received: {out}")
        figures: dict[str, Any] = {}
        yield console, figures
        if out:
            out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
