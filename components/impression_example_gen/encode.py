"""Arrow record batches to serialized tf.Examples."""

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder


def encode_examples(batch: pa.RecordBatch) -> list[bytes]:
    """Serializes each row as a tf.Example with one feature per column.

    Args:
        batch: Columns of int64, float32 or binary, or lists of these. A null means that the example lacks the feature.

    Returns:
        Serialized tf.Examples, in the order of the rows.
    """
    names = sorted(batch.schema.names)
    lists = [_as_lists(batch[name]) for name in names]
    return RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays(lists, names=names))


def _as_lists(column: pa.Array) -> pa.ListArray:
    if pa.types.is_list(column.type):
        return column
    present = np.asarray(column.is_valid())
    offsets = np.concatenate([[0], np.cumsum(present)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), column.drop_null(), mask=column.is_null())
