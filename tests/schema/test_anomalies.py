"""Anomalies in lines."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from schema import anomalies


def parse(text: str) -> anomalies_pb2.Anomalies:
    return text_format.Parse(text, anomalies_pb2.Anomalies())


def test_a_line_for_each_reason_of_each_feature_in_order():
    found = parse("""
      anomaly_info { key: "tab" value { path { step: "tab" } description: "All of it."
        reason { description: "Unexpectedly large value: 9." }
        reason { description: "Drift\\n is\\t 0.2. " } } }
      anomaly_info { key: "age" value { path { step: "age" }
        reason { description: "Column is completely missing" } } }
    """)
    assert anomalies.told(found) == [
        "age: Column is completely missing",
        "tab: Drift is 0.2.",
        "tab: Unexpectedly large value: 9.",
    ]


def test_a_feature_is_called_by_its_path_or_else_by_its_key():
    found = parse("""
      anomaly_info { key: "'a.b'" value { path { step: "a.b" } reason { description: "x" } } }
      anomaly_info { key: "c" value { reason { description: "x" } } }
    """)
    assert anomalies.told(found) == ["a.b: x", "c: x"]


def test_an_anomaly_without_reasons_has_the_line_of_its_description():
    assert anomalies.told(parse('anomaly_info { key: "a" value { description: "It is\\nwrong." } }')) == [
        "a: It is wrong."
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'dataset_anomaly_info { reason { description: "The dataset has 3 examples." } }',
            "dataset: The dataset has 3 examples.",
        ),
        ("data_missing: true", "dataset: there should be examples. Received: none"),
    ],
)
def test_anomalies_of_the_dataset(text, line):
    assert anomalies.told(parse(text)) == [line]


def test_measurements_within_their_threshold_are_no_anomaly():
    found = parse("""
      drift_skew_info { path { step: "tab" } drift_measurements { type: L_INFTY value: 0.01 threshold: 0.1 } }
    """)
    assert anomalies.told(found) == []
