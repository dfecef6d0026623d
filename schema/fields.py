"""A field: how one feature of the schema becomes ids, or a number, for the model."""

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, TypeAdapter


class Field(BaseModel):
    """One input field of the model. Its type and valency are facts of the schema, found under `feature`.

    Attributes:
        name: The field's name; also the feature's, unless `feature` is given.
        entity: Whose property it is: user, item, context, or a cross of these.
        feature: Name of the schema's feature, where one feature feeds several fields.
        encoding: How values become model inputs:
            `vocabulary`: tokens counted on the training split, one id each;
            `buckets`: quantiles of a number, one id each;
            `length`: how many values a multi-valued feature has, up to `values`, one id each;
            `log`: sign(x)·log(1 + |x|) standardised to mean 0 and variance 1, a dense input without embedding.
        min_count: Tokens seen fewer times in the training split are out of vocabulary.
        oov_buckets: Ids that out-of-vocabulary tokens are hashed into.
        buckets: Number of quantiles of a `buckets` field.
        values: Most values kept of a multi-valued feature, the first ones; 1 for a single-valued feature. For
            `length`: the largest length told apart.
        pooling: How the embeddings of several values become one vector.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    entity: Literal["user", "item", "context", "cross"]
    feature: str = ""
    encoding: Literal["vocabulary", "buckets", "length", "log"] = "vocabulary"
    min_count: PositiveInt = 1
    oov_buckets: PositiveInt = 1
    buckets: PositiveInt = 32
    values: PositiveInt = 1
    pooling: Literal["mean", "sum", "sqrtn"] = "mean"

    @property
    def slots(self) -> int:
        """Number of ids that the field takes in an example."""
        return self.values if self.encoding == "vocabulary" else 1

    @property
    def source(self) -> str:
        """Name of the schema's feature that the field is made of."""
        return self.feature or self.name


_FIELDS = TypeAdapter(tuple[Field, ...])


def to_json(fields: Sequence[Field]) -> str:
    """Fields as JSON, the form in which they travel in a component's properties."""
    return _FIELDS.dump_json(tuple(fields)).decode()


def from_json(text: str) -> tuple[Field, ...]:
    """Inverse of `to_json`."""
    return _FIELDS.validate_json(text)


def embedded(fields: Iterable[Field]) -> tuple[Field, ...]:
    """The fields that have ids, in the order of their slots in the packed feature.

    The packed `ids` int64 [S] holds `field.slots` of them for each of them, one field after the other. In a slot,
    0 means missing (or padding, behind a multi-valued field's last value); the field's ids start at 1.
    """
    return tuple(f for f in fields if f.encoding != "log")


def dense(fields: Iterable[Field]) -> tuple[Field, ...]:
    """The fields that are numbers, in the order of the packed `dense` float32 [N]."""
    return tuple(f for f in fields if f.encoding == "log")
