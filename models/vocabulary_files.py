"""Writing and reading the files of `schema.vocabulary`."""

import os
from collections.abc import Iterator
from typing import IO

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.io.filesystems import FileSystems

from models.token_counts import as_text
from schema import vocabulary
from schema.fields import Field
from schema.vocabulary import Dtype, Entry

# Outputs of `WriteFiles`, named like the files.
TAGS = (vocabulary.INTEGERS_FILE, vocabulary.BYTES_FILE, vocabulary.ENTRIES_FILE)


def read_entries(directory: str) -> dict[str, Entry]:
    """What vocabularies there are in a directory, by field."""
    with FileSystems.open(os.path.join(directory, vocabulary.ENTRIES_FILE)) as file:
        return vocabulary.from_json(file.read())


def read_tokens(directory: str) -> dict[str, pa.LargeBinaryArray]:
    """The tokens of each field, as text, in the order of their ids; by name."""
    entries = read_entries(directory)
    files = {entry.file for entry in entries.values()}
    lines = {name: _read_lines(os.path.join(directory, name)) for name in files}
    return {name: _tokens(entry, lines[entry.file]) for name, entry in entries.items()}


def _read_lines(path: str) -> pa.LargeBinaryArray:
    """The lines of a file with their ends, without an object for each."""
    with FileSystems.open(path) as file:
        content = file.read()
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord("\n")) + 1
    offsets = pa.py_buffer(np.concatenate([[0], ends]).astype(np.int64))
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends), [None, offsets, pa.py_buffer(content)])


def _tokens(entry: Entry, lines: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    mine = lines.slice(entry.first_line, entry.size)
    if entry.file == vocabulary.BYTES_FILE:
        return pc.binary_slice(mine, len(entry.field.encode()) + 1, -1)
    keys = pc.binary_slice(mine, 0, -1).cast(pa.large_string()).cast(pa.int64())
    tokens = pc.subtract(keys, entry.number * vocabulary.KEY_STEP)
    return tokens.cast(pa.large_string()).cast(pa.large_binary())


class WriteFiles(beam.DoFn):
    """Writes the files.

    Input: for each field a table of its tokens, as `token_counts.CountTokens` gives it.
    Outputs, by `TAGS`: the paths of the three files.
    """

    def __init__(self, fields: tuple[Field, ...], dtypes: tuple[Dtype, ...], directory: str, carried_on: str):
        """Args:
        fields: Those with a vocabulary of their own.
        dtypes: Of their tokens, int64 or string.
        directory: For the files.
        carried_on: Directory of an earlier run's files, or empty.
        """
        self._fields = fields
        self._dtypes = dtypes
        self._directory = directory
        self._carried_on = carried_on

    def process(self, counts: list[pa.Table]) -> Iterator[beam.pvalue.TaggedOutput]:
        paths = {name: os.path.join(self._directory, name) for name in TAGS}
        earlier = read_tokens(self._carried_on) if self._carried_on else {}
        entries = []
        with (
            FileSystems.create(paths[vocabulary.INTEGERS_FILE]) as integers,
            FileSystems.create(paths[vocabulary.BYTES_FILE]) as texts,
        ):
            files = {vocabulary.INTEGERS_FILE: integers, vocabulary.BYTES_FILE: texts}
            integers.write(vocabulary.NO_FIELD_KEY + b"\n")
            texts.write(vocabulary.NO_FIELD_LINE + b"\n")
            next_line = dict.fromkeys(files, 1)
            for number, (field, dtype, table) in enumerate(zip(self._fields, self._dtypes, counts, strict=True), 1):
                tokens = as_text(table["token"])
                if field.name in earlier:
                    tokens = carry_on(earlier[field.name], tokens, field.top_k)
                name, begin, lines = _lines(tokens, number, field, dtype)
                files[name].write(begin + b"\n")
                _write_lines(files[name], lines)
                first_line = next_line[name] + 1
                entry = Entry(
                    field=field.name,
                    number=number,
                    feature=field.source,
                    dtype=dtype,
                    file=name,
                    first_line=first_line,
                    size=len(lines),
                    oov_buckets=field.oov_buckets,
                )
                entries.append(entry)
                next_line[name] = first_line + entry.size
        with FileSystems.create(paths[vocabulary.ENTRIES_FILE]) as file:
            file.write(vocabulary.to_json(entries).encode())
        for tag, path in paths.items():
            yield beam.pvalue.TaggedOutput(tag, np.array(path.encode(), object))


def carry_on(known: pa.LargeBinaryArray, tokens: pa.ChunkedArray, top_k: int | None) -> pa.ChunkedArray:
    """The known tokens, seen again or not, and behind them the new ones, as far as there is room under `top_k`."""
    tokens = tokens.cast(known.type)
    new = tokens.filter(pc.invert(pc.is_in(tokens, value_set=known)))
    if top_k is not None:
        new = new[: max(0, top_k - len(known))]
    return pa.chunked_array([known, *new.chunks])


def _lines(tokens: pa.ChunkedArray, number: int, field: Field, dtype: Dtype) -> tuple[str, bytes, pa.ChunkedArray]:
    """The file that the tokens, as text, belong to, the line before them, and their lines; without the lines' ends."""
    if dtype == "int64":
        numbers = tokens.cast(pa.large_string()).cast(pa.int64())
        extremes = pc.min_max(numbers).as_py()
        if not len(numbers) or max(-extremes["min"], extremes["max"]) < vocabulary.KEY_STEP // 2:
            lines = as_text(pc.add(numbers, number * vocabulary.KEY_STEP))
            return vocabulary.INTEGERS_FILE, b"%d" % vocabulary.begin_key(number), lines
    prefix = f"{field.name}\t".encode()
    return vocabulary.BYTES_FILE, prefix, _joined(prefix, tokens)


def _joined(*parts: bytes | pa.Array | pa.ChunkedArray) -> pa.LargeBinaryArray | pa.ChunkedArray:
    """Each token with what stands before or behind it."""
    binary = pa.large_binary()
    columns = [pa.scalar(part, binary) if isinstance(part, bytes) else part.cast(binary) for part in parts]
    return pc.binary_join_element_wise(*columns, pa.scalar(b"", binary))


def _write_lines(file: IO[bytes], lines: pa.ChunkedArray) -> None:
    for chunk in lines.chunks:
        # Lines stand one after the other in an array's memory, so no object is made for each.
        ended = _joined(chunk, b"\n")
        length = pc.sum(pc.binary_length(ended)).as_py()
        if length:
            file.write(ended.buffers()[2].slice(0, length).to_pybytes())
