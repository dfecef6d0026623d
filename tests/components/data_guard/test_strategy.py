"""Which statistics the current ones are compared with."""

import pytest
from tfx.types import standard_artifacts

from components.data_guard import accepted
from components.data_guard.strategy import EarlierAcceptedStrategy


@pytest.fixture(autouse=True)
def _digest_is_the_folder(monkeypatch):
    """Stands for the content: artifacts of one folder have the same data."""
    monkeypatch.setattr(accepted, "digest", lambda statistics: statistics.uri)


def statistics(number: int, data: str, is_accepted: bool = False) -> standard_artifacts.ExampleStatistics:
    artifact = standard_artifacts.ExampleStatistics()
    artifact.id = number
    artifact.uri = data
    if is_accepted:
        artifact.set_string_custom_property("statistics_digest", data)
    return artifact


def resolve(candidates, current) -> list[int]:
    resolved = EarlierAcceptedStrategy().resolve_artifacts(None, {"accepted": candidates, "current": current})
    assert resolved.keys() == {"accepted", "current"}
    assert resolved["current"] == current
    return [artifact.id for artifact in resolved["accepted"]]


def test_the_latest_accepted_of_other_data():
    candidates = [statistics(number, data, True) for number, data in ((4, "b"), (9, "d"), (2, "a"), (6, "c"))]
    assert resolve(candidates, [statistics(8, "d")]) == [6]


def test_statistics_that_nobody_accepted_are_passed_over():
    candidates = [statistics(1, "a"), statistics(2, "a", True), statistics(3, "b"), statistics(5, "c")]
    assert resolve(candidates, [candidates[3]]) == [2]


def test_data_that_was_refused_is_compared_with_the_same_again():
    before = [statistics(1, "a"), statistics(2, "a", True), statistics(3, "b")]
    assert resolve(before, [before[2]]) == resolve([*before, statistics(4, "b")], [statistics(4, "b")]) == [2]


def test_a_rerun_resolves_the_same_after_its_data_was_accepted():
    before = [statistics(1, "a"), statistics(2, "a", True), statistics(3, "b")]
    after = [*before, statistics(4, "b", True)]
    assert resolve(before, [before[2]]) == resolve(after, [before[2]]) == [2]


def test_new_statistics_of_accepted_data_are_not_compared_with_themselves():
    """As when a line of the schema changed and StatisticsGen ran again."""
    candidates = [statistics(2, "a", True), statistics(4, "b", True), statistics(5, "b")]
    assert resolve(candidates, [candidates[2]]) == [2]


@pytest.mark.parametrize("candidates", [[], [statistics(1, "a")], [statistics(1, "a"), statistics(2, "a", True)]])
def test_the_first_data(candidates):
    assert resolve(candidates, [statistics(1, "a")]) == []


def test_nothing_current_leaves_the_latest():
    assert resolve([statistics(2, "a", True), statistics(4, "b", True)], []) == [4]
