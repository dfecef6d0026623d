"""Accepted statistics: how they are made, and known from others and from those of other data."""

import hashlib

from tfx import types
from tfx.components.statistics_gen.stats_artifact_utils import load_statistics
from tfx.types import artifact_utils
from tfx.utils import io_utils

from schema import contract

# Custom property of accepted statistics: the digest of the data that they are of.
DIGEST_PROPERTY = "statistics_digest"


def digest(statistics: types.Artifact) -> str:
    """SHA-256 over the statistics of the train and the eval split: the same for the same data, whoever made them."""
    sha = hashlib.sha256()
    for split in contract.LABELLED_SPLITS:
        sha.update(load_statistics(statistics, split).proto().SerializeToString(deterministic=True))
    return sha.hexdigest()


def publish(statistics: types.Artifact, output: types.Artifact) -> None:
    """Copies statistics, all splits, to an artifact of accepted ones."""
    output.split_names = statistics.split_names
    output.span = statistics.span
    for split in artifact_utils.decode_split_names(statistics.split_names):
        source, target = (artifact_utils.get_split_uri([artifact], split) for artifact in (statistics, output))
        io_utils.copy_dir(source, target)
    output.set_string_custom_property(DIGEST_PROPERTY, digest(statistics))
