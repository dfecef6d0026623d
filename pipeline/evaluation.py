"""What the Evaluator measures, and when it blesses a model."""

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from pipeline.config import EvaluationConfig
from schema import contract

AUC = "auc"
PCOC = "calibration"

# TFMA bins predictions: with its default of 200 thresholds the AUC of rare conversions is off in the second decimal.
_THRESHOLDS = 100_000


def eval_config(config: EvaluationConfig) -> tfma.EvalConfig:
    """One AUC and one PCOC per output, each in the space that it is right in.

    pCTR is judged by clicks and pCTCVR by conversions, over all impressions; pCVR by conversions, over clicked
    impressions, by giving the others weight 0. A conversion in an example always follows a click (the ingestion's
    funnel rule), so `conversion` is the label of pCTCVR too.
    """
    low, high = config.pcoc_bounds
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name=contract.SERVING_SIGNATURE,
                model_type="tf_generic",
                label_keys={
                    contract.PCTR: contract.CLICK,
                    contract.PCVR: contract.CONVERSION,
                    contract.PCTCVR: contract.CONVERSION,
                },
                example_weight_keys={contract.PCVR: contract.CLICK},
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=[feature]) for feature in config.slices)],
        metrics_specs=[
            _metrics(contract.PCTR, _at_least(config.min_ctr_auc_all), _between(low, high)),
            _metrics(contract.PCVR, _at_least(config.min_cvr_auc_clicked), None),
            _metrics(contract.PCTCVR, _at_least(config.min_ctcvr_auc_all, config.max_ctcvr_auc_drop), _between(low, high)),
        ],
    )


def _metrics(output: str, auc: tfma.MetricThreshold, pcoc: tfma.MetricThreshold | None) -> tfma.MetricsSpec:
    clicked_only = output == contract.PCVR
    return tfma.MetricsSpec(
        output_names=[output],
        metrics=[
            tfma.MetricConfig(class_name="AUC", config=f'{{"num_thresholds": {_THRESHOLDS}, "name": "{AUC}"}}', threshold=auc),
            tfma.MetricConfig(class_name="Calibration", config=f'{{"name": "{PCOC}"}}', threshold=pcoc),
            tfma.MetricConfig(class_name="ExampleCount"),
        ],
        example_weights=config_pb2.ExampleWeightOptions(weighted=clicked_only, unweighted=not clicked_only),
    )


def _at_least(value: float, most_drop: float | None = None) -> tfma.MetricThreshold:
    threshold = tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(lower_bound={"value": value}))
    if most_drop is not None:
        threshold.change_threshold.direction = tfma.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.absolute.value = -most_drop
    return threshold


def _between(low: float, high: float) -> tfma.MetricThreshold:
    return tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": low}, upper_bound={"value": high})
    )
