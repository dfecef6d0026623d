"""Lines of a text file, in blocks, with the position of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

from components.impression_example_gen.rows import DeadLetter, too_long

# Large enough that Python's share per block does not matter, small enough to hold a few of them.
_BLOCK_BYTES = 4 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class FileRange:
    """A file, or a part of one.

    Attributes:
        path: The file.
        start: First byte; lines that begin before it belong to the range before.
        end: Byte after the last; -1 for the file's end. A line that begins before it is read to its end.
    """

    path: str
    start: int = 0
    end: int = -1


@dataclass(frozen=True)
class Lines:
    """Consecutive lines.

    Attributes:
        data: Their bytes, each line with its line break.
        offsets: int64 [B + 1], of their begins in `data`, and of its end.
        unit: What `positions` count: `line`, from 1, or `byte`, where the range does not begin with its file.
        positions: int64 [B].
    """

    data: bytes
    offsets: np.ndarray
    unit: str
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def slice(self, start: int, end: int) -> memoryview:
        return memoryview(self.data)[self.offsets[start] : self.offsets[end]]

    def line(self, index: int) -> bytes:
        """A line without its line break."""
        return bytes(self.slice(index, index + 1)).removesuffix(b"\n").removesuffix(b"\r")


def read_lines(file: IO[bytes], where: FileRange, max_bytes: int) -> Iterator[Lines | DeadLetter]:
    """Yields the lines that begin in a range, and a dead letter, with its begin, for each that is too long.

    Args:
        file: Open at its begin; seekable, if the range does not begin there.
        where: The range.
        max_bytes: Most bytes of a line, its line break included.
    """
    from_start = where.start == 0
    unit = "line" if from_start else "byte"
    number = 1
    position = 0
    if not from_start:
        position = where.start - 1  # so that a line that begins with the range is seen to do so
        file.seek(position)
    skip = not from_start
    rest, overflow, kept = b"", 0, b""
    while where.end < 0 or position < where.end:
        block = file.read(_BLOCK_BYTES)
        at_end = not block
        if overflow:  # in a line that is too long
            size = block.find(b"\n") + 1 or len(block)
            overflow += size
            if not at_end and not block[:size].endswith(b"\n"):
                continue
            if not skip:
                place = f"{unit} {number if from_start else position}"
                yield DeadLetter(where.path, place, too_long(overflow, max_bytes), kept)
            position, number, skip, overflow, block = position + overflow, number + 1, False, 0, block[size:]
        if position == 0 and block.startswith(_BOM):
            block, position = block[len(_BOM) :], len(_BOM)
        data = rest + block
        size = len(data) if at_end else data.rfind(b"\n") + 1
        data, rest = data[:size], data[size:]
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
        if data and not data.endswith(b"\n"):
            ends = np.append(ends, len(data))
        begins = np.concatenate([[0], ends])[:-1]
        in_range = len(begins) if where.end < 0 else int(np.searchsorted(begins, where.end - position))
        first = min(int(skip), in_range)
        skip = skip and not len(ends)
        offsets = np.concatenate([[0], ends])[first : in_range + 1].astype(np.int64)
        positions = number + np.arange(len(offsets) - 1) if from_start else position + offsets[:-1]
        yield from _without_long(Lines(data, offsets, unit, positions), where, max_bytes)
        number += len(positions)
        position += len(data)
        if at_end:
            return
        if len(rest) > max_bytes:
            overflow, kept, rest = len(rest), rest[:max_bytes], b""


def _without_long(lines: Lines, where: FileRange, max_bytes: int) -> Iterator[Lines | DeadLetter]:
    lengths = np.diff(lines.offsets)
    start = 0
    for i in [*np.flatnonzero(lengths > max_bytes).tolist(), len(lines)]:
        if i > start:
            yield Lines(lines.data, lines.offsets[start : i + 1], lines.unit, lines.positions[start:i])
        if i < len(lines):
            place = f"{lines.unit} {lines.positions[i]}"
            kept = bytes(lines.slice(i, i + 1))[:max_bytes]
            yield DeadLetter(where.path, place, too_long(int(lengths[i]), max_bytes), kept)
        start = i + 1
