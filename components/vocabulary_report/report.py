"""What there is to tell of the ids of a field."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, NonNegativeInt, TypeAdapter
from pydantic import Field as Limits

FILE_NAME = "report.json"

_Share = Annotated[float, Limits(ge=0, le=1)]


class FieldReport(BaseModel):
    """One embedded field. Shares are from 0 to 1, and None where they would be of nothing.

    Its values are those that are kept, at most `Field.values` of an example.

    Attributes:
        field: The field's name.
        encoding: As of `Field`.
        size: Number of tokens of the vocabulary that it uses, its own or another field's; of buckets; or for `length`
            of lengths above 0 that are told apart.
        ids: Number of its ids, those for missing and out of vocabulary included: its rows of the embedding table. 0
            where it shares another field's vocabulary, and with it the rows.
        missing_share: Of the train split's examples, those without a value.
        oov_share: Of the train split's values, those out of vocabulary. None without a vocabulary.
        eval_coverage: Of the eval split's values, those with an id of their own. None without a vocabulary.
        dead_share: Of the vocabulary's tokens, those that no value of the train split has: carried on and not seen
            again, or never among the values that are kept. Of all fields that share the vocabulary together; told at
            its owner and None at the others. None without a vocabulary.
        collision_rate: Of a `hash` field's distinct tokens in the train split, those that share their id with another
            one, as far as `collisions.collision_rate` can tell. None for other encodings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    encoding: str
    size: NonNegativeInt
    ids: NonNegativeInt
    missing_share: _Share | None
    oov_share: _Share | None
    eval_coverage: _Share | None
    dead_share: _Share | None
    collision_rate: _Share | None


_REPORTS = TypeAdapter(tuple[FieldReport, ...])


def to_json(reports: Iterable[FieldReport]) -> str:
    """Reports as the content of `FILE_NAME`."""
    return _REPORTS.dump_json(tuple(reports), indent=1).decode()


def from_json(text: str | bytes) -> tuple[FieldReport, ...]:
    """Inverse of `to_json`."""
    return _REPORTS.validate_json(text)
