"""The examples of the documents, run as they are written."""

import pytest


@pytest.mark.slow
def test_data(tmp_path, run_document):
    assert len(run_document("docs/data.md", tmp_path)) > 10
