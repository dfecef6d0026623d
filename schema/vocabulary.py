"""The files that hold the vocabularies of all fields.

Tokens stand in two files, a field's one after the other in the order of its vocabulary:

`vocabularies_int64`: lines `number · 10^15 + token`, where number is the field's, from 1.
`vocabularies_bytes`: lines `field<tab>token`. Also for int64 tokens if one of the field's does not fit the other file.

Before a field's tokens there is one line that says where they begin: the key half a step below the field's number, or
`field<tab>`. The first line of a file belongs to no field. `vocabularies.json` tells the same as a list of `Entry`.
"""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

INTEGERS_FILE = "vocabularies_int64"
BYTES_FILE = "vocabularies_bytes"
ENTRIES_FILE = "vocabularies.json"

Dtype = Literal["int64", "string"]

# Tokens of different fields get different keys as long as their absolute values are less than half of this.
KEY_STEP = 10**15
NO_FIELD_KEY = b"0"
NO_FIELD_LINE = b"\t"


def directory(transform_graph: str) -> str:
    """Where a transform graph keeps the files."""
    return f"{transform_graph.rstrip('/')}/transform_fn/assets"


def begin_key(number: int) -> int:
    """Of a field's tokens among the integers."""
    return number * KEY_STEP - KEY_STEP // 2


class Entry(BaseModel):
    """One field's vocabulary.

    Attributes:
        field: The field's name.
        number: Of the field, from 1.
        feature: Of the schema, that the field is made of.
        dtype: Of the feature's values.
        file: Name of the file that holds the tokens.
        first_line: Of its tokens in the file, counted from 0.
        size: Number of tokens.
        oov_buckets: Number of ids before those of the tokens, for what is out of the vocabulary.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    number: int
    feature: str
    dtype: Dtype
    file: str
    first_line: int
    size: int
    oov_buckets: int


_ENTRIES = TypeAdapter(tuple[Entry, ...])


def to_json(entries: Iterable[Entry]) -> str:
    """Entries as the content of `ENTRIES_FILE`."""
    return _ENTRIES.dump_json(tuple(entries), indent=2).decode()


def from_json(text: str | bytes) -> dict[str, Entry]:
    """Inverse of `to_json`; by the fields' names."""
    return {entry.field: entry for entry in _ENTRIES.validate_json(text)}
