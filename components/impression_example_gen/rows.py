"""Rows of a log between reading and encoding, and the letters of those that came no further."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

# Of a value in a reason.
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class DeadLetter:
    """A record that did not become an example.

    Attributes:
        file: Where it stands.
        position: Where in the file, as in `line 17` (from 1, the header included), `byte 1024`, `row 16` (from 0).
        reason: What should hold and what came, in one line.
        raw: The record as it stands in the file; JSON for the rows of a Parquet file.
    """

    file: str
    position: str
    reason: str
    raw: bytes

    @property
    def number(self) -> int:
        """The position without its unit."""
        return int(self.position.rpartition(" ")[2])

    def to_json(self) -> str:
        """One line; the bytes are in base64."""
        raw = base64.b64encode(self.raw).decode()
        return json.dumps({"file": self.file, "position": self.position, "reason": self.reason, "raw_base64": raw})

    def __str__(self) -> str:
        return f"{self.file}, {self.position}: {self.reason}"


@dataclass(frozen=True)
class Rows:
    """Consecutive records of one file.

    Attributes:
        batch: The records that could be taken apart; columns as they came, not yet of the schema's types.
        file: Where they stand.
        unit: What positions count: `line`, `byte`, `row` or `record`.
        positions: int64 [B], of the batch's rows.
        raw: binary [B], the rows as they stand in the file; None where a row has no bytes of its own.
        dead: Records that could not be taken apart.
        dead_others: Dead records that are no rows of the split, such as clicks; `counts` has them.
        broken: For rows of the batch that break a rule of their format, by index: the reason.
        repeated: bool [B], True for a row that repeats an earlier good one; None where nobody looked.
        common: For each row the serialized features that it shares with others, bytes [B]; None where it has none.
        counts: Further counts for the report, by name.
    """

    batch: pa.RecordBatch
    file: str
    unit: str
    positions: np.ndarray
    raw: pa.Array | None = None
    dead: Sequence[DeadLetter] = ()
    dead_others: Sequence[DeadLetter] = ()
    broken: Mapping[int, str] = field(default_factory=dict)
    repeated: np.ndarray | None = None
    common: Sequence[bytes] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def none(cls, file: str, **rest: Any) -> "Rows":
        """No rows, but what else was found in the file."""
        return cls(pa.RecordBatch.from_arrays([], names=[]), file, "", np.zeros(0, np.int64), **rest)

    def dead_letter(self, index: int, reason: str) -> DeadLetter:
        """The letter for a row of the batch."""
        if self.raw is not None:
            raw = self.raw[index].as_py()
        else:
            row = {name: readable(self.batch[name].slice(index, 1))[0].as_py() for name in self.batch.schema.names}
            raw = json.dumps(row, default=_told).encode()
        return DeadLetter(self.file, f"{self.unit} {self.positions[index]}", reason, raw)


def too_long(length: int, max_bytes: int) -> str:
    """The reason for a record that is longer than it may be."""
    return (
        f"a record should have at most {max_bytes} bytes (`data.log.max_record_bytes`). "
        f"Received: {length} bytes, of which the first are kept here"
    )


def readable(values: pa.Array) -> pa.Array:
    """The values with bytes in place of text, which a file may say to be UTF-8 where it is not."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return values.cast(pa.large_binary())
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        kind = values.type.value_type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return values.cast(pa.large_list(kind)).cast(pa.large_list(pa.large_binary()))
    return values


def shown(value: object) -> str:
    """A value for a message, on one line and not too long."""
    text = " ".join(_told(value).split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}… ({len(text)} characters)"


def _told(value: object) -> str:
    return value.decode("utf-8", errors="backslashreplace") if isinstance(value, bytes) else str(value)
