"""Ids that mean the same in two models: by hand."""

import pyarrow as pa
import pytest

from models.carried_ids import FieldIds, counts, same_ids
from models.warm_start_report import FieldCounts
from schema.fields import Field
from schema.layout import Layout


def vocabulary(tokens: list[str], oov: int = 1, **options) -> FieldIds:
    field = Field(**{"name": "item", "entity": "item", "oov_buckets": oov, **options})
    return FieldIds(field, Layout(oov, len(tokens)), pa.array([t.encode() for t in tokens], pa.large_binary()))


def numbered(encoding: str, size: int) -> FieldIds:
    return FieldIds(Field(name="item", entity="item", encoding=encoding), Layout(0, size), None)


def pairs(new: FieldIds, earlier: FieldIds) -> list[tuple[int, int]]:
    (same,) = same_ids({"item": new}, {"item": earlier}).values()
    return list(zip(same.new.tolist(), same.earlier.tolist(), strict=True))


def told(new: FieldIds, earlier: FieldIds) -> tuple[int, int, int]:
    ids, earlier_ids = {"item": new}, {"item": earlier}
    (count,) = counts(ids, earlier_ids, same_ids(ids, earlier_ids))
    return count.kept, count.new, count.vanished


def test_tokens_decide():
    # 0 is missing, 1 out of vocabulary; a, b, c were 2, 3, 4 and are now -, 4, 2.
    new, earlier = vocabulary(["c", "d", "b"]), vocabulary(["a", "b", "c"])
    assert pairs(new, earlier) == [(0, 0), (1, 1), (2, 4), (4, 3)]
    assert told(new, earlier) == (2, 1, 1)


def test_carried_on_vocabularies_are_as_they_were():
    new, earlier = vocabulary(["a", "b", "c"], oov=2), vocabulary(["a", "b"], oov=2)
    assert pairs(new, earlier) == [(number, number) for number in range(5)]
    assert told(new, earlier) == (2, 1, 0)


def test_another_number_of_oov_buckets_is_not_carried_over_but_missing_and_tokens_are():
    new, earlier = vocabulary(["a"], oov=3), vocabulary(["b", "a"], oov=1)
    assert pairs(new, earlier) == [(0, 0), (4, 3)]
    assert told(new, earlier) == (1, 0, 1)


def test_an_empty_vocabulary():
    assert pairs(vocabulary([]), vocabulary(["a"])) == [(0, 0), (1, 1)]
    assert told(vocabulary(["a"]), vocabulary([])) == (0, 1, 0)


@pytest.mark.parametrize("encoding", ["hash", "buckets", "length"])
def test_buckets_and_lengths_are_the_same_where_there_are_equally_many(encoding):
    assert pairs(numbered(encoding, 2), numbered(encoding, 2)) == [(0, 0), (1, 1), (2, 2)]
    assert told(numbered(encoding, 2), numbered(encoding, 2)) == (2, 0, 0)
    assert pairs(numbered(encoding, 3), numbered(encoding, 2)) == [(0, 0)]
    assert told(numbered(encoding, 3), numbered(encoding, 2)) == (0, 3, 2)


@pytest.mark.parametrize(
    ("new", "earlier"),
    [
        (vocabulary(["a", "b"]), vocabulary(["a"], feature="other")),
        (numbered("hash", 2), numbered("buckets", 1)),
    ],
)
def test_a_field_of_another_feature_or_encoding_is_another_field(new, earlier):
    assert same_ids({"item": new}, {"item": earlier}) == {}
    assert told(new, earlier) == (0, 2, 1)


def test_fields_that_came_and_went():
    new, earlier = {"new": vocabulary(["a", "b"])}, {"gone": vocabulary(["a"])}
    assert same_ids(new, earlier) == {}
    assert counts(new, earlier, {}) == (
        FieldCounts(field="new", kept=0, new=2, vanished=0),
        FieldCounts(field="gone", kept=0, new=0, vanished=1),
    )
