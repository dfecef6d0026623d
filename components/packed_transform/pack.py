"""Packed examples: the form in which transformed features are kept for training."""

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from schema import contract

_PACKED = (*contract.LABELS, contract.IDS)


def encode_packed(batch: pa.RecordBatch) -> list[bytes]:
    """Serializes each row as a tf.Example.

    Args:
        batch: Columns `click`, `conversion` and `ids`, lists of int64 that are equally long in all rows; others as they
            are.

    Returns:
        tf.Examples with the feature `packed`, int64 [2 + S]: the labels, then the ids; and the other columns.
    """
    rows = batch.num_rows
    if not rows:
        return []
    parts = [batch[name].flatten().to_numpy().reshape(rows, -1) for name in _PACKED]
    packed = np.concatenate(parts, axis=1)
    offsets = np.arange(rows + 1, dtype=np.int64) * packed.shape[1]
    columns = {name: batch[name] for name in batch.schema.names if name not in _PACKED}
    columns[contract.PACKED] = pa.LargeListArray.from_arrays(offsets, packed.reshape(-1))
    return RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_pydict(columns))
