"""Flat files in the parts that they are read in."""

from pathlib import Path

import pytest
from apache_beam.io.filesystem import FileMetadata
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import IMPRESSIONS, LogFormat
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.sources import flat
from schema.errors import InputError

N = Column("n", schema_pb2.INT)
MIB = 1 << 20


def files(**sizes: int) -> list[FileMetadata]:
    return [FileMetadata(name.replace("_", "."), size) for name, size in sizes.items()]


def test_large_text_files_are_read_in_ranges_of_256_mib():
    assert flat.ranges(files(a_csv=0, b_csv=256 * MIB, c_csv=256 * MIB + 1, d_csv=600 * MIB), True) == [
        FileRange("a.csv"),
        FileRange("b.csv"),
        FileRange("c.csv", 0, 256 * MIB),
        FileRange("c.csv", 256 * MIB),
        FileRange("d.csv", 0, 256 * MIB),
        FileRange("d.csv", 256 * MIB, 512 * MIB),
        FileRange("d.csv", 512 * MIB),
    ]


@pytest.mark.parametrize(
    ("name", "is_text"), [("a_csv_gz", True), ("a_jsonl_bz2", True), ("a_parquet", False), ("a_tfrecord", False)]
)
def test_files_that_can_be_read_from_their_begin_alone_are_read_whole(name, is_text):
    assert flat.ranges(files(**{name: 600 * MIB}), is_text) == [FileRange(name.replace("_", "."))]


def read(path: Path, file_format: str, **log) -> list[tuple[str, int, object]]:
    """(unit, position, n) of all rows and (unit, position, reason) of all dead letters."""
    source = flat.FlatSource(file_format, LogFormat(format=file_format, **log), [N])
    metadata = FileMetadata(str(path), path.stat().st_size)
    source.check({IMPRESSIONS: [metadata]})
    found = []
    for where in flat.ranges([metadata], True):
        for rows in source.read(where):
            assert rows.file == str(path)
            cells = [int(cell) for cell in rows.batch["n"].to_pylist()] if rows.batch.num_rows else []
            found += [(rows.unit, int(at), n) for at, n in zip(rows.positions, cells, strict=True)]
            found += [(*letter.position.split(), letter.reason) for letter in rows.dead]
    return found


LINES = {
    "csv": [b"id,n\n", *(b"row %d,%d\r\n" % (i, i) for i in range(20)), b"last,20"],
    "jsonl": [b'{"n": %d, "x": "%s"}\n' % (i, b"y" * i) for i in range(20)],
}


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 11, 50, 100_000])
def test_every_row_is_in_one_range_and_positions_are_where_its_line_begins(tmp_path, monkeypatch, file_format, size):
    lines = LINES[file_format]
    path = tmp_path / f"log.{file_format}"
    path.write_bytes(b"".join(lines))
    monkeypatch.setattr(flat, "_RANGE_BYTES", size)
    found = read(path, file_format)
    header = file_format == "csv"
    assert [n for _, _, n in found] == list(range(len(lines) - header))
    data = path.read_bytes()
    for unit, position, n in found:
        line = n + header
        assert (position == line + 1) if unit == "line" else data[position:].startswith(lines[line])
    assert any(unit == "byte" for unit, _, _ in found) == (size < len(data))


def test_files_without_header_have_the_given_columns(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("x,1\ny,2\n")
    assert read(path, "csv", columns=["id", "n"]) == [("line", 1, 1), ("line", 2, 2)]


def test_check_names_the_file_and_what_it_lacks(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("id,m\n1,2\n")
    with pytest.raises(InputError) as error:
        read(path, "csv")
    assert str(error.value) == f"{path} should have a column `n`; it has none"
