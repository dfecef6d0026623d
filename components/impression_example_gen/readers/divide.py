"""Parsing many records at once although some of them can't be parsed."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa


def divide(
    count: int, parse: Callable[[int, int], pa.RecordBatch]
) -> tuple[pa.RecordBatch, np.ndarray, dict[int, str]]:
    """Parses records, halving again and again what can't be parsed, down to the single records that can't.

    Args:
        count: Number of records.
        parse: From a range of records to a batch with a row for each. Raises ValueError if one of them can't be parsed.

    Returns:
        The batch; int64, the indices of its records; and for the others, by index, what the error said.
    """
    batches: list[pa.RecordBatch] = []
    kept: list[np.ndarray] = []
    reasons: dict[int, str] = {}
    pending = [(0, count)] if count else []
    while pending:
        start, end = pending.pop()
        try:
            batches.append(parse(start, end))
            kept.append(np.arange(start, end))
        except ValueError as error:
            if end - start == 1:
                reasons[start] = " ".join(str(error).split())
            else:
                middle = (start + end) // 2
                pending += [(middle, end), (start, middle)]
    if not batches:
        return pa.RecordBatch.from_arrays([], names=[]), np.zeros(0, np.int64), reasons
    joined = pa.Table.from_batches(batches).combine_chunks().to_batches()  # none, if no record comes to a row
    batch = joined[0] if joined else batches[0]
    return batch, np.concatenate(kept), reasons
