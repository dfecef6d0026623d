"""What is wrong with the data's statistics: against the schema, the last accepted data and what clients send."""

from collections.abc import Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from schema import anomalies as schema_anomalies
from schema import contract


def problems(
    schema: schema_pb2.Schema,
    anomalies: Mapping[str, anomalies_pb2.Anomalies],
    statistics: Mapping[str, DatasetFeatureStatisticsList],
    last_accepted: Mapping[str, DatasetFeatureStatisticsList],
) -> list[str]:
    """One line for each anomaly, drift and skew.

    Args:
        schema: With the thresholds, `drift_comparator` and `skew_comparator`, of features.
        anomalies: Of each labelled split, against the schema.
        statistics: Of each split; of the split `serving`, if there is one.
        last_accepted: Of each labelled split of the data that was accepted last; empty if none was.
    """
    lines = []
    for split, found in anomalies.items():
        known = schema_anomalies.told(found)
        lines += [f"{split}, {line}" for line in known]
        if split in last_accepted:
            drift = tfdv.validate_statistics(
                statistics[split], schema, contract.TRAINING, previous_statistics=last_accepted[split]
            )
            lines += _compared(f"{split} and the last accepted {split}", drift, known, "drift_comparator")
    if contract.SERVING_SPLIT in statistics:
        serving = statistics[contract.SERVING_SPLIT]
        found = tfdv.validate_statistics(serving, schema, contract.SERVING)
        lines += [f"{contract.SERVING_SPLIT}, {line}" for line in schema_anomalies.told(found)]
        train = statistics[contract.TRAIN_SPLIT]
        skew = tfdv.validate_statistics(train, schema, contract.TRAINING, serving_statistics=serving)
        known = schema_anomalies.told(anomalies[contract.TRAIN_SPLIT])
        lines += _compared(f"{contract.TRAIN_SPLIT} and {contract.SERVING_SPLIT}", skew, known, "skew_comparator")
    return lines


def _compared(what: str, found: anomalies_pb2.Anomalies, known: list[str], comparator: str) -> list[str]:
    """The lines that only the comparison brought, with where its threshold is."""
    return [
        f"{what}, {line}; if the change is meant, raise the feature's {comparator} in the schema"
        for line in schema_anomalies.told(found)
        if line not in known
    ]
