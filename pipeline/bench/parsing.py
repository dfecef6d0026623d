"""How fast a trainer parses what Transform wrote, beside the stock recipe's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.bench.measured import measure

_BATCH_SIZE = 1024
_ROUNDS = 3


def bench_parsing(rows: int, stock: Path, ours: Path, console: Console) -> list[dict[str, Any]]:
    """Reads both outputs, one beside the other in turn, and gives the best figures of three.

    Args:
        rows: Examples of each output.
        stock: Output of the stock side, see `pipeline.bench.transform`.
        ours: Output of our side.
        console: The screen.

    Returns:
        For each side the examples per second of parsing alone, `parse`, and of reading the files too, `read`; for ours
        also their ratios to the stock ones.
    """
    runs: dict[tuple[str, str], tuple[Callable[..., Callable[[], None]], Path]] = {
        ("stock", "parse"): (_prepare_parse_stock, stock),
        ("ours", "parse"): (_prepare_parse_ours, ours),
        ("stock", "read"): (_prepare_read_stock, stock),
        ("ours", "read"): (_prepare_read_ours, ours),
    }
    rates = dict.fromkeys(runs, 0.0)
    for number in range(1, _ROUNDS + 1):
        for run, (prepare, output) in runs.items():
            rates[run] = max(rates[run], rows / measure(prepare, str(output)).seconds)
        console.print(f"parsing, {rows:,}: round {number} of {_ROUNDS}", soft_wrap=True)
    results: list[dict[str, Any]] = [
        {"side": side, "rows": rows, "parse": rates[side, "parse"], "read": rates[side, "read"]}
        for side in ("stock", "ours")
    ]
    for what in ("parse", "read"):
        results[1][f"{what}_ratio"] = rates["ours", what] / rates["stock", what]
    return results


def _prepare_parse_stock(output: str) -> Callable[[], None]:
    import tensorflow as tf

    spec = _spec(output)
    return _parsing(output, lambda batch: tf.io.parse_example(batch, spec))


def _prepare_parse_ours(output: str) -> Callable[[], None]:
    from models import inputs

    spec = _spec(output)
    return _parsing(output, lambda batch: inputs.parse_packed(batch, spec))


def _parsing(output: str, parse_batch: Callable[[Any], Any]) -> Callable[[], None]:
    import tensorflow as tf

    batches = list(tf.data.TFRecordDataset(_files(output), compression_type="GZIP").batch(_BATCH_SIZE))
    parse = tf.function(parse_batch, [tf.TensorSpec([None], tf.string)], autograph=False)
    parse(batches[0])

    def call() -> None:
        for batch in batches:
            parse(batch)

    return call


def _prepare_read_stock(output: str) -> Callable[[], None]:
    import tensorflow as tf

    spec = _spec(output)
    batches = tf.data.TFRecordDataset(_files(output), compression_type="GZIP").batch(_BATCH_SIZE)
    return _reading(batches.map(lambda batch: tf.io.parse_example(batch, spec)).prefetch(tf.data.AUTOTUNE))


def _prepare_read_ours(output: str) -> Callable[[], None]:
    from models import inputs

    return _reading(inputs.read_packed(_files(output), _spec(output), _BATCH_SIZE))


def _reading(dataset: Any) -> Callable[[], None]:
    def call() -> None:
        for _ in dataset:
            pass

    return call


def _spec(output: str) -> dict[str, Any]:
    import tensorflow_transform as tft

    return tft.TFTransformOutput(f"{output}/transform_graph").transformed_feature_spec()


def _files(output: str) -> list[str]:
    return sorted(str(path) for path in Path(output, "transformed_examples", "Split-train").iterdir())
