"""What an impression log looks like: the part of the configuration that ingestion is given."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator
from pydantic import Field as Limits

from schema import contract

FlatFormat = Literal["parquet", "csv", "jsonl", "tfrecord"]

# What the files of a split are called by their part in it. A flat log has impressions only, labelled.
IMPRESSIONS = "impressions"
CLICKS = "clicks"
CONVERSIONS = "conversions"
SKELETON = "skeleton"
COMMON_FEATURES = "common_features"

# Column of the Ali-CCP skeleton.
SAMPLE_ID = "sample_id"

_ROLES = {"ali_ccp": (SKELETON, COMMON_FEATURES), "events": (IMPRESSIONS, CLICKS, CONVERSIONS)}


class _Tree(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelColumns(_Tree):
    """Columns of the log that make the labels; 0 or 1, in Parquet also booleans.

    Attributes:
        click: The impression was clicked.
        conversion: The impression was followed by a conversion.
    """

    click: str = contract.CLICK
    conversion: str = contract.CONVERSION


class EventLog(_Tree):
    """How clicks and conversions find their impression, in a log of `format: events`.

    Attributes:
        format: Format of all three kinds of files.
        impression_id: Column, in all three, that says which impression it is or belongs to: of the schema's type,
            an integer where the schema does not list it.
        time: Column, in all three, with the time of the event, an integer.
        time_unit: Unit of `time`.
        click_window_seconds: A click counts if it comes at most that long after its impression, and not before it.
        conversion_window_seconds: A conversion counts if it comes at most that long after the click (after the
            impression, where there is no click that counts), and not before it.
    """

    format: FlatFormat = "parquet"
    impression_id: str = "impression_id"
    time: str = "time"
    time_unit: Literal["s", "ms", "us"] = "ms"
    click_window_seconds: PositiveInt = 24 * 3600
    conversion_window_seconds: PositiveInt = 7 * 24 * 3600


class Duplicates(_Tree):
    """Impressions that the log has more than once.

    Attributes:
        key: Columns of the log that two rows of one impression agree in.
        remove: Whether only the first of them becomes an example. They are counted either way.
    """

    key: Annotated[tuple[str, ...], Limits(min_length=1)]
    remove: bool = False


class LogFormat(_Tree):
    """How to read the files of a log and what to make of its rows.

    Attributes:
        format: `parquet`; `csv`, `jsonl` (JSON Lines) or `tfrecord` (of tf.Examples), compressed where the name ends in
            .gz (text also in .bz2); `ali_ccp`, the raw release in two files; `events`, three kinds of files.
        columns: Names of the columns of CSV files that have no header line.
        labels: Which columns are the labels. Every other column keeps its name.
        conversion_without_click: What to do with a row that breaks the funnel click → conversion:
            `drop` leaves it out; `as_no_conversion` keeps it as an impression without click and conversion;
            `error` makes it a dead letter. Always counted.
        list_separator: What separates the values of a multi-valued feature where they come as text.
        max_values: Values kept of a multi-valued field of `ali_ccp`, those with the largest weights.
        events: How the files of `events` belong together.
        duplicates: What makes two rows the same impression; without it nobody looks.
        max_record_bytes: A longer line or record is a dead letter.
        max_dead_letter_share: The run stops if a larger share of a split's rows than this are dead letters.
    """

    format: Literal["parquet", "csv", "jsonl", "tfrecord", "ali_ccp", "events"] = "parquet"
    columns: tuple[str, ...] = ()
    labels: LabelColumns = LabelColumns()
    conversion_without_click: Literal["drop", "as_no_conversion", "error"] = "as_no_conversion"
    list_separator: Annotated[str, Limits(min_length=1)] = "|"
    max_values: PositiveInt = 50
    events: EventLog = EventLog()
    duplicates: Duplicates | None = None
    max_record_bytes: PositiveInt = 1 << 20
    max_dead_letter_share: Annotated[float, Limits(ge=0, le=1)] = 0.01

    @model_validator(mode="after")
    def _fits_format(self) -> Self:
        if self.columns and self.format != "csv":
            raise ValueError(f"columns should be given for format csv only. Received: format {self.format}")
        keys = {"ali_ccp": (SAMPLE_ID,), "events": (self.events.impression_id,)}
        if self.duplicates and self.duplicates.key != keys.get(self.format, self.duplicates.key):
            raise ValueError(
                f"duplicates.key should be [{keys[self.format][0]}] for format {self.format}. "
                f"Received: {list(self.duplicates.key)}"
            )
        return self

    @property
    def removes_duplicates(self) -> bool:
        return self.duplicates is not None and self.duplicates.remove

    @property
    def roles(self) -> tuple[str, ...]:
        """Parts that the files of a split play, the one whose rows become examples first."""
        return _ROLES.get(self.format, (IMPRESSIONS,))
