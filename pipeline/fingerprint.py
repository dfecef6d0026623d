"""Fingerprints of code, so that a cached component runs again when code that it uses has changed."""

import ast
import hashlib
from importlib.util import find_spec
from pathlib import Path

_PACKAGES = ("schema", "components", "models", "pipeline")


def code_fingerprint(*module_names: str) -> str:
    """SHA-256 over the sources of modules and of all modules of this project that they import, however deep."""
    sources: dict[str, bytes] = {}
    pending = list(module_names)
    while pending:
        name = pending.pop()
        if name in sources:
            continue
        path = _source_path(name)
        if path is None:
            continue
        sources[name] = path.read_bytes()
        pending.extend(_imports(sources[name]))
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(name.encode() + b"\0" + sources[name] + b"\0")
    return digest.hexdigest()


def _imports(source: bytes) -> set[str]:
    """Names that may be modules of this project: `from a.b import c` gives `a`, `a.b` and `a.b.c`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    parts = [name.split(".") for name in names]
    return {".".join(part[: i + 1]) for part in parts if part[0] in _PACKAGES for i in range(len(part))}


def _source_path(name: str) -> Path | None:
    """Source file of a module, or None where the name is not a module but something in one."""
    package, _, _ = name.rpartition(".")
    if package:
        parent = _source_path(package)
        if parent is None or parent.name != "__init__.py":
            return None
    spec = find_spec(name)
    return Path(spec.origin) if spec and spec.origin else None
