import json

import pytest
from pydantic import ValidationError

from components.vocabulary_report import report
from components.vocabulary_report.report import FieldReport

VIDEO = FieldReport(
    field="ş",
    encoding="vocabulary",
    size=3,
    ids=5,
    missing_share=0.0,
    oov_share=1 / 3,
    eval_coverage=None,
    dead_share=1.0,
    collision_rate=None,
)


def test_reports_read_back_equal():
    reports = (VIDEO, VIDEO.model_copy(update={"field": "y"}))
    assert report.from_json(report.to_json(reports)) == reports


def test_what_is_not_known_is_null():
    (told,) = json.loads(report.to_json([VIDEO]))
    assert (told["eval_coverage"], told["oov_share"]) == (None, 1 / 3)


@pytest.mark.parametrize("share", [float("nan"), -0.1, 1.1])
def test_a_share_is_from_0_to_1(share):
    with pytest.raises(ValidationError):
        FieldReport(**{**VIDEO.model_dump(), "dead_share": share})
