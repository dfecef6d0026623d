"""What the last Transform of a root's runs made, and by which code."""

from pipeline import lineage, metadata_store
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
        InputError: There is none, or the metadata's database can't be used.
    """
    # Asked first, because a connection would make the file.
    if root.has_metadata and (found := lineage.newest_finished(metadata_store.of_root(root), "PackedTransform")):
        return found
    raise root.no_transform()
