"""Files that have their name once they are whole."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schema.errors import InputError


def write_whole(path: Path, text: str) -> None:
    """Writes a file; whoever is stopped meanwhile leaves none, or the earlier one.

    Raises:
        InputError: It can't be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.rename(path)
    except OSError as error:
        raise InputError(f"--out should be a folder to write to. Received: {path.parent}: {error.strerror}") from None


def to_json(tree: Any) -> str:
    """JSON, with null for NaN, which it does not know."""
    return json.dumps(_nulled(tree), indent=1) + "\n"


def _nulled(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _nulled(value) for key, value in tree.items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [_nulled(value) for value in tree]
    return None if isinstance(tree, float) and math.isnan(tree) else tree
