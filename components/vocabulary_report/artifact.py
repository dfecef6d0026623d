"""Type of the report's artifact."""

from tfx import types


class VocabularyReportArtifact(types.Artifact):
    """Holds `report.json`; see `components.vocabulary_report.report`."""

    TYPE_NAME = "VocabularyReport"
