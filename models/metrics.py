"""Evaluation metrics that TFMA does not have."""

from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import calibration_histogram, metric_types, metric_util


class Pcoc(tfma.metrics.Metric):
    """Predicted clicks (or conversions) over observed ones: mean prediction over mean label, 1 if calibrated.

    The value is that of TFMA's `Calibration`, but taken from the histogram that the AUC is taken from: the Evaluator
    spends most of its time on handing every example to every such count, so one less is a third of it.
    """

    def __init__(self, name: str = "pcoc", fingerprint: str = ""):
        """Args:
        name: Of the metric.
        fingerprint: Of this code. Stands in the Evaluator's configuration so that its cache misses when it changes.
        """
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name)


def _computations(
    name: str = "pcoc",
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    sub_key: Any = None,
    aggregation_type: Any = None,
    class_weights: Any = None,
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    histogram = calibration_histogram.calibration_histogram(
        eval_config=eval_config,
        model_name=model_name,
        output_name=output_name,
        sub_key=sub_key,
        aggregation_type=aggregation_type,
        class_weights=class_weights,
        example_weighted=example_weighted,
    )
    key = metric_types.MetricKey(
        name=name, model_name=model_name, output_name=output_name, sub_key=sub_key, example_weighted=example_weighted
    )

    def result(metrics: dict[Any, Any]) -> dict[Any, float]:
        buckets = metrics[histogram[-1].keys[-1]]
        labels = sum(bucket.weighted_labels for bucket in buckets)
        predictions = sum(bucket.weighted_predictions for bucket in buckets)
        return {key: predictions / labels if labels else float("nan")}

    return [*histogram, metric_types.DerivedMetricComputation(keys=[key], result=result)]
