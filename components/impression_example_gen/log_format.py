"""What an impression log looks like: the part of the configuration that ingestion is given."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schema import contract


class LabelColumns(BaseModel):
    """Columns of the log that make the labels; 0 or 1, in Parquet also booleans.

    Attributes:
        click: The impression was clicked.
        conversion: The impression was followed by a conversion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    click: str = contract.CLICK
    conversion: str = contract.CONVERSION


class LogFormat(BaseModel):
    """How to read the files of a log and what to make of its labels.

    Attributes:
        format: `parquet`, or `csv` with a header line (compressed where the name ends in .gz or .bz2).
        labels: Which columns are the labels. Every other column keeps its name.
        conversion_without_click: What to do with a row that breaks the funnel click → conversion:
            `drop` leaves it out; `as_no_conversion` keeps it as an impression without click and conversion;
            `error` stops the run. Always counted.
        list_separator: What separates the values of a multi-valued feature where they come as text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["parquet", "csv"] = "parquet"
    labels: LabelColumns = LabelColumns()
    conversion_without_click: Literal["drop", "as_no_conversion", "error"] = "as_no_conversion"
    list_separator: str = "|"
