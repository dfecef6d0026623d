"""What the last Transform of a root's runs made, and by which code."""

from tfx.orchestration import metadata

from pipeline import lineage
from pipeline.fingerprint import code_fingerprint
from pipeline.root import Root


def transform_fingerprint() -> str:
    """Of the code that Transform runs."""
    return code_fingerprint("components.packed_transform.executor", "models.preprocessing")


def newest_transform(root: Root) -> lineage.Finished:
    """The newest Transform that finished.

    Args:
        root: Of runs.

    Raises:
        InputError: There is none.
    """
    # Asked first, because a connection would make the file.
    if root.metadata.is_file():
        connection = metadata.sqlite_metadata_connection_config(str(root.metadata))
        if found := lineage.newest_finished(connection, "PackedTransform"):
            return found
    raise root.no_transform()
