"""DeepCTR's ESMM on the examples of `esmm bench train`, which starts this with `--deepctr PYTHON`.

Sizes as in `models.settings`, Adam, and no L2, which ours has not either. It takes arrays in memory.

In an environment of its own:

    pip install -r benchmarks/deepctr-requirements.txt
"""

import json
import sys
from pathlib import Path

import numpy as np
from deepctr.feature_column import SparseFeat
from deepctr.models import ESMM

from pipeline.bench.clock import Clock
from pipeline.bench.stop_watch import StopWatch

EMBEDDING_DIM = 18
HIDDEN_UNITS = (360, 200, 80)
LABELS = 2  # columns before the ids


def train(path: str, rows: dict[str, int], batch_size: int, seconds: float) -> dict[str, float]:
    """Trains once over the examples, at most.

    Args:
        path: Of the examples, int64 [examples, 2 + fields]: the labels and the ids.
        rows: Of each field's embedding.
        batch_size: B.
        seconds: How long to measure at least, as far as the examples last.

    Returns:
        See `pipeline.bench.clock`.
    """
    clock = Clock(seconds)
    columns = list(np.load(path).T)
    model = ESMM(
        [SparseFeat(name, size, EMBEDDING_DIM) for name, size in rows.items()], HIDDEN_UNITS, l2_reg_embedding=0
    )
    model.compile("adam", "binary_crossentropy")
    features = dict(zip(rows, columns[LABELS:], strict=True))
    model.fit(features, columns[:LABELS], batch_size=batch_size, verbose=0, callbacks=[StopWatch(clock)])
    return clock.figures(batch_size)


if __name__ == "__main__":
    path, rows, batch_size, seconds, out = sys.argv[1:]
    figures = train(path, json.loads(rows), int(batch_size), float(seconds))
    Path(out).write_text(json.dumps(figures), encoding="utf-8")
