"""What there is to tell of what a training began with."""

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from models import reports

FILE_NAME = "warm_start.json"


class FieldCounts(BaseModel):
    """How many tokens, buckets or lengths of a field with rows of its own begin with what an earlier model learned.

    Attributes:
        field: The field's name.
        kept: That both models have.
        new: That the earlier model didn't have.
        vanished: That only the earlier model had.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    kept: NonNegativeInt
    new: NonNegativeInt
    vanished: NonNegativeInt


class WarmStartReport(BaseModel):
    """Content of `FILE_NAME`.

    Attributes:
        earlier: Folder of the earlier model's SavedModel; empty where there was none.
        fields: Of either model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    earlier: str = ""
    fields: tuple[FieldCounts, ...] = ()


def read(directory: str) -> WarmStartReport | None:
    """That of a training, None where it was asked to begin from scratch."""
    return reports.read(WarmStartReport, directory, FILE_NAME)


def write(report: WarmStartReport, directory: str) -> None:
    """Writes it to a folder, which is made if it is not there."""
    reports.write(report, directory, FILE_NAME)


def told(report: WarmStartReport) -> str:
    """One line: all fields together, and the field with the most by each figure."""
    if not report.earlier:
        return "none: there is no blessed model of other examples yet; trained from scratch"
    parts = [f"{sum(one.kept for one in report.fields):,} ids kept"]
    for figure in ("new", "vanished"):
        counts = {one.field: getattr(one, figure) for one in report.fields}
        field = max(counts, key=counts.__getitem__)
        most = f" (most: {field} {counts[field]:,})" if counts[field] else ""
        parts.append(f"{sum(counts.values()):,} {figure}{most}")
    return f"{', '.join(parts)}; of {report.earlier}"
