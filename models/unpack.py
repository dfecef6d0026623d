"""What the ids and numbers of a packed example stand for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from schema import contract, layout
from schema import fields as schema_fields
from schema.fields import Field


@dataclass(frozen=True)
class Row:
    """A field in an example.

    Attributes:
        name: The field's.
        ids: One for each value, padding left out; none for a dense field.
        meanings: What they stand for; of a dense field its number.
        weights: One for each id of a weighted field.
    """

    name: str
    ids: tuple[int, ...]
    meanings: tuple[str, ...]
    weights: tuple[float, ...] = ()


def unpack(
    example: Mapping[str, np.ndarray], fields: Sequence[Field], tokens: Mapping[str, Sequence[bytes]]
) -> Iterator[Row]:
    """Gives a row for each field, in their order.

    Args:
        example: `ids` int64 [S]; `weights` float32 [W] and `dense` float32 [N], if there are such fields.
        fields: The model's inputs.
        tokens: Of each vocabulary, by the name of the field that owns it, in the order of their ids.
    """
    ids = _by_field(example[contract.IDS], schema_fields.embedded(fields))
    weights = _by_field(example.get(contract.WEIGHTS), schema_fields.weighted(fields))
    dense = _by_field(example.get(contract.DENSE), schema_fields.dense(fields))
    oov_buckets = {field.name: field.oov_buckets for field in fields}
    for field in fields:
        if field.name in dense:
            yield Row(field.name, (), tuple(f"{number:g}" for number in dense[field.name]))
            continue
        owner = field.vocabulary_owner
        # A missing value is told once; behind the last value, 0 is padding.
        kept = max(1, len(np.trim_zeros(ids[field.name], "b")))
        own_ids = tuple(ids[field.name][:kept].tolist())
        meanings = tuple(_meaning(one, field, oov_buckets[owner], tokens.get(owner, ())) for one in own_ids)
        own_weights = weights[field.name][:kept].tolist() if field.name in weights else ()
        yield Row(field.name, own_ids, meanings, tuple(own_weights))


def _by_field(packed: np.ndarray | None, fields: Sequence[Field]) -> dict[str, np.ndarray]:
    if packed is None:
        return {}
    return {name: packed[slots] for name, slots in layout.slots(fields).items()}


def _meaning(own_id: int, field: Field, oov_buckets: int, tokens: Sequence[bytes]) -> str:
    if field.encoding == "length":
        return f"{own_id} or more" if own_id == field.values else str(own_id)
    if own_id == 0:
        return "(missing)"
    if field.encoding == "hash":
        return f"bucket {own_id} of {field.buckets}"
    if field.encoding == "buckets":
        return f"quantile {own_id} of {field.buckets}"
    if own_id > oov_buckets:
        return _printable(tokens[own_id - oov_buckets - 1])
    return f"(out of vocabulary, bucket {own_id} of {oov_buckets})" if oov_buckets > 1 else "(out of vocabulary)"


def _printable(token: bytes) -> str:
    """Bytes that are no UTF-8, and characters that would not show, as escapes."""
    text = token.decode("utf-8", errors="backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
