"""Folders of models, as Pusher writes them and TF Serving reads them."""

from pathlib import Path

from schema.errors import InputError


def latest_version(directory: Path) -> Path:
    """The SavedModel itself, or the one with the largest number in a folder of numbered versions.

    Raises:
        InputError: It is neither.
    """
    versions = [path for path in directory.glob("*/saved_model.pb") if path.parent.name.isdigit()]
    if versions:
        return max(versions, key=lambda path: int(path.parent.name)).parent
    if not (directory / "saved_model.pb").is_file():
        raise InputError(f"--model should be a SavedModel, or a folder of numbered versions. Received: {directory}")
    return directory
