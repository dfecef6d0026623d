"""Inputs, outputs and parameters of DataGuard."""

from tfx.types import component_spec, standard_artifacts

EXAMPLES_KEY = "examples"
SCHEMA_KEY = "schema"
STATISTICS_KEY = "statistics"
ANOMALIES_KEY = "anomalies"
LAST_ACCEPTED_KEY = "last_accepted"
ACCEPTED_STATISTICS_KEY = "accepted_statistics"
FIELDS_KEY = "fields"
SETTINGS_KEY = "settings"
FINGERPRINT_KEY = "fingerprint"


class DataGuardSpec(component_spec.ComponentSpec):
    """`fields` and `settings` are JSON; `fingerprint` has no meaning but to miss the cache when it changes."""

    PARAMETERS = {
        FIELDS_KEY: component_spec.ExecutionParameter(type=str),
        SETTINGS_KEY: component_spec.ExecutionParameter(type=str),
        FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema),
        STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        ANOMALIES_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        LAST_ACCEPTED_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS = {ACCEPTED_STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics)}
