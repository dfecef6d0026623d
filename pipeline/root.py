"""Where a pipeline keeps its files."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Root:
    """Places under the folder of a pipeline's runs."""

    path: Path

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @property
    def metadata(self) -> Path:
        return self.path / "metadata.sqlite"

    @property
    def serving(self) -> Path:
        return self.path / "serving"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def dead_letters(self) -> Path:
        return self.path / "dead_letters"
