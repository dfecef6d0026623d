"""Writing and reading the file of `schema.model_shape`."""

import os

import tensorflow as tf
from pydantic import ValidationError

from models.network import Shape
from models.settings import ModelSettings
from schema import contract
from schema.errors import InputError
from schema.model_shape import ModelShape


def write(shape: Shape, directory: str) -> None:
    """Writes it under `assets.extra` of a SavedModel's folder."""
    stored = ModelShape(
        fields=shape.fields,
        rows=dict(shape.rows),
        stored=shape.stored,
        settings=shape.settings.model_dump(mode="json"),
    )
    path = os.path.join(directory, contract.MODEL_SHAPE_PATH)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(stored.model_dump_json(indent=1))


def read(directory: str) -> Shape:
    """Inverse of `write`.

    Raises:
        InputError: There is no such file, or it is not of this version's models.
    """
    path = os.path.join(directory, contract.MODEL_SHAPE_PATH)
    try:
        with tf.io.gfile.GFile(path) as file:
            stored = ModelShape.model_validate_json(file.read())
        settings = ModelSettings.model_validate(stored.settings)
        return Shape(stored.fields, stored.rows, settings, stored=stored.stored)
    except tf.errors.OpError:
        problem = f"without {contract.MODEL_SHAPE_PATH}"
    except ValidationError:
        problem = f"whose {contract.MODEL_SHAPE_PATH} is of another version"
    raise InputError(f"a SavedModel should tell its shape. Received: {directory}, {problem}")
