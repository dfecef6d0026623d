"""Where a field's values stand in a packed feature, and its ids."""

from schema.fields import Field
from schema.layout import Layout, layouts, slots
from schema.vocabulary import INTEGERS_FILE, Entry


def test_slots_follow_each_other_in_the_order_of_the_fields():
    fields = [
        Field(name="b", entity="user"),
        Field(name="a", entity="user", values=3),
        Field(name="c", entity="item", encoding="length", values=9),
    ]
    assert slots(fields) == {"b": slice(0, 1), "a": slice(1, 4), "c": slice(4, 5)}
    assert slots(reversed(fields)) == {"c": slice(0, 1), "a": slice(1, 4), "b": slice(4, 5)}


def test_no_fields_no_slots():
    assert slots([]) == {}


def test_ids_of_each_encoding():
    fields = [
        Field(name="item", entity="item", oov_buckets=3),
        Field(name="history", entity="user", vocabulary="item", values=5),
        Field(name="hashed", entity="user", encoding="hash", buckets=7),
        Field(name="age", entity="user", encoding="buckets", buckets=8),
        Field(name="length", entity="user", encoding="length", values=9),
    ]
    entry = Entry(
        field="item", number=1, feature="item", dtype="int64", file=INTEGERS_FILE, first_line=2, size=10, oov_buckets=3
    )
    assert layouts(fields, {"item": entry}) == {
        "item": Layout(3, 10),
        "history": Layout(3, 10),
        "hashed": Layout(0, 7),
        "age": Layout(0, 8),
        "length": Layout(0, 9),
    }
    assert (Layout(3, 10).first, Layout(3, 10).ids) == (4, 14)
