"""Which stores Beam can read with what is installed."""

from importlib.util import find_spec

from apache_beam.io.filesystem import FileSystem
from apache_beam.io.filesystems import FileSystems

from schema.errors import InputError

# Modules without which Beam knows the scheme, too, and fails when it is asked for a file.
_NEEDS = {"s3": "boto3", "azfs": "azure", "hdfs": "hdfs"}


def schemes() -> set[str]:
    """As in `gs`. A path has none."""
    known = {system.scheme() for system in FileSystem.get_all_subclasses()}
    return {scheme for scheme in known if scheme and find_spec(_NEEDS.get(scheme, "apache_beam"))}


def check(key: str, address: str) -> None:
    """Checks that Beam can read there.

    Args:
        key: Where it was given, as it is written in a message.
        address: A path or a URI.

    Raises:
        InputError: Beam has no file system for the scheme.
    """
    scheme = FileSystems.get_scheme(address)
    if scheme and scheme not in schemes():
        known = ", ".join(f"{known}://" for known in sorted(schemes()))
        needs = f", which needs the module {_NEEDS[scheme]}" if scheme in _NEEDS else ""
        raise InputError(f"{key} should be a path or in {known}. Received: {address}{needs}")
