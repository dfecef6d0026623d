"""Opening plain and compressed files, whole and broken ones."""

import bz2
import gzip
import zlib

import pyarrow as pa
import pytest

from components.impression_example_gen.readers.opening import is_compressed, open_file, told_as_input_error
from schema.errors import InputError

DATA = b"".join(b"%d,%d\n" % (i, i * 7919 % 1_000_003) for i in range(50_000))
PACKED = {"x.csv.gz": gzip.compress(DATA), "x.csv.bz2": bz2.compress(DATA)}


def read(path) -> bytes:
    with told_as_input_error(str(path)), open_file(str(path)) as file:
        parts = []
        while part := file.read(100_000):
            parts.append(bytes(part))
        return b"".join(parts)


def refusal(path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        read(path)
    message = str(error.value)
    assert message.startswith(f"{path} should be readable to its end. Received: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("path", "compressed"),
    [("a.csv", False), ("a.csv.gz", True), ("a.jsonl.bz2", True), ("a.gz.csv", False), ("a.gzip", False)],
)
def test_the_name_says_whether_a_file_is_compressed(path, compressed):
    assert is_compressed(path) is compressed


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", DATA),
        ("x.csv", PACKED["x.csv.gz"]),
        ("x.csv.gz", PACKED["x.csv.gz"]),
        ("x.csv.bz2", PACKED["x.csv.bz2"]),
    ],
)
def test_only_files_whose_name_says_so_are_decompressed(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    assert read(tmp_path / name) == (DATA if is_compressed(name) else data)


def test_a_gzip_file_of_several_members(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"a\n1\n") + gzip.compress(b"2\n"))
    assert read(tmp_path / "x.gz") == b"a\n1\n2\n"


@pytest.mark.parametrize("fraction", [0.9999, 0.5, 0.01])
@pytest.mark.parametrize("name", PACKED)
def test_a_compressed_file_that_breaks_off(tmp_path, name, fraction):
    refusal(tmp_path / name, PACKED[name][: int(len(PACKED[name]) * fraction)])


def test_a_gzip_file_cut_at_the_end_of_a_row(tmp_path):
    """All its rows can be read: only the missing end of the stream tells that there were more."""
    packer = zlib.compressobj(wbits=31)
    data = packer.compress(b"a,b\n1,2\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    assert zlib.decompressobj(wbits=31).decompress(data) == b"a,b\n1,2\n"
    refusal(tmp_path / "x.csv.gz", data)


@pytest.mark.parametrize("name", PACKED)
def test_a_damaged_compressed_file(tmp_path, name):
    data = bytearray(PACKED[name])
    data[len(data) // 2 : len(data) // 2 + 50] = b"\xff" * 50
    refusal(tmp_path / name, bytes(data))


def test_a_gzip_file_with_a_wrong_checksum(tmp_path):
    data = bytearray(PACKED["x.csv.gz"])
    data[-6] ^= 1
    refusal(tmp_path / "x.csv.gz", bytes(data))


@pytest.mark.parametrize("name", PACKED)
def test_a_plain_file_with_the_name_of_a_compressed_one(tmp_path, name):
    refusal(tmp_path / name, DATA)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=f"^{tmp_path}/none.csv should be readable to its end. Received: "):
        read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("line 1 should be x"), "log, line 1 should be x"),
        (pa.ArrowInvalid("two\nlines"), "log should be readable to its end. Received: two lines"),
        (OSError("gone"), "log should be readable to its end. Received: gone"),
        (EOFError("end"), "log should be readable to its end. Received: end"),
    ],
)
def test_errors_of_reading_get_the_name_of_the_file(error, message):
    with pytest.raises(InputError) as raised, told_as_input_error("log"):
        raise error
    assert str(raised.value) == message


def test_mistakes_of_the_program_stay_what_they_are():
    with pytest.raises(KeyError), told_as_input_error("log"):
        raise KeyError("x")
