"""Where the checkpoints of a training are: in a folder named by all that the training follows from."""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from models import distribution, inputs


def folder(base: str, file_patterns: Sequence[str], follows_from: Any) -> str:
    """The folder for a training's checkpoints. Those of other trainings, which nobody asks for any more, are removed.

    Args:
        base: Folder of all checkpoints.
        file_patterns: Of the training split. TFX gives new examples new paths.
        follows_from: All else that the weights follow from, the code included; JSON can hold it.
    """
    told = json.dumps([inputs.files(file_patterns), follows_from], sort_keys=True)
    name = hashlib.sha256(told.encode()).hexdigest()[:16]
    if distribution.is_chief():
        tf.io.gfile.makedirs(base)
        for other in tf.io.gfile.listdir(base):
            if other.rstrip("/") != name:
                tf.io.gfile.rmtree(os.path.join(base, other))
    return os.path.join(base, name)
