"""What TensorFlow Data Validation found wrong with statistics, as lines for a person."""

from tensorflow_metadata.proto.v0 import anomalies_pb2


def told(anomalies: anomalies_pb2.Anomalies) -> list[str]:
    """One line for each thing that is wrong: `feature: what`, or `dataset: what`; sorted, none twice.

    Drift and skew above their threshold are among them: TFDV gives each a reason of its own. The measurements in
    `drift_skew_info` are not read, they are there for what is within its threshold too.
    """
    lines = {
        _line(".".join(info.path.step) or name, description)
        for name, info in anomalies.anomaly_info.items()
        for description in [reason.description for reason in info.reason] or [info.description]
    }
    lines |= {_line("dataset", reason.description) for reason in anomalies.dataset_anomaly_info.reason}
    if anomalies.data_missing:
        lines.add(_line("dataset", "there should be examples. Received: none"))
    return sorted(lines)


def _line(name: str, description: str) -> str:
    return f"{name}: {' '.join(description.split())}"
