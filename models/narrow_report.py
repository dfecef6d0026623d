"""What a model lost, and its file gained, by a narrower embedding."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from models import reports
from models.settings import Stored

FILE_NAME = "narrow.json"


class NarrowReport(BaseModel):
    """Content of `FILE_NAME`.

    Attributes:
        stored: What the embedding is kept in.
        float32_bytes: Size of the tables as they were trained.
        bytes: Their size as they are exported.
        float32_aucs: Of the eval split, before, by name.
        aucs: The same as it is exported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stored: Stored
    float32_bytes: int
    bytes: int
    float32_aucs: Mapping[str, float]
    aucs: Mapping[str, float]


def read(directory: str) -> NarrowReport | None:
    """That of a training, None where the embedding is exported as it was trained."""
    return reports.read(NarrowReport, directory, FILE_NAME)


def write(report: NarrowReport, directory: str) -> None:
    """Writes it to a folder, which is made if it is not there."""
    reports.write(report, directory, FILE_NAME)


def told(report: NarrowReport) -> str:
    """One line."""
    lost = ", ".join(f"{name} {value - report.float32_aucs[name]:+.5f}" for name, value in report.aucs.items())
    return f"{report.stored}: {report.bytes / 1e6:.1f} MB of {report.float32_bytes / 1e6:.1f} MB; {lost}"
