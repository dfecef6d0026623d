"""The frame of a record in a TFRecord file."""

import struct

import google_crc32c

LENGTH = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")


def frame(record: bytes) -> bytes:
    """A record as it stands in a file, with length and checksums."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, CHECKSUM.pack(masked(length)), record, CHECKSUM.pack(masked(record))))


def masked(data: bytes) -> int:
    """The checksum of bytes as it stands in a file."""
    checksum = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
