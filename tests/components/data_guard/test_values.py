"""Which fields hold nothing that could tell examples apart."""

import pytest

from components.data_guard import values


@pytest.mark.parametrize(
    ("name", "rows", "held"),
    [
        ("page", [2, 2, 2], "nothing but 2"),
        ("page", [2, 2, 3], None),
        ("page", [2, 2, None], None),  # missing tells examples apart
        ("price", [0.5, 0.5, 0.5], "nothing but 0.5"),
        ("price", [0.5, 0.5, 0.25], None),
        ("price", [0.5, None, 0.5], None),
        ("tags", [["a", "a"], ["a"], ["a"]], "nothing but a"),
        ("tags", [["a", "b"], ["a"], ["a"]], None),
        ("tags", [["a"], [], ["a"]], None),
        ("tags", [[], [], []], "no value"),
        ("tags", [None, [], None], "no value"),
        ("unused", [5, 5, 5], "nothing but 5"),  # an integer that is no category
        ("unused", [5, 5, 6], None),
    ],
)
def test_empty_and_constant(name, rows, held, describe):
    found = values.without_information(describe({name: rows, "click": [0, 1, 1]}), [name])
    assert found == ({name: held} if held else {})


def test_a_feature_that_the_statistics_do_not_have_is_empty(describe):
    assert values.without_information(describe({"page": [1, 2, 3]}), ["page", "tags"]) == {"tags": "no value"}


def test_only_the_named_features_are_looked_at(describe):
    assert values.without_information(describe({"page": [1, 1, 1], "unused": [1, 1, 1]}), ["page"]) == {
        "page": "nothing but 1"
    }
