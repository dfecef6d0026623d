"""Lines in blocks and ranges: each once, with its place, against Python's own splitting."""

import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.impression_example_gen.readers import lines
from components.impression_example_gen.readers.lines import FileRange, Lines
from components.impression_example_gen.rows import DeadLetter

BOM = b"\xef\xbb\xbf"

# Of each line its unit and position, its bytes without the line feed, and whether it is a dead letter.
Found = list[tuple[str, int, bytes, bool]]


def read(data: bytes, where: FileRange, max_bytes: int, block: int) -> Found:
    found: Found = []
    before = lines._BLOCK_BYTES
    lines._BLOCK_BYTES = block
    try:
        for part in lines.read_lines(io.BytesIO(data), where, max_bytes):
            if isinstance(part, DeadLetter):
                unit, position = part.position.split()
                assert part.file == where.path
                found.append((unit, int(position), part.raw, True))
            else:
                assert len(part) > 0
                assert len(part.offsets) == len(part.positions) + 1
                whole = [bytes(part.slice(i, i + 1)).removesuffix(b"\n") for i in range(len(part))]
                assert bytes(part.slice(0, len(part))) == b"".join(
                    bytes(part.slice(i, i + 1)) for i in range(len(part))
                )
                assert [part.line(i) for i in range(len(part))] == [line.removesuffix(b"\r") for line in whole]
                found += [(part.unit, int(at), line, False) for at, line in zip(part.positions, whole, strict=True)]
    finally:
        lines._BLOCK_BYTES = before
    return found


def split(data: bytes, first_end: int, max_bytes: int) -> Found:
    """What should come of ranges of which the first has `first_end` bytes."""
    expected: Found = []
    offset = len(BOM) if data.startswith(BOM) else 0
    for number, line in enumerate(io.BytesIO(data[offset:]), 1):
        place = ("line", number) if number == 1 or offset < first_end else ("byte", offset)
        long = len(line) > max_bytes
        expected.append((*place, line[:max_bytes] if long else line.removesuffix(b"\n"), long))
        offset += len(line)
    return expected


@settings(max_examples=600, deadline=None)
@given(
    data=st.lists(st.text("ab\r", max_size=20), max_size=12).map("\n".join).map(str.encode),
    bom=st.booleans(),
    cuts=st.lists(st.integers(0, 200), max_size=4),
    max_bytes=st.sampled_from([1, 2, 4, 10, 1000]),
    block=st.sampled_from([3, 4, 5, 8, 64, 4096]),
)
def test_the_lines_of_all_ranges_are_those_of_the_file_each_once_and_in_its_place(data, bom, cuts, max_bytes, block):
    data = BOM * bom + data
    edges = [0, *sorted({cut for cut in cuts if 3 < cut <= len(data)}), -1]
    found = [
        line
        for start, end in itertools.pairwise(edges)
        for line in read(data, FileRange("f", start, end), max_bytes, block)
    ]
    assert found == split(data, edges[1] if edges[1] >= 0 else len(data) + 1, max_bytes)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("cut", range(1, 15))
def test_a_range_that_begins_anywhere(cut, block):
    data = b"ab\n\nc\r\nlong-long\nz"
    found = [*read(data, FileRange("f", 0, cut), 100, block), *read(data, FileRange("f", cut), 100, block)]
    assert [line for _, _, line, _ in found] == [b"ab", b"", b"c\r", b"long-long", b"z"]
    begins = [0, 3, 4, 7, 17]
    assert [(unit, at) for unit, at, _, _ in found] == [
        ("line", i + 1) if begin < cut else ("byte", begin) for i, begin in enumerate(begins)
    ]


def test_a_line_longer_than_the_range_belongs_to_the_range_of_its_begin():
    data = b"a\n" + b"b" * 50 + b"\nc\n"
    assert read(data, FileRange("f", 0, 10), 100, 8) == [("line", 1, b"a", False), ("line", 2, b"b" * 50, False)]
    assert read(data, FileRange("f", 10, 30), 100, 8) == []
    assert read(data, FileRange("f", 30), 100, 8) == [("byte", 53, b"c", False)]


def test_positions_count_lines_from_1_and_bytes_from_0():
    (part,) = lines.read_lines(io.BytesIO(b"ab\ncd\nef\n"), FileRange("f"), 100)
    assert isinstance(part, Lines)
    assert (part.unit, part.positions.tolist(), part.offsets.tolist()) == ("line", [1, 2, 3], [0, 3, 6, 9])
    (part,) = lines.read_lines(io.BytesIO(b"ab\ncd\nef\n"), FileRange("f", 3), 100)
    assert isinstance(part, Lines)
    assert (part.unit, part.positions.tolist()) == ("byte", [3, 6])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (BOM, []),
        (b"\n", [b""]),
        (b"\n\n", [b"", b""]),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\rb\n", [b"a\rb"]),
        (BOM + b"a\n" + BOM + b"b\n", [b"a", BOM + b"b"]),
        (b"\0\n\x85\x0b\x0c\x1c\n\xe2\x80\xa8\n", [b"\0", b"\x85\x0b\x0c\x1c", b"\xe2\x80\xa8"]),
    ],
)
def test_line_feeds_alone_end_lines(data, expected):
    parts = list(lines.read_lines(io.BytesIO(data), FileRange("f"), 100))
    assert [part.line(i) for part in parts for i in range(len(part))] == expected


def test_the_limit_counts_the_line_break_and_the_letter_has_the_cut_bytes_and_the_whole_length():
    data = b"1234567\n12345678\n1234567\r\nabcdefghijkl"
    fits, *rest = lines.read_lines(io.BytesIO(data), FileRange("log.csv"), 8)
    assert isinstance(fits, Lines)
    assert fits.line(0) == b"1234567"

    def letter(line: int, length: int, raw: bytes) -> DeadLetter:
        reason = (
            "a record should have at most 8 bytes (`data.log.max_record_bytes`). "
            f"Received: {length} bytes, of which the first are kept here"
        )
        return DeadLetter("log.csv", f"line {line}", reason, raw)

    assert rest == [letter(2, 9, b"12345678"), letter(3, 9, b"1234567\r"), letter(4, 12, b"abcdefgh")]


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_of_many_blocks_that_is_too_long_is_read_block_by_block(end, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 1024)
    largest = 0

    class Watched(io.BytesIO):
        def read(self, size=-1):
            nonlocal largest
            largest = max(largest, size)
            return super().read(size)

    data = b"a\n" + b"x" * 100_000 + end
    first, long = lines.read_lines(Watched(data), FileRange("f"), 10)
    assert first.line(0) == b"a"
    assert isinstance(long, DeadLetter)
    assert (long.position, long.raw) == ("line 2", b"x" * 10)
    assert f"Received: {100_000 + len(end)} bytes" in long.reason
    assert largest == 1024


def test_a_long_line_that_a_range_begins_in_is_told_by_the_range_before_alone():
    data = b"x" * 50 + b"\nb\n"
    assert read(data, FileRange("f", 0, 20), 10, 8) == [("line", 1, b"x" * 10, True)]
    assert read(data, FileRange("f", 20), 10, 8) == [("byte", 51, b"b", False)]


def test_a_byte_order_mark_is_no_part_of_the_first_line_nor_of_its_length():
    assert read(BOM + b"1234\n", FileRange("f"), 5, 4096) == [("line", 1, b"1234", False)]
