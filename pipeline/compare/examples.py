"""The examples that all models are trained and judged on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TransformedExamples:
    """What Transform made.

    Attributes:
        transform_graph: Folder of the graph.
        folder: Of the packed examples.
    """

    transform_graph: str
    folder: str

    def pattern(self, split: str) -> str:
        """Pattern of a split's files."""
        return f"{self.folder}/Split-{split}/*.gz"

    def fingerprint(self) -> str:
        """Changes when a file of the examples is another one, by path, size and time."""
        digest = hashlib.sha256()
        for path in sorted(Path(self.folder).rglob("*.gz")):
            digest.update(f"{path}\0{path.stat().st_size}\0{path.stat().st_mtime_ns}\n".encode())
        return digest.hexdigest()
