"""The file beside a SavedModel that says what its variables are of."""

import json

import pytest

from models import exported_shape
from models.network import Shape
from models.settings import ModelSettings
from schema.errors import InputError
from schema.fields import Field

USER = Field(name="user", entity="user", oov_buckets=2)
BEEN = Field(name="been", entity="user", vocabulary="user", values=3, keep="last")
SHAPE = Shape((USER, BEEN), {"user": 7}, ModelSettings(tower="mmoe", hidden_units=(8, 4)))


def test_round_trip(tmp_path):
    exported_shape.write(SHAPE, str(tmp_path))
    assert exported_shape.read(str(tmp_path)) == SHAPE


def test_the_file(tmp_path):
    exported_shape.write(SHAPE, str(tmp_path))
    stored = json.loads((tmp_path / "assets.extra" / "shape.json").read_text())
    assert [field["name"] for field in stored["fields"]] == ["user", "been"]
    assert stored["rows"] == {"user": 7}
    assert (stored["settings"]["tower"], stored["settings"]["hidden_units"]) == ("mmoe", [8, 4])


def test_a_folder_without_it(tmp_path):
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError) as error:
            exported_shape.read(str(directory))
        assert str(error.value) == (
            f"a SavedModel should tell its shape. Received: {directory}, without assets.extra/shape.json"
        )


@pytest.mark.parametrize("known", ["hidden_units", "oov_buckets", "rows"])
def test_that_of_another_version(tmp_path, known):
    exported_shape.write(SHAPE, str(tmp_path))
    path = tmp_path / "assets.extra" / "shape.json"
    path.write_text(path.read_text().replace(f'"{known}"', '"other"'))
    with pytest.raises(InputError) as error:
        exported_shape.read(str(tmp_path))
    assert str(error.value) == (
        f"a SavedModel should tell its shape. Received: {tmp_path}, whose assets.extra/shape.json is of another version"
    )
