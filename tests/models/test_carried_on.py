"""Vocabularies carried on over three days: by hand, through the whole transform."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models import trainer
from schema.fields import Field

USER = Field(name="user", entity="user", min_count=2, oov_buckets=2)
CITY = Field(name="city", entity="user", top_k=3)
GROWS = Field(name="grows", entity="item")
GONE = Field(name="gone", entity="item")
NEW = Field(name="new", entity="item")
BEEN = Field(name="been", entity="user", vocabulary="city", values=2, keep="last")
DTYPES = {
    "user": tf.int64,
    "city": tf.string,
    "grows": tf.int64,
    "gone": tf.string,
    "new": tf.string,
    "been": tf.string,
}
HALF, MOST = 5 * 10**14, 2**63 - 1

# Each day's fields, in another order, and the values of each in the day's rows.
DAYS = [
    (
        (USER, CITY, GROWS, GONE),
        {
            "user": [7, 7, 7, 8, 8, 9],
            "city": ["a", "a", "a", "b", "b", None],
            "grows": [1, 1, 2, 2, 2, 3],
            "gone": ["x", "x", "x", "y", None, None],
        },
    ),
    (
        (NEW, GROWS, CITY, BEEN, USER),
        {
            "user": [9, 9, 9, 10, 10, 8, 11],
            "city": ["c", "c", "d", "d", "a", "e", "e"],
            "been": [["c", "c"], [], ["d"], [], ["e", "c", "d"], [], []],
            "grows": [HALF, HALF, MOST, 5, 5, 5, 2],
            "new": ["p", "q", "q", None, None, None, None],
        },
    ),
    (
        (USER, GONE, CITY, GROWS, NEW),
        {
            "user": [12, 12, 11, 7],
            "city": ["d", "d", "d", "f"],
            "grows": [4, 4, 6, 1],
            "gone": ["z", "y", "y", None],
            "new": ["p", "p", "r", None],
        },
    ),
]
# On the second day c comes five times, d four times and e three times: the three most frequent ones, but there is room
# for one. Of the users 8 stays though it comes once, and 11, once on either day, never gets in.
TOKENS = [
    {"user": [7, 8], "city": ["a", "b"], "grows": [2, 1, 3], "gone": ["x", "y"]},
    {
        "new": ["q", "p"],
        "grows": [2, 1, 3, 5, HALF, MOST],
        "city": ["a", "b", "c"],
        "user": [7, 8, 9, 10],
    },
    {
        "user": [7, 8, 9, 10, 12],
        # A field that was no field the day before starts anew.
        "gone": ["y", "z"],
        "city": ["a", "b", "c"],
        "grows": [2, 1, 3, 5, HALF, MOST, 4, 6],
        "new": ["q", "p", "r"],
    },
]
FIRST_ID = {"user": 3, "city": 2, "grows": 2, "gone": 2, "new": 2, "been": 2}
# Never among the tokens.
UNKNOWN = {
    "user": [11, 13, -7, MOST],
    "city": ["d", "e", ""],
    "grows": [-MOST - 1, HALF + 1, 0],
    "gone": [""],
    "new": ["a"],
}


def encoded(token: object) -> object:
    return token.encode() if isinstance(token, str) else token


def as_list(value: object) -> list:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [encoded(one) for one in values]


def id_of(tokens: Mapping[str, list], name: str, token: object) -> int:
    known = tokens["city" if name == "been" else name]
    if token in known:
        return FIRST_ID[name] + known.index(token)
    return 1 + int(tf.strings.to_hash_bucket_fast(str(token), FIRST_ID[name] - 1))


@pytest.fixture(scope="module")
def days(tmp_path_factory, run_preprocessing) -> list:
    runs, carried_on = [], ""
    for fields, columns in DAYS:
        rows = [dict(zip(columns, map(as_list, values), strict=True)) for values in zip(*columns.values(), strict=True)]
        dtypes = {name: DTYPES[name] for name in columns}
        directory = tmp_path_factory.mktemp("day")
        runs.append(run_preprocessing(rows, dtypes, fields, directory, batch_size=4, carried_on=carried_on))
        carried_on = str(Path(runs[-1].graph.transform_savedmodel_dir) / "assets")
    return runs


@pytest.mark.parametrize("day", range(3))
def test_known_tokens_first_then_new_ones_most_frequent_first(days, vocabularies_of, day):
    expected = {name: [str(token).encode() for token in tokens] for name, tokens in TOKENS[day].items()}
    assert vocabularies_of(days[day].graph) == expected


@pytest.mark.parametrize("day", range(3))
def test_ids_of_the_days_rows(days, day):
    fields, columns = DAYS[day]
    expected = []
    for field in fields:
        values = [one if isinstance(one, list) else [one] for one in columns[field.name]]
        kept = [row[-field.slots :] for row in values]
        ids = [[0 if token is None else id_of(TOKENS[day], field.name, token) for token in row] for row in kept]
        expected.append(np.array([row + [0] * (field.slots - len(row)) for row in ids]))
    np.testing.assert_array_equal(days[day].features["ids"], np.concatenate(expected, axis=1))


@pytest.mark.parametrize("day", range(3))
def test_served_ids_of_all_tokens_of_all_days(days, serve, day):
    """Of known tokens they are those of the first day that knew them; unknown ones share the same ids on all days."""
    fields, _ = DAYS[day]
    asked = {field.name: [*TOKENS[2].get(field.name, []), *UNKNOWN.get(field.name, [])] for field in fields}
    count = max(map(len, asked.values()))
    rows = [{name: as_list(tokens[place : place + 1]) for name, tokens in asked.items()} for place in range(count)]
    served = serve(days[day].graph, rows)["ids"]
    slot = 0
    for field in fields:
        tokens = asked[field.name]
        ids = [id_of(TOKENS[day], field.name, token) for token in tokens]
        np.testing.assert_array_equal(served[: len(tokens), slot], ids)
        if field.name in UNKNOWN:
            assert max(ids[len(tokens) - len(UNKNOWN[field.name]) :]) < FIRST_ID[field.name]
        slot += field.slots


def test_rows_of_the_table_grow(days):
    rows = [trainer.embedding_rows(run.graph, fields) for run, (fields, _) in zip(days, DAYS, strict=True)]
    # Missing, the buckets, the tokens.
    assert rows == [
        {"user": 1 + 2 + 2, "city": 1 + 1 + 2, "grows": 1 + 1 + 3, "gone": 1 + 1 + 2},
        {"new": 1 + 1 + 2, "grows": 1 + 1 + 6, "city": 1 + 1 + 3, "user": 1 + 2 + 4},
        {"user": 1 + 2 + 5, "gone": 1 + 1 + 2, "city": 1 + 1 + 3, "grows": 1 + 1 + 8, "new": 1 + 1 + 3},
    ]


def test_the_wide_field_moved_and_stays(days):
    def has(day: int, name: str) -> bytes:
        return (Path(days[day].graph.transform_savedmodel_dir) / "assets" / name).read_bytes()

    assert b"grows" not in has(0, "vocabularies_bytes")
    for day in (1, 2):
        assert b"grows\t2\ngrows\t1\ngrows\t3\ngrows\t5\n" in has(day, "vocabularies_bytes")
