"""The command `esmm`.

TensorFlow and TFX are imported inside the commands: a wrong key is told at once, and their notes go to the log.
"""

import contextlib
import itertools
import os
import socket
from datetime import datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer
from rich.text import Text
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline import screen
from pipeline.asking import Ask
from pipeline.bench.commands import bench_app
from pipeline.compare.choice import check_user_field, chosen_models
from pipeline.config import Config, load_config, to_yaml
from pipeline.exit_codes import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_NOT_BLESSED, errors_told
from pipeline.kubeflow_config import TARGETS
from pipeline.options import ModelNameOption, ServerOption
from pipeline.root import Root
from pipeline.schema_base import read_base
from pipeline.simulator.sizes import DEFAULT_CTR, DEFAULT_CVR, DEFAULT_SELECTION_BIAS
from pipeline.versions import latest_version
from schema import check, contract, load
from schema.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train and serve ESMM from impression logs.",
)
config_app = typer.Typer(no_args_is_help=True, help="Look at a configuration.")
app.add_typer(config_app, name="config")
app.add_typer(bench_app, name="bench")
schema_app = typer.Typer(no_args_is_help=True, help="Look at a schema.")
app.add_typer(schema_app, name="schema")

ConfigOption = Annotated[str, typer.Option("--config", help="Name of a preset, or a YAML file.")]
TargetOption = Annotated[str, typer.Option("--target", help="kubeflow or vertex.")]
RootOption = Annotated[Path | None, typer.Option(help="Folder of the run's files. Default: runs/<name>.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override a key, as in train.epochs=2. Repeatable.")]


def _tell_version(asked: bool) -> None:
    if asked:
        try:
            typer.echo(f"esmm {metadata.version('esmm')}")
        except metadata.PackageNotFoundError:
            typer.echo("esmm, not installed")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options of `esmm` itself."""


@app.command()
def run(
    config: ConfigOption,
    overrides: SetOption = None,
    root: RootOption = None,
    to: Annotated[Literal["Transform"] | None, typer.Option(help="Stop behind it; exit code 0.")] = None,
) -> None:
    """Run the whole pipeline on this machine. Exit code 0: pushed, 2: bad input, 3: not pushed, 1: another error."""
    with errors_told():
        tree = _load_checked(config, overrides)
        places = _places(tree, root)
        places.make(places.logs)
        log = places.logs / f"{datetime.now():%Y%m%d-%H%M%S}.log"
        with screen.noise_to(log) as console:
            console.print(f"[bold]{tree.name}[/bold]  root {places.path}\nlog  {log}", soft_wrap=True)
            from pipeline.runners import local

            if to:
                local.run_components(tree, places, console, log, to)
                return
            result = local.run(tree, places, console, log)
    if not result.pushed_to:
        raise typer.Exit(EXIT_NOT_BLESSED)


@app.command()
def train(config: ConfigOption, overrides: SetOption = None, root: RootOption = None) -> None:
    """Train alone, on what a run transformed; the next run evaluates and pushes. With TF_CONFIG: one of its workers."""
    with errors_told():
        tree = _load_checked(config, overrides)
        places = _places(tree, root)
        if not places.has_metadata:
            raise places.no_transform()
        places.make(places.logs)
        # Workers on several machines share the folder.
        log = places.logs / f"{datetime.now():%Y%m%d-%H%M%S}-{socket.gethostname()}-{os.getpid()}.log"
        with screen.noise_to(log) as console:
            console.print(f"[bold]{tree.name}[/bold]  root {places.path}\nlog  {log}", soft_wrap=True)
            from pipeline.train import train as train_alone

            train_alone(tree, places, console, log)


@app.command()
def compare(
    config: ConfigOption,
    models: Annotated[str, typer.Option(help="all, or names like base,esmm.")],
    out: Annotated[Path, typer.Option(help="Folder for results; what it has finished is not done again.")],
    overrides: SetOption = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many: each model is trained with 1, 2, …")] = 3,
    root: RootOption = None,
    user_field: Annotated[str | None, typer.Option(help="Field that is the user, for GAUC.")] = None,
    truth: Annotated[Path | None, typer.Option(help="File of `esmm simulate --truth`, of the same log.")] = None,
) -> None:
    """Train models on the same examples and compare them. Exit code 0: all are done, 2: bad input, 1: one failed."""
    with errors_told():
        tree = _load_checked(config, overrides)
        chosen = chosen_models(models)
        if user_field:
            check_user_field(tree.fields, user_field)
        try:
            out.mkdir(parents=True, exist_ok=True)
            log = out / f"{datetime.now():%Y%m%d-%H%M%S}.log"
            log.touch()
        except OSError as error:
            raise InputError(f"--out should be a folder to write to. Received: {out}: {error.strerror}") from None
        with screen.noise_to(log) as console:
            console.print(f"[bold]{tree.name}[/bold]  {', '.join(chosen)}\nlog  {log}", soft_wrap=True)
            from pipeline.compare.compare import compare as compare_models

            places = _places(tree, root)
            done = compare_models(tree, places, chosen, seeds, out, user_field, truth, console, log)
    if not done:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def predict(
    input_file: Annotated[Path, typer.Option("--input", help="Impressions, .parquet or .csv; labels are not needed.")],
    model: Annotated[Path | None, typer.Option(help="A SavedModel, or the folder of pushed versions.")] = None,
    server: Annotated[str | None, ServerOption] = None,
    model_name: ModelNameOption = contract.MODEL_NAME,
    schema: Annotated[str | None, typer.Option(help="With --server: a schema's name, or a .pbtxt file.")] = None,
) -> None:
    """Print pctr,pcvr,pctcvr as CSV, a line for each row of the input. The model is here, or a server's."""
    with errors_told(), screen.noise_to(Path(os.devnull)) as console, contextlib.ExitStack() as stack:
        curated, asked = _model_to_ask(model, server, model_name, schema)
        from pipeline.predict import read_examples

        # Closed by hand, so that `| head` does not leave the file to be closed while the interpreter ends.
        examples = stack.enter_context(contextlib.closing(read_examples(curated, str(input_file))))
        answers = map(stack.enter_context(asked), examples)
        first = list(itertools.islice(answers, 1))  # before the header: what is wrong stands alone
        console.print(",".join(contract.OUTPUTS))
        for outputs in itertools.chain(first, answers):
            for row in zip(*(outputs[name] for name in contract.OUTPUTS), strict=True):
                console.print(",".join(f"{value:.6g}" for value in row))


@app.command()
def unpack(
    root: Annotated[Path, typer.Option(help="Folder of a run's files.")],
    split: Annotated[str, typer.Option(help="train or eval.")] = contract.EVAL_SPLIT,
    number: Annotated[int, typer.Option(min=0, help="Which example, counted from 0.")] = 0,
) -> None:
    """Print a transformed example: the labels, and a line for each field with its ids and what they stand for."""
    with errors_told(), screen.noise_to(Path(os.devnull)) as console:
        from pipeline import unpack as unpacking

        unpacking.show(console, unpacking.read_rows(Root(root), split, number))


@app.command()
def lineage(
    model_dir: Annotated[Path, typer.Argument(help="Folder of a pushed version, or of a Model artifact.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the runs' files. Default: the nearest above.")] = None,
) -> None:
    """Print what made a model: data, schema, vocabularies, configuration, code, and what it began with."""
    with errors_told(), screen.noise_to(Path(os.devnull)) as console:
        from pipeline import model_lineage

        model = model_dir.resolve()
        model_lineage.show(console, model, model_lineage.read_steps(model, Root(root.resolve()) if root else None))


@app.command()
def simulate(
    config: ConfigOption,
    file_format: Annotated[str, typer.Option("--format", help="parquet, csv, jsonl, tfrecord, ali_ccp or events.")],
    impressions: Annotated[int, typer.Option(help="How many, in both splits together.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    overrides: SetOption = None,
    ctr: Annotated[float, typer.Option(help="Share of impressions that are clicked.")] = DEFAULT_CTR,
    cvr: Annotated[float, typer.Option(help="Share of clicks that convert.")] = DEFAULT_CVR,
    seed: Annotated[int, typer.Option(help="Other seeds give other values.")] = 1,
    truth: Annotated[
        Path | None,
        typer.Option(help=".parquet file for true probabilities, by which labels are drawn; else no feature matters."),
    ] = None,
    selection_bias: Annotated[
        float | None,
        typer.Option(
            help="With --truth: how much what makes people click makes them convert, too. "
            f"Default: {DEFAULT_SELECTION_BIAS:g}."
        ),
    ] = None,
) -> None:
    """Write an impression log with made-up values that fit the schema, and print the files' names.

    With --truth also the best possible AUCs on the eval half.
    """
    with errors_told(), screen.noise_to(Path(os.devnull)) as console:
        tree = _load_checked(config, overrides)
        from pipeline.simulator.best_auc import best_aucs
        from pipeline.simulator.simulate import simulate as write_log

        schema = load.read_schema(load.schema_path(tree.schema_file))
        for path in write_log(
            tree,
            schema,
            file_format,
            out,
            impressions=impressions,
            ctr=ctr,
            cvr=cvr,
            seed=seed,
            truth=truth,
            selection_bias=selection_bias,
        ):
            console.print(str(path), soft_wrap=True)
        if truth:
            aucs = ", ".join(f"{name} {auc:.4f}" for name, auc in best_aucs(truth).items())
            console.print(f"best possible: {aucs}", soft_wrap=True)


@app.command("compile")
def compile_for(
    config: ConfigOption,
    target: TargetOption,
    out: Annotated[Path, typer.Option(help="File: .yaml for kubeflow, .json for vertex.")],
    overrides: SetOption = None,
) -> None:
    """Write the pipeline as a file for Kubeflow Pipelines 2 or for Vertex AI. Nothing is uploaded."""
    with errors_told(), screen.noise_to(Path(os.devnull)):
        platform = _checked_target(target)
        tree = _load_checked(config, overrides)
        from pipeline.runners import kubeflow

        kubeflow.compile_pipeline(tree, platform, out)


@app.command()
def submit(
    config: ConfigOption,
    target: TargetOption,
    overrides: SetOption = None,
    run_id: Annotated[str | None, typer.Option(help="Of a run to be taken up again. Default: the time.")] = None,
) -> None:
    """Compile the pipeline, start a run of it on Kubeflow Pipelines 2 or on Vertex AI, and print its page."""
    with errors_told(), screen.noise_to(Path(os.devnull)) as console, TemporaryDirectory() as directory:
        platform = _checked_target(target)
        tree = _load_checked(config, overrides)
        from pipeline.runners import kubeflow
        from pipeline.runners import submit as submission

        compiled = Path(directory) / f"pipeline{kubeflow.FILE_TYPES[platform][0]}"
        kubeflow.compile_pipeline(tree, platform, compiled)
        parameters = kubeflow.runtime_parameters(tree)
        parameters[kubeflow.RUN_ID] = run_id or f"{datetime.now():%Y%m%d-%H%M%S}"
        console.print(submission.submit(tree, platform, compiled, parameters), soft_wrap=True)


@config_app.command()
def show(config: ConfigOption, overrides: SetOption = None) -> None:
    """Print the whole configuration, defaults included."""
    with errors_told():
        typer.echo(to_yaml(_load_checked(config, overrides)), nl=False)


@schema_app.command("check")
def check_curated_schema(
    config: ConfigOption,
    overrides: SetOption = None,
    base: Annotated[
        str | None, typer.Option(help="Schema to be compatible with: a .pbtxt file, or a git revision of the same one.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="[ROLE=]GLOB", help="Files of a log that should fit it. Repeatable.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A SavedModel, or the folder of pushed versions, whose clients should stay.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Check the configuration's schema. Exit code 0: all is well, 2: bad input, or a check was not passed."""
    with errors_told(), screen.noise_to(Path(os.devnull)) as console:
        tree = load_config(config, overrides or [])
        path = load.schema_path(tree.schema_file)
        curated = load.read_schema(path)
        base_schema = read_base(base, path) if base is not None else None
        model_path = latest_version(model) if model is not None else None

        console.quiet = True  # what a library logs is no finding
        from pipeline import data_check, schema_check

        log = data_check.by_role(data, tree.data.log) if data else None
        checks = schema_check.run_checks(tree, curated, base_schema, log, model_path)
        console.quiet = False
        lines = [schema_check.to_json(checks)] if as_json else schema_check.to_lines(checks)
        for line in lines:
            console.print(Text(line), soft_wrap=True)
    if not all(one.ok for one in checks):
        raise typer.Exit(EXIT_BAD_INPUT)


def _model_to_ask(
    model: Path | None, server: str | None, model_name: str, schema: str | None
) -> tuple[schema_pb2.Schema, contextlib.AbstractContextManager[Ask]]:
    """The schema of its examples, and what it is asked by once it is entered."""
    if model is not None and server is None and schema is None:
        path = latest_version(model)
        from pipeline.asking.local import load_model

        return load.read_schema(path / contract.MODEL_SCHEMA_PATH), load_model(path)
    if model is None and server is not None and schema is not None:
        curated = load.read_schema(load.schema_path(schema))
        from pipeline.asking.server import connect

        return curated, connect(server, model_name)
    options = {"--model": model, "--server": server, "--schema": schema}
    received = ", ".join(name for name, value in options.items() if value is not None) or "none of them"
    raise InputError(f"either --model, or --server and --schema, should be given. Received: {received}")


def _places(config: Config, root: Path | None) -> Root:
    if root and root.parts[:1] and root.parts[0].endswith(":"):
        raise InputError(
            f"--root should be a folder of this machine; that of a mounted volume is one. Received: {root.parts[0]}//…"
        )
    return Root((root or Path("runs") / config.name).resolve())


def _checked_target(target: str) -> str:
    if target not in TARGETS:
        raise InputError(f"--target should be one of: {', '.join(TARGETS)}. Received: {target}")
    if find_spec("kfp") is None:
        raise InputError("Kubeflow's client should be installed: pip install kfp. Received: no module kfp")
    return target


def _load_checked(config: str, overrides: list[str] | None) -> Config:
    tree = load_config(config, overrides or [])
    schema = load.read_schema(load.schema_path(tree.schema_file))
    check.check_schema(schema, tree.data.log.labels.model_dump())
    check.check_fields(schema, tree.fields)
    check.check_stages(schema, tree.model.stages)
    check.check_slices(schema, tree.evaluation.slices)
    check.check_allowed(schema, tree.guard.allow)
    return tree
