"""Where a pipeline keeps its files."""

import contextlib
import fcntl
from collections.abc import Iterator
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

    def no_transform(self) -> InputError:
        """What to raise where no run came as far as Transform."""
        return InputError(
            f"--root should be the folder of a run whose Transform finished. Received: {self.path}, no such run"
        )

    @contextlib.contextmanager
    def only_run(self) -> Iterator[None]:
        """Keeps a second run off; two would write the same metadata, and remove each other's checkpoints.

        Raises:
            InputError: There is another one.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"only one run at a time should use a root. Another one is using {self.path}"
                ) from None
            yield

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
    def model_run(self) -> Path:
        return self.path / "model_run"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def dead_letters(self) -> Path:
        return self.path / "dead_letters"
