"""What the slots of an example stand for, by hand."""

import numpy as np
import pytest

from models.unpack import Row, unpack
from schema.fields import Field

FIELDS = (
    Field(name="user", entity="user"),
    Field(name="amount", entity="context", encoding="log"),
    Field(name="item", entity="item", oov_buckets=3),
    Field(name="viewed", entity="user", vocabulary="item", values=4, weights="seconds"),
    Field(name="words", entity="item", encoding="hash", buckets=10, values=2),
    Field(name="price", entity="item", encoding="buckets", buckets=5),
    Field(name="viewed_length", entity="user", feature="viewed", encoding="length", values=4),
    Field(name="liked", entity="user", values=2, weights="stars"),
    Field(name="age", entity="user", feature="born", encoding="log"),
)
TOKENS = {"user": [b"anna", b"ben"], "item": [b"7", b"-3"], "liked": [b"x"]}
#              user | item | viewed   | words | price | length | liked
SLOTS = [1, 1, 4, 2, 1, 1, 2]


def example(ids: list[int], weights: list[float] = (0,) * 6, dense: list[float] = (0, 0)) -> dict[str, np.ndarray]:
    assert len(ids) == sum(SLOTS)
    return {
        "ids": np.array(ids, np.int64),
        "weights": np.array(weights, np.float32),
        "dense": np.array(dense, np.float32),
        "click": np.int64(1),
    }


def test_every_encoding():
    ids = [3, 5, 4, 5, 2, 0, 10, 1, 5, 3, 2, 1]
    assert list(unpack(example(ids, [0.5, 2, -1, 0, 3, 1], [-1.25, 0.1]), FIELDS, TOKENS)) == [
        Row("user", (3,), ("ben",)),
        Row("amount", (), ("-1.25",)),
        Row("item", (5,), ("-3",)),
        Row("viewed", (4, 5, 2), ("7", "-3", "(out of vocabulary, bucket 2 of 3)"), (0.5, 2, -1)),
        Row("words", (10, 1), ("bucket 10 of 10", "bucket 1 of 10")),
        Row("price", (5,), ("quantile 5 of 5",)),
        Row("viewed_length", (3,), ("3",)),
        Row("liked", (2, 1), ("x", "(out of vocabulary)"), (3, 1)),
        Row("age", (), ("0.1",)),
    ]


def test_nothing_there():
    rows = list(unpack(example([0] * 12), FIELDS, TOKENS))
    for row in rows:
        if row.name in ("amount", "age"):
            assert row == Row(row.name, (), ("0",))
        else:
            meaning = "0" if row.name == "viewed_length" else "(missing)"
            weights = (0.0,) if row.name in ("viewed", "liked") else ()
            assert row == Row(row.name, (0,), (meaning,), weights)
    assert [row.name for row in rows] == [field.name for field in FIELDS]


def test_all_slots_taken():
    rows = {row.name: row for row in unpack(example([1, 1, 4, 4, 4, 5, 1, 2, 1, 4, 1, 2]), FIELDS, TOKENS)}
    assert rows["viewed"].meanings == ("7", "7", "7", "-3")
    assert rows["viewed_length"].meanings == ("4 or more",)
    assert rows["item"].meanings == ("(out of vocabulary, bucket 1 of 3)",)
    assert rows["user"].meanings == ("(out of vocabulary)",)


def test_a_missing_value_before_another_is_told():
    """No transform leaves a gap; if there were one, it would show."""
    ids = [1, 1, 0, 4, 0, 0, 0, 0, 1, 2, 1, 0]
    row = list(unpack(example(ids), FIELDS, TOKENS))[3]
    assert row == Row("viewed", (0, 4), ("(missing)", "7"), (0, 0))


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (b"plain, [bold]text[/]", "plain, [bold]text[/]"),
        ("東京 é🙂".encode(), "東京 é🙂"),
        (b"\xffa\xfe", "\\xffa\\xfe"),
        (b"a\tb\0\x1b[31m\x7f", "a\\tb\\x00\\x1b[31m\\x7f"),
        ("\x85\u2028\u202e".encode(), "\\x85\\u2028\\u202e"),
        (b" ", " "),
    ],
)
def test_tokens_as_text(token, shown):
    fields = (Field(name="word", entity="item"),)
    assert list(unpack({"ids": np.array([2])}, fields, {"word": [token]})) == [Row("word", (2,), (shown,))]
