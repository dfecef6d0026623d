"""`esmm simulate`: the files of a simulated log."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast, get_args

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import duplicates_key
from components.impression_example_gen.log_format import (
    CLICKS,
    COMMON_FEATURES,
    CONVERSIONS,
    IMPRESSIONS,
    SKELETON,
    FlatFormat,
    LogFormat,
)
from components.impression_example_gen.readers.ali_ccp import is_common
from pipeline.config import Config
from pipeline.simulator.ali_ccp import AliCcpFiles, check_recipes
from pipeline.simulator.features import Recipe, recipes
from pipeline.simulator.flat import EventFiles, FlatFiles
from pipeline.simulator.impressions import Sessions, simulate_split
from pipeline.simulator.latent import latent_features
from pipeline.simulator.sizes import DEFAULT_SELECTION_BIAS
from pipeline.simulator.truth import Truth
from pipeline.simulator.truth_file import TruthFile
from schema import contract, load
from schema.errors import InputError

ALI_CCP = "ali_ccp"
EVENTS = "events"
FORMATS: tuple[str, ...] = (*get_args(FlatFormat), ALI_CCP, EVENTS)

# The release calls the two halves by names of its own.
_ALI_CCP_HALVES = {"train": "train", "eval": "test"}


# In files; a BYTES column is text there.
_KEY_TYPES = {schema_pb2.INT: pa.int64(), schema_pb2.FLOAT: pa.float64(), schema_pb2.BYTES: pa.string()}


class _Files(Protocol):
    def write(self, sessions: Sessions) -> None: ...
    def close(self) -> None: ...


def simulate(
    config: Config,
    schema: schema_pb2.Schema,
    file_format: str,
    out: Path,
    *,
    impressions: int,
    ctr: float,
    cvr: float,
    seed: int,
    truth: Path | None = None,
    selection_bias: float | None = None,
) -> list[Path]:
    """Writes a log with made-up values for a configuration's schema.

    The labels depend on no feature, or, with `truth`, on those that the configuration's fields are made of.
    The first half of the impressions, by time, are the train split. With the same sizes and seed every format holds
    the same impressions. No file has its name before all of them are whole.

    Args:
        config: Says which features are the user's, and how the columns are called.
        schema: What the features are.
        file_format: One of `FORMATS`.
        out: Folder to write to; it is made if it is not there.
        impressions: Of both splits, at least 1.
        ctr: Share of impressions that are clicked; with `truth`, expected.
        cvr: Share of clicks that convert; with `truth`, expected.
        seed: Not negative.
        truth: Parquet file for the eval half's impressions with their true probabilities, see `TruthFile`.
        selection_bias: How much what makes people click also makes them buy, see `Truth`; not without `truth`, and by
            default `DEFAULT_SELECTION_BIAS`.

    Returns:
        The files.

    Raises:
        InputError: An argument is out of its range, the format can't hold the schema's features, a feature has the name
            of another column, or the files are there already or can't be written.
    """
    _check_arguments(file_format, impressions, ctr, cvr, seed)
    bias = _checked_bias(truth, selection_bias)
    log = config.data.log
    drawn = recipes(schema, log)
    features = list(load.usable_features(schema, contract.SERVING))
    if file_format == ALI_CCP:
        check_recipes(drawn)
    else:
        _check_names(features, log)
    known = {*features, log.events.impression_id, log.events.time, log.labels.click, log.labels.conversion}
    asked = (
        duplicates_key(schema, log.duplicates.key) if log.duplicates and file_format not in (ALI_CCP, EVENTS) else ()
    )
    key = {column.name: _KEY_TYPES[column.type] for column in asked if column.name not in known}
    # Where the release has a user's feature does not depend on whether it is a field.
    of_users = {field.source for field in config.fields if field.entity == "user"}
    of_users |= {recipe.name for recipe in drawn if is_common(recipe.column)}
    middle = (impressions + 1) // 2
    halves = {contract.TRAIN_SPLIT: range(middle), contract.EVAL_SPLIT: range(middle, impressions)}
    names = {split: _file_names(file_format, split, log) for split in halves}
    log_files = [name for by_role in names.values() for name in by_role.values()]
    labels: Truth | None = None
    truth_file: TruthFile | None = None
    if truth:
        if truth.resolve() in [(out / name).resolve() for name in log_files]:
            raise InputError(f"--truth should be none of the log's files. Received: {truth}")
        truth_file = TruthFile(truth, features, log)
        telling = latent_features(drawn, config.fields, log.max_values)
        labels = Truth(drawn, telling, of_users, ctr=ctr, cvr=cvr, selection_bias=bias, seed=seed)
    with truth_file or contextlib.nullcontext(), _whole_files(out, log_files) as unfinished:
        for split, numbers in halves.items():
            paths = {role: unfinished[name] for role, name in names[split].items()}
            stream = simulate_split(drawn, of_users, numbers, ctr, cvr, seed)
            if labels:
                stream = _labelled(stream, labels, truth_file if split == contract.EVAL_SPLIT else None)
            with contextlib.closing(_open(file_format, paths, drawn, features, log, key, seed)) as files:
                for sessions in stream:
                    files.write(sessions)
    return [*(out / name for name in log_files), *([truth] if truth else [])]


def _labelled(stream: Iterable[Sessions], labels: Truth, file: TruthFile | None) -> Iterator[Sessions]:
    """The stream with labels by the truth, which is written down, too, if there is a file for it."""
    for sessions in stream:
        labelled = labels.label(sessions)
        if file:
            file.write(labelled)
        yield labelled.sessions


def _check_arguments(file_format: str, impressions: int, ctr: float, cvr: float, seed: int) -> None:
    if file_format not in FORMATS:
        raise InputError(f"--format should be one of: {', '.join(FORMATS)}. Received: {file_format}")
    if impressions < 1:
        raise InputError(f"--impressions should be at least 1. Received: {impressions}")
    if seed < 0:
        raise InputError(f"--seed should be 0 or larger. Received: {seed}")
    for option, share in (("--ctr", ctr), ("--cvr", cvr)):
        if not 0 <= share <= 1:
            raise InputError(f"{option} should be from 0 to 1. Received: {share}")


def _checked_bias(truth: Path | None, selection_bias: float | None) -> float:
    if selection_bias is None:
        return DEFAULT_SELECTION_BIAS
    if truth is None:
        raise InputError(f"--selection-bias should come with --truth. Received: {selection_bias} without it")
    if not 0 <= selection_bias < math.inf:
        raise InputError(f"--selection-bias should be 0 or larger, and finite. Received: {selection_bias}")
    return selection_bias


def _check_names(features: Sequence[str], log: LogFormat) -> None:
    for key, name in (
        ("events.impression_id", log.events.impression_id),
        ("events.time", log.events.time),
        ("labels.click", log.labels.click),
        ("labels.conversion", log.labels.conversion),
    ):
        if name in features:
            raise InputError(f"`data.log.{key}` should be no feature's name; use --set. Received: {name}")


def _file_names(file_format: str, split: str, log: LogFormat) -> dict[str, str]:
    """Names of a split's files by their role."""
    if file_format == ALI_CCP:
        half = _ALI_CCP_HALVES[split]
        return {SKELETON: f"sample_skeleton_{half}.csv", COMMON_FEATURES: f"common_features_{half}.csv"}
    if file_format == EVENTS:
        return {role: f"{role}-{split}.{log.events.format}" for role in (IMPRESSIONS, CLICKS, CONVERSIONS)}
    return {IMPRESSIONS: f"{IMPRESSIONS}-{split}.{file_format}"}


def _open(
    file_format: str,
    paths: Mapping[str, Path],
    drawn: Sequence[Recipe],
    features: Sequence[str],
    log: LogFormat,
    key: Mapping[str, pa.DataType],
    seed: int,
) -> _Files:
    if file_format == ALI_CCP:
        return AliCcpFiles(paths, drawn)
    if file_format == EVENTS:
        return EventFiles(paths, features, log, seed)
    return FlatFiles(paths, cast(FlatFormat, file_format), features, log, key)


@contextlib.contextmanager
def _whole_files(out: Path, names: Sequence[str]) -> Iterator[dict[str, Path]]:
    """Gives a path to write to for each name; the files get their names at the end, if nothing went wrong."""
    for name in names:
        if (out / name).exists():
            raise InputError(f"--out should be a folder without {name}; it is not overwritten. Received: {out}")
    unfinished = {name: out / f".{name}.unfinished" for name in names}
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield unfinished
        for name, path in unfinished.items():
            path.rename(out / name)
    except OSError as error:
        raise InputError(f"--out should be a folder to write to. Received: {out}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            for path in unfinished.values():
                path.unlink(missing_ok=True)
