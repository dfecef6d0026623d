"""Histories: fields of several values of the same kind as the candidate, the item that the impression shows."""

from collections.abc import Collection

from schema.fields import Field


def candidates(fields: Collection[Field]) -> dict[str, str]:
    """For each history, by its name, the name of its candidate: the field of one value whose vocabulary it shares."""
    single = {field.name for field in fields if field.slots == 1}
    return {field.name: field.vocabulary for field in fields if field.slots > 1 and field.vocabulary in single}
