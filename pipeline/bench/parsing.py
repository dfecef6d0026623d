"""How fast a trainer parses what Transform wrote, beside the stock recipe's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.bench.measured import measure

_BATCH_SIZES = (1024, 8192)
_ROUNDS = 3


def bench_parsing(rows: int, stock: Path, ours: Path, console: Console) -> list[dict[str, Any]]:
    """Reads both outputs, one beside the other in turn, and gives the best figures of three.

    Args:
        rows: Examples of each output.
        stock: Output of the stock side, see `pipeline.bench.transform`.
        ours: Output of our side.
        console: The screen.

    Returns:
        For each side and batch size examples per second: `parse`, parsed out of memory, and `read`, read from the files
        and parsed; for ours also their ratios to the stock ones.
    """
    outputs = {"stock": stock, "ours": ours}
    keys = [(side, size, what) for size in _BATCH_SIZES for what in ("parse", "read") for side in outputs]
    rates = dict.fromkeys(keys, 0.0)
    for number in range(1, _ROUNDS + 1):
        for side, size, what in keys:
            seconds = measure(_prepare, side, str(outputs[side]), size, what).seconds
            rates[side, size, what] = max(rates[side, size, what], rows / seconds)
        console.print(f"parsing, {rows:,}: round {number} of {_ROUNDS}", soft_wrap=True)
    results: list[dict[str, Any]] = []
    for size in _BATCH_SIZES:
        for side in outputs:
            result = {"side": side, "rows": rows, "batch_size": size}
            results.append(result | {what: rates[side, size, what] for what in ("parse", "read")})
        for what in ("parse", "read"):
            results[-1][f"{what}_ratio"] = rates["ours", size, what] / rates["stock", size, what]
    return results


def _prepare(side: str, output: str, batch_size: int, what: str) -> Callable[[], None]:
    """Parses as a trainer does: of the stock side by a map over batches of serialized examples."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from models import inputs

    spec = tft.TFTransformOutput(f"{output}/transform_graph").transformed_feature_spec()
    files = sorted(str(path) for path in Path(output, "transformed_examples", "Split-train").iterdir())
    serialized = tf.data.TFRecordDataset(files, compression_type="GZIP")
    if side == "stock":
        serialized = serialized.batch(batch_size)
    if what == "parse":
        serialized = serialized.cache()
        for _ in serialized:
            pass
    if side == "stock":
        parsed = serialized.map(lambda batch: tf.io.parse_example(batch, spec)).prefetch(tf.data.AUTOTUNE)
    else:
        parsed = inputs.batches(serialized, spec, batch_size)

    def call() -> None:
        parsed.reduce(0, lambda count, _: count + 1)

    return call
