"""Where a pipeline keeps its files."""

from dataclasses import dataclass
from pathlib import Path

from schema.errors import InputError


@dataclass(frozen=True)
class Root:
    """Places under the folder of a pipeline's runs."""

    path: Path

    def make(self, folder: Path) -> None:
        """Makes one of them, if it is not there.

        Raises:
            InputError: It can't be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"--root should be a folder to write to. Received: {self.path}: {error.strerror}"
            ) from None

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @property
    def metadata(self) -> Path:
        return self.path / "metadata.sqlite"

    @property
    def database(self) -> Path:
        """Names the database that has the metadata, in place of the file."""
        return self.path / "metadata.yaml"

    @property
    def has_metadata(self) -> bool:
        return self.metadata.is_file() or self.database.is_file()

    @property
    def serving(self) -> Path:
        return self.path / "serving"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def dead_letters(self) -> Path:
        return self.path / "dead_letters"
