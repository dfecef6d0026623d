"""From lines to rows: parses many at once, and tells those apart that can't be parsed."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from components.impression_example_gen.readers.divide import divide
from components.impression_example_gen.readers.lines import FileRange, Lines, read_lines
from components.impression_example_gen.readers.opening import open_file, told_as_input_error
from components.impression_example_gen.rows import DeadLetter, Rows

# From the lines in a range of indices to a batch with a row for each; ValueError says why that is not possible.
Parse = Callable[[Lines, int, int], pa.RecordBatch]


def read_text(where: FileRange, max_bytes: int, skip_lines: int, parse: Parse) -> Iterator[Rows]:
    """Yields the rows of a text file, in order.

    Args:
        where: The file, or a part of it.
        max_bytes: Longer lines are dead letters.
        skip_lines: Header lines to leave out at the file's begin.
        parse: What makes rows of lines.

    Raises:
        InputError: The file can't be read, or not to its end.
    """
    with told_as_input_error(where.path), open_file(where.path) as file:
        to_skip = skip_lines if where.start == 0 else 0
        for lines in read_lines(file, where, max_bytes):
            if isinstance(lines, DeadLetter):
                yield Rows.none(where.path, dead=(lines,))
                continue
            start = min(to_skip, len(lines))
            to_skip -= start
            if start < len(lines):
                yield _rows(lines, start, where.path, parse)


def check_line_ends(text: bytes) -> None:
    """Refuses lines that a CSV parser would make several rows of.

    Raises:
        ValueError: There is a carriage return inside a line.
    """
    if text.count(b"\r") != text.count(b"\r\n"):
        raise ValueError("a line should end in a line feed. Received: a carriage return inside a line")


def _rows(lines: Lines, first: int, path: str, parse: Parse) -> Rows:
    batch, index, reasons = divide(len(lines) - first, lambda start, end: parse(lines, first + start, first + end))
    index += first
    raw = pa.array([lines.line(i) for i in index], pa.binary())
    dead = [
        DeadLetter(path, f"{lines.unit} {lines.positions[first + i]}", reason, lines.line(first + i))
        for i, reason in reasons.items()
    ]
    return Rows(batch, path, lines.unit, lines.positions[index], raw, dead)
