"""Files in which a training tells what it did."""

import os
from typing import TypeVar

import tensorflow as tf
from pydantic import BaseModel

_Report = TypeVar("_Report", bound=BaseModel)


def read(kind: type[_Report], directory: str, file_name: str) -> _Report | None:
    """The report in a folder, None where there is none."""
    path = os.path.join(directory, file_name)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return kind.model_validate_json(file.read())


def write(report: BaseModel, directory: str, file_name: str) -> None:
    """Writes a report to a folder, which is made if it is not there."""
    tf.io.gfile.makedirs(directory)
    with tf.io.gfile.GFile(os.path.join(directory, file_name), "w") as file:
        file.write(report.model_dump_json(indent=1))
