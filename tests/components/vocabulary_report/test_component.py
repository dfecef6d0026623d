"""The component's spec, and what TFX makes of its artifact's type."""

from tfx import types
from tfx.types import artifact_utils, standard_artifacts

from components.vocabulary_report.artifact import VocabularyReportArtifact
from components.vocabulary_report.component import VocabularyReport
from schema import fields as schema_fields
from schema.fields import Field

FIELDS = (Field(name="user", entity="user"),)


def test_fields_travel_as_json():
    component = VocabularyReport(
        transformed_examples=types.Channel(type=standard_artifacts.Examples),
        transform_graph=types.Channel(type=standard_artifacts.TransformGraph),
        fields=FIELDS,
        fingerprint="abc",
    )
    assert schema_fields.from_json(component.exec_properties["fields"]) == FIELDS
    assert component.exec_properties["fingerprint"] == "abc"
    assert component.outputs["report"].type_name == "VocabularyReport"


def test_the_artifact_reads_back_with_its_type():
    artifact = VocabularyReportArtifact()
    artifact.uri = "/somewhere"
    read = artifact_utils.deserialize_artifact(artifact.artifact_type, artifact.mlmd_artifact)
    assert (type(read), read.uri) == (VocabularyReportArtifact, "/somewhere")
