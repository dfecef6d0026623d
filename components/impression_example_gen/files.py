"""Finding the files of each split, before and during the run alike."""

import hashlib
from collections.abc import Mapping, Sequence

from apache_beam.io.filesystem import BeamIOError, FileMetadata
from apache_beam.io.filesystems import FileSystems

from schema.errors import InputError


def match_splits(base: str, splits: Mapping[str, Sequence[str]]) -> dict[str, list[FileMetadata]]:
    """Files of each split, sorted by path.

    Args:
        base: Directory (local path or a URI that Beam can read) that the patterns start from.
        splits: File patterns by name of the split.

    Raises:
        InputError: A pattern matches no file, or two patterns match the same file.
    """
    owner: dict[str, str] = {}
    files: dict[str, list[FileMetadata]] = {}
    for split, patterns in splits.items():
        files[split] = []
        for pattern in patterns:
            found = _match(base, pattern)
            if not found:
                raise InputError(
                    f"`data.splits.{split}` should match files in {base}. Received: {pattern}, which matches none"
                )
            for file in found:
                if file.path in owner:
                    raise InputError(
                        f"each file should belong to one pattern of one split. Received: {file.path}, "
                        f"matched in {owner[file.path]} and again in {split}"
                    )
                owner[file.path] = split
                files[split].append(file)
        files[split].sort(key=lambda file: file.path)
    return files


def _match(base: str, pattern: str) -> list[FileMetadata]:
    try:
        return FileSystems.match([FileSystems.join(base, pattern)])[0].metadata_list
    except (BeamIOError, ValueError) as error:  # ValueError: a scheme that Beam has no file system for
        raise InputError(f"`data.base` should be readable. Received: {base}; {error}") from None


def fingerprint(files: Mapping[str, Sequence[FileMetadata]]) -> str:
    """Changes when a file of a split is added, removed, replaced or rewritten (by path, size and time)."""
    digest = hashlib.sha256()
    for split in sorted(files):
        for file in files[split]:
            digest.update(f"{split}\0{file.path}\0{file.size_in_bytes}\0{file.last_updated_in_seconds}\n".encode())
    return digest.hexdigest()
