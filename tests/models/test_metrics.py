import json
import math

import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2


def evaluated(rows: pd.DataFrame, weighted: bool) -> dict[str, dict[str, float]]:
    """PCOC, and TFMA's Calibration, by slice of `tab`."""
    config = config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                label_key="click", prediction_key="pctr", example_weight_key="weight" if weighted else ""
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["tab"])],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(
                        class_name="Pcoc", module="models.metrics", config=json.dumps({"fingerprint": "x"})
                    ),
                    config_pb2.MetricConfig(class_name="Calibration"),
                ]
            )
        ],
    )
    results = tfma.analyze_raw_data(rows, config).slicing_metrics
    return {
        str(key[0][1]) if key else "all": {name: value["doubleValue"] for name, value in metrics[""][""].items()}
        for key, metrics in results
    }


ROWS = pd.DataFrame(
    {
        "tab": ["a", "a", "b", "b", "c"],
        "click": [1.0, 0.0, 1.0, 1.0, 0.0],
        "pctr": [0.8, 0.1, 0.5, 0.25, 0.75],
        "weight": [1.0, 2.0, 0.0, 4.0, 1.0],
    }
)


def test_mean_prediction_over_mean_label_by_slice():
    found = evaluated(ROWS, weighted=False)
    assert found["all"]["pcoc"] == pytest.approx((0.8 + 0.1 + 0.5 + 0.25 + 0.75) / 3)
    assert found["a"]["pcoc"] == pytest.approx(0.9 / 1)
    assert found["b"]["pcoc"] == pytest.approx(0.75 / 2)
    assert math.isnan(float(found["c"]["pcoc"]))  # no click


def test_examples_of_weight_0_do_not_count_and_the_value_is_calibrations():
    found = evaluated(ROWS, weighted=True)
    assert found["all"]["pcoc"] == pytest.approx((0.8 + 2 * 0.1 + 4 * 0.25 + 0.75) / (1 + 4))
    assert found["b"]["pcoc"] == pytest.approx(0.25)
    for name in ("all", "a", "b"):
        assert found[name]["pcoc"] == pytest.approx(found[name]["calibration"])
