"""What the Evaluator measures, and when it blesses a model."""

import json

from tensorflow_model_analysis.proto import config_pb2 as tfma

from pipeline.config import EvaluationConfig
from pipeline.fingerprint import code_fingerprint
from schema import contract

# Names of the metrics, by output: the AUC, then the PCOC (mean prediction over mean label). Each names its space.
METRICS = {
    contract.PCTR: ("ctr_auc_all", "pctr_pcoc_all"),
    contract.PCVR: ("cvr_auc_clicked", "pcvr_pcoc_clicked"),
    contract.PCTCVR: ("ctcvr_auc_all", "pctcvr_pcoc_all"),
}

# As many as the histogram that TFMA takes AUCs from has buckets: with fewer (its default is 200) the AUC of rare
# conversions is off in the second decimal, with more it takes longer and is no better.
_THRESHOLDS = 10_000


def eval_config(config: EvaluationConfig) -> tfma.EvalConfig:
    """One AUC and one PCOC per output, each in the space that it is right in, overall and by slice.

    pCTR is judged by clicks and pCTCVR by conversions, over all impressions; pCVR by conversions, over clicked
    impressions, by giving the others weight 0. A conversion in an example always follows a click (the ingestion's
    funnel rule), so `conversion` is the label of pCTCVR too. Thresholds hold for the whole split, not for its slices.
    """
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
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=[feature]) for feature in config.slices),
        ],
        metrics_specs=[
            _metrics(contract.PCTR, config, _at_least(config.min_ctr_auc_all)),
            _metrics(contract.PCVR, config, _at_least(config.min_cvr_auc_clicked)),
            _metrics(contract.PCTCVR, config, _at_least(config.min_ctcvr_auc_all, config.max_ctcvr_auc_drop)),
        ],
    )


def _metrics(output: str, config: EvaluationConfig, auc: tfma.MetricThreshold) -> tfma.MetricsSpec:
    auc_name, pcoc_name = METRICS[output]
    clicked_only = output == contract.PCVR
    return tfma.MetricsSpec(
        output_names=[output],
        metrics=[
            _metric("AUC", {"name": auc_name, "num_thresholds": _THRESHOLDS}, auc),
            _metric(
                "Pcoc",
                {"name": pcoc_name, "fingerprint": code_fingerprint("models.metrics")},
                _between(*config.pcoc_bounds),
                module="models.metrics",
            ),
        ],
        example_weights=tfma.ExampleWeightOptions(weighted=clicked_only, unweighted=not clicked_only),
    )


def _metric(
    class_name: str, settings: dict[str, object], threshold: tfma.MetricThreshold, module: str = ""
) -> tfma.MetricConfig:
    overall = tfma.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec()], threshold=threshold)
    return tfma.MetricConfig(
        class_name=class_name, module=module, config=json.dumps(settings), per_slice_thresholds=[overall]
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
