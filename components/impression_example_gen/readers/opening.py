"""Opening files wherever they are, and naming them in what goes wrong."""

import contextlib
from collections.abc import Iterator
from typing import IO

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schema.errors import InputError

_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2"}


def is_compressed(path: str) -> bool:
    """Whether the file's name says that it is compressed as a whole."""
    return path.endswith(tuple(_COMPRESSIONS))


def open_file(path: str) -> IO[bytes]:
    """Opens a file for reading; decompresses it if its name ends in .gz or .bz2."""
    # Arrow decompresses, since Beam's own decompressor takes a file that breaks off for one that ends.
    file = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    compression = next((name for suffix, name in _COMPRESSIONS.items() if path.endswith(suffix)), None)
    return pa.CompressedInputStream(file, compression) if compression else file


@contextlib.contextmanager
def told_as_input_error(path: str) -> Iterator[None]:
    """Puts the file's name in front of what Arrow or the file system say of it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}, {error}") from None
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} should be readable to its end. Received: {reason}") from None
