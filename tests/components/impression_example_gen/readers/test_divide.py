"""Halving until what can't be parsed stands alone."""

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.impression_example_gen.readers.divide import divide


def parser(bad: set[int], calls: list[tuple[int, int]] | None = None):
    def parse(start: int, end: int) -> pa.RecordBatch:
        if calls is not None:
            calls.append((start, end))
        for i in range(start, end):
            if i in bad:
                raise ValueError(f"record {i}\n is bad")
        return pa.RecordBatch.from_pydict({"n": pa.array(range(start, end), pa.int64())})

    return parse


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_the_good_in_order_and_of_the_others_each_its_reason(case):
    count, bad = case
    batch, kept, reasons = divide(count, parser(bad))
    good = [i for i in range(count) if i not in bad]
    assert kept.tolist() == good
    assert (batch["n"].to_pylist() if good else batch.num_rows) == (good or 0)
    assert reasons == {i: f"record {i} is bad" for i in bad}


def test_records_that_can_be_parsed_are_parsed_at_once():
    calls: list[tuple[int, int]] = []
    divide(1000, parser(set(), calls))
    assert calls == [(0, 1000)]


def test_one_bad_record_costs_two_calls_for_each_halving():
    calls: list[tuple[int, int]] = []
    divide(1024, parser({700}, calls))
    assert len(calls) == 1 + 2 * math.log2(1024)


def test_nothing_to_parse():
    calls: list[tuple[int, int]] = []
    batch, kept, reasons = divide(0, parser(set(), calls))
    assert (batch.num_rows, kept.tolist(), reasons, calls) == (0, [], {}, [])


def test_an_error_that_is_no_value_error_is_not_taken_for_bad_data():
    def parse(start: int, end: int) -> pa.RecordBatch:
        raise KeyError("mistake")

    with pytest.raises(KeyError):
        divide(4, parse)


def test_batches_of_dictionaries_are_joined():
    words = ["a", "b", "", "a", "c"]

    def parse(start: int, end: int) -> pa.RecordBatch:
        if "" in words[start:end]:
            raise ValueError("empty")
        return pa.RecordBatch.from_pydict({"w": pa.array(words[start:end]).dictionary_encode()})

    batch, kept, _ = divide(len(words), parse)
    assert batch["w"].to_pylist() == ["a", "b", "a", "c"]
    assert kept.tolist() == [0, 1, 3, 4]


def test_batches_without_rows_are_joined():
    """Records may come to no row each, as Ali-CCP's lists without a feature do."""

    def parse(start: int, end: int) -> pa.RecordBatch:
        if start <= 1 < end:
            raise ValueError("bad")
        return pa.RecordBatch.from_pydict({"n": pa.array([], pa.int64())})

    batch, kept, reasons = divide(3, parse)
    assert batch.num_rows == 0
    assert kept.tolist() == [0, 2]
    assert reasons == {1: "bad"}
