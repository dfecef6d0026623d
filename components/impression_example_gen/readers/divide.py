"""Parsing many records at once although some of them can't be parsed."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from components.impression_example_gen.halving import halve


def divide(
    count: int, parse: Callable[[int, int], pa.RecordBatch]
) -> tuple[pa.RecordBatch, np.ndarray, dict[int, str]]:
    """Parses records, and tells those apart that can't be parsed.

    Args:
        count: Number of records.
        parse: From a range of records to a batch with a row for each. Raises ValueError if one of them can't be parsed.

    Returns:
        The batch; int64, the indices of its records; and for the others, by index, what the error said.
    """
    done, failed = halve(count, parse, (ValueError,))
    reasons = {index: " ".join(str(error).split()) for index, error in failed.items()}
    if not done:
        return pa.RecordBatch.from_arrays([], names=[]), np.zeros(0, np.int64), reasons
    batches = [batch for _, _, batch in done]
    joined = pa.Table.from_batches(batches).combine_chunks().to_batches()  # none, if no record comes to a row
    kept = np.concatenate([np.arange(start, end) for start, end, _ in done])
    return joined[0] if joined else batches[0], kept, reasons
