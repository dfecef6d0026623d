import json

import pytest

from pipeline.compare import files
from schema.errors import InputError


def test_a_file_is_replaced_and_leaves_nothing_beside_it(tmp_path):
    for text in ("first", "second"):
        files.write_whole(tmp_path / "folder" / "file", text)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]
    assert (tmp_path / "folder" / "file").read_text() == "second"


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    message = f"^--out should be a folder to write to. Received: {tmp_path / 'file'}: "
    with pytest.raises(InputError, match=message):
        files.write_whole(tmp_path / "file" / "results.md", "text")


def test_nan_is_null_in_json():
    text = files.to_json({"a": float("nan"), "b": [1.5, float("nan")], "c": "nan", "d": {"e": (2,)}})
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [1.5, None], "c": "nan", "d": {"e": [2]}}
