"""Finding the files of each split, before and during the run alike."""

import hashlib
from collections.abc import Mapping, Sequence

from apache_beam.io.filesystem import BeamIOError, FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from components.impression_example_gen import stores
from components.impression_example_gen.log_format import CLICKS, CONVERSIONS
from schema import contract
from schema.errors import InputError

# File patterns, or files, by split and role; the roles are those of `LogFormat.roles`.
Patterns = Mapping[str, Mapping[str, Sequence[str]]]
Files = Mapping[str, Mapping[str, Sequence[FileMetadata]]]

# Events may come days after their impression, so the same file may belong to several splits.
_SHARED_ROLES = (CLICKS, CONVERSIONS)


def match_splits(base: str, splits: Patterns, beam_args: Sequence[str]) -> dict[str, dict[str, list[FileMetadata]]]:
    """Files of each split and role, sorted by path.

    Args:
        base: Directory (local path or a URI that Beam can read) that the patterns start from.
        splits: File patterns by name of the split, and by role. Another name than those of the contract's splits says
            where the patterns were given.
        beam_args: Options of Beam, which some of its file systems need even to look for files.

    Raises:
        InputError: Beam can't read there, a pattern matches no file, or two patterns match the same file.
    """
    FileSystems.set_options(PipelineOptions(list(beam_args)))
    owner: dict[str, str] = {}
    files: dict[str, dict[str, list[FileMetadata]]] = {}
    for split, roles in splits.items():
        files[split] = {}
        for role, patterns in roles.items():
            where = split if len(roles) == 1 else f"{split}.{role}"
            found: dict[str, FileMetadata] = {}
            for pattern in patterns:
                stores.check("`data.base`" if base else _key(where), base or pattern)
                matched = _match(base, pattern)
                if not matched:
                    raise InputError(
                        f"{_key(where)} should match files in {base or 'the working directory'}. "
                        f"Received: {pattern}, which matches none"
                    )
                for file in matched:
                    earlier = where if file.path in found else owner.get(file.path)
                    if earlier:
                        raise InputError(
                            f"each file should belong to one pattern of one split. Received: {file.path}, "
                            f"matched in {earlier} and again in {where}"
                        )
                    found[file.path] = file
                    if role not in _SHARED_ROLES:
                        owner[file.path] = where
            files[split][role] = [found[path] for path in sorted(found)]
    return files


def _key(where: str) -> str:
    """Where the patterns of a split, or of a role in it, are given."""
    split = where.partition(".")[0]
    if split == contract.SERVING_SPLIT:
        return "`data.serving_sample.files`"
    return f"`data.splits.{where}`" if split in contract.LABELLED_SPLITS else where


def _match(base: str, pattern: str) -> list[FileMetadata]:
    try:
        found = FileSystems.match([FileSystems.join(base, pattern)])[0].metadata_list
    except (BeamIOError, ValueError) as error:  # ValueError: no address of its scheme
        raise InputError(f"`data.base` should be readable. Received: {base}; {error}") from None
    # Object stores have empty objects that mark directories.
    return [file for file in found if not file.path.endswith("/")]


def fingerprint(files: Files) -> str:
    """Changes when a file is added, removed, replaced or rewritten (by split, role, path, size and time)."""
    digest = hashlib.sha256()
    for split in sorted(files):
        for role in sorted(files[split]):
            for file in files[split][role]:
                facts = (split, role, file.path, file.size_in_bytes, file.last_updated_in_seconds)
                digest.update("\0".join(map(str, facts)).encode() + b"\n")
    return digest.hexdigest()
