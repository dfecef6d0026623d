"""Arrow record batches to serialized tf.Examples."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

# Tag of `features` in a tf.Example, and of each entry of the map in it.
_FEATURES_TAG = b"\n"


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


def encode_features(batch: pa.RecordBatch) -> list[bytes]:
    """Like `encode_examples`, but gives the features alone, for `with_features`."""
    return [_features(example) for example in encode_examples(batch)]


def with_features(examples: Sequence[bytes], more: Sequence[bytes]) -> list[bytes]:
    """Adds serialized features to serialized tf.Examples.

    A map is serialized as its entries one after the other, so features that many examples share are serialized once.
    """
    joined = []
    for example, common in zip(examples, more, strict=True):
        features = _features(example)
        joined.append(b"".join((_FEATURES_TAG, _varint(len(common) + len(features)), common, features)))
    return joined


def _features(example: bytes) -> bytes:
    """What stands behind the tag and the length."""
    end = 1
    while end < len(example) and example[end] & 0x80:
        end += 1
    return example[end + 1 :]


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _as_lists(column: pa.Array) -> pa.ListArray:
    if pa.types.is_list(column.type):
        return column
    present = np.asarray(column.is_valid())
    offsets = np.concatenate([[0], np.cumsum(present)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), column.drop_null(), mask=column.is_null())
