"""Where a field's ids are: its slots among those of a packed feature, and which of its ids stand for tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schema.fields import Field
from schema.vocabulary import Entry


def slots(fields: Iterable[Field]) -> dict[str, slice]:
    """Slots of each field in a feature that holds `field.slots` values of each, one field after the other; by name."""
    slices = {}
    begin = 0
    for field in fields:
        slices[field.name] = slice(begin, begin + field.slots)
        begin += field.slots
    return slices


@dataclass(frozen=True)
class Layout:
    """The ids of a field: 0, for missing; then those out of vocabulary; then those of the tokens, buckets or lengths.

    Attributes:
        oov: Number of ids out of vocabulary.
        size: Number of tokens, buckets or lengths.
    """

    oov: int
    size: int

    @property
    def first(self) -> int:
        """The id of the first token."""
        return 1 + self.oov

    @property
    def ids(self) -> int:
        """Number of all ids."""
        return self.first + self.size


def layouts(fields: Iterable[Field], entries: Mapping[str, Entry]) -> dict[str, Layout]:
    """By name.

    Args:
        fields: Embedded ones, with those whose vocabulary they share.
        entries: The vocabularies, by field.
    """
    by_name = {field.name: field for field in fields}
    return {name: _layout(field, by_name[field.vocabulary_owner], entries) for name, field in by_name.items()}


def _layout(field: Field, owner: Field, entries: Mapping[str, Entry]) -> Layout:
    if field.encoding == "vocabulary":
        return Layout(owner.oov_buckets, entries[owner.name].size)
    return Layout(0, field.values if field.encoding == "length" else field.buckets)
