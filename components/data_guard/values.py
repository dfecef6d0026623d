"""Fields that say nothing, because every example has the same value or none has any."""

from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import statistics_pb2


def without_information(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, features: Iterable[str]
) -> dict[str, str]:
    """Features that are empty or constant, with what they hold.

    Args:
        statistics: Of the train split.
        features: The features to look at.

    Returns:
        By feature: `no value` where it has none at all; `nothing but <value>` where all its values are equal and no
        example is without one.
    """
    by_name = {feature.path.step[0]: feature for feature in statistics.datasets[0].features}
    held = {name: _held(by_name[name]) if name in by_name else "no value" for name in features}
    return {name: what for name, what in held.items() if what}


def _held(feature: statistics_pb2.FeatureNameStatistics) -> str:
    kind = feature.WhichOneof("stats")
    common = getattr(feature, kind).common_stats
    if not common.tot_num_values:
        return "no value"
    if common.num_missing or not common.min_num_values:
        return ""
    if kind == "string_stats" and feature.string_stats.unique == 1:
        return f"nothing but {feature.string_stats.rank_histogram.buckets[0].label}"
    if kind == "num_stats" and feature.num_stats.min == feature.num_stats.max:
        return f"nothing but {feature.num_stats.min:g}"
    return ""
