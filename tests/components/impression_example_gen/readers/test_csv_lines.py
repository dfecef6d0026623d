"""CSV, line by line: Python's csv module says what a good line holds, and a bad one costs itself alone."""

import bz2
import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column
from components.impression_example_gen.readers import csv_lines, lines
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.rows import DeadLetter
from schema.errors import InputError

A = Column("a", schema_pb2.INT)
B = Column("b", schema_pb2.BYTES)

OPEN_QUOTE = "a quoted value should end on the line where it begins. Received: a quote left open"
CARRIAGE_RETURN = "a line should end in a line feed. Received: a carriage return inside a line"
EMPTY = "a line should hold a record. Received: an empty line"


def wrong_count(count: int, of: int = 2) -> str:
    return f"a line should have {of} columns. Received: {count}"


def write(tmp_path: Path, data: bytes | str, name: str = "x.csv") -> str:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def read(
    path: str, columns=(A, B), names=None, max_bytes: int = 1 << 20, where=None
) -> tuple[dict[str, dict], list[DeadLetter]]:
    """Rows by position, and the dead letters."""
    header = names or csv_lines.header(path, max_bytes)
    rows, dead = {}, []
    for part in csv_lines.read_csv(where or FileRange(path), columns, header, not names, max_bytes):
        dead += part.dead
        assert part.file == path
        cells = part.batch.to_pylist()
        assert len(cells) == len(part.positions) == (len(part.raw) if cells else 0)
        rows |= {f"{part.unit} {at}": row for at, row in zip(part.positions, cells, strict=True)}
    return rows, dead


def values(path: str, **options) -> list[tuple]:
    rows, dead = read(path, **options)
    assert dead == []
    return [tuple(row.values()) for row in rows.values()]


# --- Good lines.


def test_cells_are_the_bytes_of_the_file_and_empty_ones_are_missing(tmp_path):
    path = write(tmp_path, 'b,c,a\n x ,1,2\n,,\n"",1,"3"\nNULL,1,NA\nnan,1,"a|b"\n')
    assert values(path) == [(b"2", b" x "), (None, None), (b"3", None), (b"NA", b"NULL"), (b"a|b", b"nan")]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('"x"', b"x"),
        ('"x,y"', b"x,y"),
        ('"say ""hi"""', b'say "hi"'),
        ('""""', b'"'),
        ('"a|b"', b"a|b"),
        ('x"y', b'x"y'),
        ("x'y", b"x'y"),
        ("\\", b"\\"),
        ("#x", b"#x"),
        ("\t", b"\t"),
    ],
)
def test_quotes(tmp_path, cell, value):
    assert values(write(tmp_path, f"a,b\n1,{cell}\n{cell},2\n")) == [(b"1", value), (value, b"2")]
    assert next(csv.reader([cell])) == [value.decode()]


def test_nul_and_bytes_that_are_no_utf_8_are_kept(tmp_path):
    path = write(tmp_path, b"a,b\n1,x\0y\n2,\xff\xfe\n3,K\xf6ln\n4,K\xc3\xb6ln\n")
    assert [row[1] for row in values(path)] == [b"x\0y", b"\xff\xfe", b"K\xf6ln", "Köln".encode()]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_line_ends_byte_order_mark_and_no_final_newline(tmp_path, newline, end, bom):
    path = write(tmp_path, bom + b"a,b" + newline + b"1,x" + newline + b"2,y" + end)
    assert read(path) == ({"line 2": {"a": b"1", "b": b"x"}, "line 3": {"a": b"2", "b": b"y"}}, [])


def test_a_byte_order_mark_inside_a_file_is_part_of_its_value_wherever_it_stands(tmp_path):
    """As in files that were put together with `cat`."""
    mark = b"\xef\xbb\xbf"
    path = write(tmp_path, b"a,b\n" + mark + b"1,x\n" + mark + b"2,y\n")
    assert values(path) == [(mark + b"1", b"x"), (mark + b"2", b"y")]


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_compressed_files(tmp_path, ending, pack):
    path = write(tmp_path, pack(b'a,b\n1,"x,y"\n2\n'), f"x.csv.{ending}")
    rows, dead = read(path)
    assert rows == {"line 2": {"a": b"1", "b": b"x,y"}}
    assert dead == [DeadLetter(path, "line 3", wrong_count(1), b"2")]


def test_given_columns_stand_for_a_header(tmp_path):
    path = write(tmp_path, "1,x\n2,y\n")
    rows, _ = read(path, names=("a", "b"))
    assert rows == {"line 1": {"a": b"1", "b": b"x"}, "line 2": {"a": b"2", "b": b"y"}}


@pytest.mark.parametrize("data", ["a,b", "a,b\n", "\ufeffa,b\r\n"])
def test_a_header_alone(tmp_path, data):
    assert read(write(tmp_path, data)) == ({}, [])


def test_columns_come_in_the_order_asked_for_and_others_not_at_all(tmp_path):
    path = write(tmp_path, "x,b,a,x\n1,2,3,4\n")
    assert values(path, columns=(B, A)) == [(b"2", b"3")]
    assert values(path, columns=(A,)) == [(b"3",)]


def test_a_column_that_the_file_lacks_is_left_out(tmp_path):
    assert values(write(tmp_path, "b,c\n1,2\n")) == [(b"1",)]


def test_many_lines_in_several_blocks_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 1000)
    path = write(tmp_path, "a,b\n" + "".join(f"{i},{-i}\n" for i in range(2_000)))
    rows, dead = read(path)
    assert dead == []
    assert list(rows.values()) == [{"a": b"%d" % i, "b": b"%d" % -i} for i in range(2_000)]
    assert list(rows) == [f"line {i + 2}" for i in range(2_000)]


def test_ranges_share_the_lines_and_the_header_is_no_record(tmp_path):
    data = "a,b\n" + "".join(f"{i},{i}\n" for i in range(100))
    path = write(tmp_path, data)
    for cut in (1, 3, 4, 5, 200, len(data) - 1):
        found = []
        for where in (FileRange(path, 0, cut), FileRange(path, cut)):
            rows, dead = read(path, where=where)
            found += [row["a"] for row in rows.values()]
            assert dead == []
            assert {place.split()[0] for place in rows} <= {"line" if where.start == 0 else "byte"}
        assert found == [b"%d" % i for i in range(100)]


# --- Bad lines.


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", EMPTY),
        (b"3", wrong_count(1)),
        (b"3,4,5", wrong_count(3)),
        (b",,", wrong_count(3)),
        (b'3,"x', OPEN_QUOTE),
        (b'3,"', OPEN_QUOTE),
        (b'"3,x', wrong_count(1)),
        (b'3,"x""', OPEN_QUOTE),
        (b"3,x\ry", CARRIAGE_RETURN),
        (b"\r3,x", CARRIAGE_RETURN),
        (b'3,"x\r', {b"\n": OPEN_QUOTE, b"\r\n": CARRIAGE_RETURN}),
        (b'3,"x\ry"', CARRIAGE_RETURN),
        (b"\0", wrong_count(1)),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_bad_line_costs_itself_alone(tmp_path, line, reason, end):
    good = [b"1,x", b'2,"y"', b"5,z", b'"6","w"']
    path = write(tmp_path, end.join([b"a,b", *good[:2], line, *good[2:]]) + end)
    rows, (letter,) = read(path)
    assert {place: row["a"] for place, row in rows.items()} == {
        "line 2": b"1",
        "line 3": b"2",
        "line 5": b"5",
        "line 6": b"6",
    }
    assert [row["b"] for row in rows.values()] == [b"x", b"y", b"z", b"w"]
    assert letter.position == "line 4"
    assert letter.file == path
    assert letter.reason == (reason[end] if isinstance(reason, dict) else reason)
    assert letter.raw == (line.removesuffix(b"\r") if end == b"\n" else line)


def test_two_open_quotes_do_not_make_one_record_of_their_lines(tmp_path):
    path = write(tmp_path, b'a,b\n1,"x\n2,y"\n3,z\n4,"p\n5,q\n6",r\n')
    rows, dead = read(path)
    assert list(rows) == ["line 3", "line 4", "line 6", "line 7"]
    assert [tuple(row.values()) for row in rows.values()] == [(b"2", b'y"'), (b"3", b"z"), (b"5", b"q"), (b'6"', b"r")]
    assert dead == [
        DeadLetter(path, "line 2", OPEN_QUOTE, b'1,"x'),
        DeadLetter(path, "line 5", OPEN_QUOTE, b'4,"p'),
    ]


def test_an_open_quote_on_the_last_line(tmp_path):
    path = write(tmp_path, b'a,b\n1,x\n2,"y')
    rows, dead = read(path)
    assert list(rows) == ["line 2"]
    assert dead == [DeadLetter(path, "line 3", OPEN_QUOTE, b'2,"y')]


def test_a_long_line_is_cut_and_its_neighbours_stay(tmp_path):
    path = write(tmp_path, b"a,b\n1,x\n2," + b"y" * 20 + b"\n3,z\n")
    rows, (letter,) = read(path, max_bytes=10)
    assert [row["a"] for row in rows.values()] == [b"1", b"3"]
    assert (letter.position, letter.raw) == ("line 3", b"2,yyyyyyyy")
    assert letter.reason == (
        "a record should have at most 10 bytes (`data.log.max_record_bytes`). "
        "Received: 23 bytes, of which the first are kept here"
    )


def test_a_file_of_one_column(tmp_path):
    path = write(tmp_path, 'a\n1\n\n""\n2,3\n4')
    rows, dead = read(path, columns=(A,))
    assert rows == {"line 2": {"a": b"1"}, "line 4": {"a": None}, "line 6": {"a": b"4"}}
    assert [(letter.position, letter.reason) for letter in dead] == [("line 3", EMPTY), ("line 5", wrong_count(2, 1))]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.sampled_from('ab1,"\r\0é '), max_size=8), min_size=1, max_size=10), st.booleans())
def test_a_line_comes_to_the_same_whatever_its_neighbours(tmp_path_factory, texts, final):
    """Lines without quotes are good if they have one comma and no carriage return inside."""
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    data = "\n".join(texts).encode() + b"\n" * (final or not texts[-1])
    path.write_bytes(data)
    rows, dead = read(str(path), names=("a", "b"))
    letters = {letter.position: letter for letter in dead}
    found = io.BytesIO(data).readlines()
    assert sorted([*rows, *letters]) == sorted(f"line {i + 1}" for i in range(len(found)))
    for i, line in enumerate(found, 1):
        place, text = f"line {i}", line.removesuffix(b"\n").removesuffix(b"\r")
        path.write_bytes(line)
        alone, letter = read(str(path), names=("a", "b"))
        if place in rows:
            assert alone == {"line 1": rows[place]}
        else:
            assert [(one.reason, one.raw) for one in letter] == [(letters[place].reason, text)]
            assert letters[place].raw == text
        if b'"' not in text:
            assert (place in rows) == (text.count(b",") == 1 and line.count(b"\r") == line.count(b"\r\n"))
            assert place in letters or [cell or b"" for cell in rows[place].values()] == text.split(b",")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.text(st.sampled_from('ab1,"é ;|'), min_size=1, max_size=8)] * 2), min_size=1))
def test_what_pythons_csv_module_writes_is_read_as_it_was(tmp_path_factory, table):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("a", "b"), *table])
    path = write(tmp_path_factory.mktemp("csv"), text.getvalue())
    assert values(path) == [tuple(cell.encode() for cell in row) for row in table]


# --- Headers.


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ("a,b\n1,2\n", ["a", "b"]),
        ("\ufeffa,b\r\n", ["a", "b"]),
        ('"a,b","c ""d"""\n', ["a,b", 'c "d"']),
        ("größe, b\n", ["größe", " b"]),
        ("a,a,\n", ["a", "a", ""]),
        ("\n1\n", []),
    ],
)
def test_header(tmp_path, data, names):
    assert csv_lines.header(write(tmp_path, data), 1000) == names


def test_a_file_without_a_header(tmp_path):
    path = write(tmp_path, "")
    with pytest.raises(InputError) as error:
        csv_lines.header(path, 1000)
    assert str(error.value) == (f"{path}, line 1 should be a header with the columns' names. Received: an empty file")


def test_a_header_that_is_too_long(tmp_path):
    path = write(tmp_path, "a" * 50)
    with pytest.raises(
        InputError, match=r"^[^,]*, line 1 should be a header with the columns' names. Received: .*50 by"
    ):
        csv_lines.header(path, 20)


def test_a_header_that_is_not_utf_8(tmp_path):
    path = write(tmp_path, "user,größe\n1,2\n".encode("latin-1"))
    with pytest.raises(InputError, match=f"^{path} should be readable to its end. Received: 'utf-8' codec"):
        csv_lines.header(path, 1000)


@pytest.mark.parametrize("data", [b"a,b\r1,x\r2,y\r", b"a" * 140_000 + b",b\n", b'"' + b"a" * 140_000 + b'"\n'])
def test_a_header_that_cant_be_taken_apart_is_told_as_input_error(tmp_path, data):
    """Carriage returns alone as line ends, as of old Macs; a name beyond what Python's csv module takes."""
    path = write(tmp_path, data)
    with pytest.raises(InputError, match=f"^{path}"):
        csv_lines.header(path, 1 << 20)


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_gzip_file_is_told_by_name_after_its_first_rows(tmp_path, kept):
    data = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * 7919 % 99991) for i in range(20_000)))
    path = write(tmp_path, data[: int(len(data) * kept)], "x.csv.gz")
    with pytest.raises(InputError, match=f"^{path} should be readable to its end. Received: "):
        read(path)
