"""The frame of a record in a TFRecord file."""

import functools
import struct

import google_crc32c

LENGTH = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")


def frame(record: bytes) -> bytes:
    """A record as it stands in a file, with length and checksums."""
    return b"".join((_head(len(record)), record, CHECKSUM.pack(masked(record))))


@functools.lru_cache(maxsize=1 << 16)
def _head(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + CHECKSUM.pack(masked(packed))


def masked(data: bytes) -> int:
    """The checksum of bytes as it stands in a file."""
    checksum = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
