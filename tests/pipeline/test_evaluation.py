import json

from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2, validation_result_pb2

from pipeline.config import EvaluationConfig
from pipeline.evaluation import eval_config
from pipeline.summary import threshold_told

CONFIG = EvaluationConfig(
    slices=("tab",),
    min_ctr_auc_all=0.6,
    min_cvr_auc_clicked=0.7,
    min_ctcvr_auc_all=0.8,
    max_ctcvr_auc_drop=0.02,
    pcoc_bounds=(0.9, 1.1),
)


def metric(spec: config_pb2.MetricsSpec, class_name: str) -> config_pb2.MetricConfig:
    return next(found for found in spec.metrics if found.class_name == class_name)


def test_each_output_is_judged_by_its_label_in_its_space():
    config = eval_config(CONFIG)
    (model,) = config.model_specs
    assert dict(model.label_keys) == {"pctr": "click", "pcvr": "conversion", "pctcvr": "conversion"}
    assert dict(model.example_weight_keys) == {"pcvr": "click"}
    for spec, (output, name, clicked) in zip(
        config.metrics_specs,
        [("pctr", "ctr_auc_all", False), ("pcvr", "cvr_auc_clicked", True), ("pctcvr", "ctcvr_auc_all", False)],
        strict=True,
    ):
        assert list(spec.output_names) == [output]
        assert json.loads(metric(spec, "AUC").config) == {"name": name, "num_thresholds": 10_000}
        assert (spec.example_weights.weighted, spec.example_weights.unweighted) == (clicked, not clicked)


def test_thresholds_hold_for_the_whole_split_alone():
    config = eval_config(CONFIG)
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["tab"]]
    lowest = []
    for spec in config.metrics_specs:
        for found in spec.metrics:
            (overall,) = found.per_slice_thresholds
            assert list(overall.slicing_specs) == [config_pb2.SlicingSpec()]
        (auc,) = metric(spec, "AUC").per_slice_thresholds
        lowest.append(auc.threshold.value_threshold.lower_bound.value)
        (pcoc,) = metric(spec, "Pcoc").per_slice_thresholds
        bounds = pcoc.threshold.value_threshold
        assert (bounds.lower_bound.value, bounds.upper_bound.value) == (0.9, 1.1)
    assert lowest == [0.6, 0.7, 0.8]


def test_only_the_ctcvr_auc_is_compared_with_the_last_blessed_model():
    changes = [
        metric(spec, "AUC").per_slice_thresholds[0].threshold.change_threshold
        for spec in eval_config(CONFIG).metrics_specs
    ]
    assert changes[0] == changes[1] == config_pb2.GenericChangeThreshold()
    assert changes[2].absolute.value == -0.02
    assert changes[2].direction == config_pb2.MetricDirection.HIGHER_IS_BETTER


def told(threshold: str, value: float) -> str:
    failure = validation_result_pb2.ValidationFailure()
    text_format.Parse(threshold, failure.metric_threshold)
    failure.metric_value.double_value.value = value
    return threshold_told(failure)


def test_an_unmet_threshold_is_told_with_what_came():
    low = "value_threshold { lower_bound { value: 0.8 } }"
    assert told(low, 0.75) == "at least 0.8. Received: 0.7500"
    bounds = "value_threshold { lower_bound { value: 0.9 } upper_bound { value: 1.1 } }"
    assert told(bounds, 1.25) == "between 0.9 and 1.1. Received: 1.2500"
    # TFMA gives the difference to the baseline as the value.
    change = "change_threshold { direction: HIGHER_IS_BETTER absolute { value: -0.02 } }"
    assert told(change, -0.0312) == "at most 0.02 below the last blessed model's. Received: 0.0312 below"
