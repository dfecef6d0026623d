"""Which ids of a field mean the same in an earlier model and in a new one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models import vocabulary_files
from models.network import Shape
from models.places import Places
from models.warm_start_report import FieldCounts
from schema import fields as schema_fields
from schema.fields import Field
from schema.layout import Layout


@dataclass(frozen=True)
class FieldIds:
    """The ids of a field with rows of its own.

    Attributes:
        field: The field.
        layout: Which of them stand for tokens, buckets or lengths.
        tokens: Of a vocabulary, in the order of their ids.
    """

    field: Field
    layout: Layout
    tokens: pa.LargeBinaryArray | None


def read_ids(shape: Shape, directory: str) -> dict[str, FieldIds]:
    """The ids of each field with rows of its own, by name.

    Args:
        shape: Of the model.
        directory: Of its vocabularies' files.
    """
    tokens = vocabulary_files.read_tokens(directory) if schema_fields.vocabulary_owners(shape.fields) else {}
    ids = {}
    for field in shape.fields:
        if field.name in shape.rows:
            oov = field.oov_buckets if field.encoding == "vocabulary" else 0
            layout = Layout(oov, shape.rows[field.name] - 1 - oov)
            ids[field.name] = FieldIds(field, layout, tokens.get(field.name))
    return ids


def is_same(field: Field, earlier: Field) -> bool:
    """Whether two fields of the same name are made of the same feature in the same way."""
    return (field.source, field.encoding) == (earlier.source, earlier.encoding)


def same_ids(ids: Mapping[str, FieldIds], earlier: Mapping[str, FieldIds]) -> dict[str, Places]:
    """The ids that mean the same in both models, by field.

    Tokens decide which; those of buckets and lengths, and those out of vocabulary, do where there are equally many. The
    one for a missing value always does. A field of another feature or encoding is another field.
    """
    return {
        name: _same_ids(new, earlier[name])
        for name, new in ids.items()
        if name in earlier and is_same(new.field, earlier[name].field)
    }


def _same_ids(ids: FieldIds, earlier: FieldIds) -> Places:
    special = np.arange(ids.layout.first if ids.layout.oov == earlier.layout.oov else 1)
    if ids.tokens is not None:
        found = pc.index_in(ids.tokens, value_set=earlier.tokens)
        new, old = np.flatnonzero(found.is_valid()), np.asarray(found.drop_null(), np.int64)
    else:
        new = old = np.arange(ids.layout.size if ids.layout.size == earlier.layout.size else 0)
    return Places(
        np.concatenate([special, ids.layout.first + new]), np.concatenate([special, earlier.layout.first + old])
    )


def counts(
    ids: Mapping[str, FieldIds], earlier: Mapping[str, FieldIds], same: Mapping[str, Places]
) -> tuple[FieldCounts, ...]:
    """How many tokens, buckets or lengths of each field mean the same; arguments and result of `same_ids`."""
    found = []
    for name in {**ids, **earlier}:
        kept = int(np.sum(same[name].new >= ids[name].layout.first)) if name in same else 0
        new = ids[name].layout.size - kept if name in ids else 0
        vanished = earlier[name].layout.size - kept if name in earlier else 0
        found.append(FieldCounts(field=name, kept=kept, new=new, vanished=vanished))
    return tuple(found)
