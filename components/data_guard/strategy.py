"""Resolver strategy for the statistics that drift is measured from."""

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common import resolver

from components.data_guard import accepted

CURRENT_KEY = "current"
ACCEPTED_KEY = "accepted"


class EarlierAcceptedStrategy(resolver.ResolverStrategy):
    """Resolves the latest accepted statistics of other data than the current.

    Refused statistics are never accepted ones, so data that drifted is refused again when the run is repeated. Those of
    the current data itself, accepted by an earlier run, are passed over: the data would be compared with itself, and an
    unchanged rerun would see a new input and miss the cache.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Picks from all statistics.

        Args:
            store: ML Metadata.
            input_dict: `accepted`, all statistics there are, accepted or not; `current`, those to be guarded.

        Returns:
            The same keys: the accepted statistics, or an empty list where there are none; and the current ones.
        """
        current = input_dict[CURRENT_KEY]
        digests = {accepted.digest(statistics) for statistics in current}
        earlier = [
            statistics
            for statistics in input_dict[ACCEPTED_KEY]
            if statistics.get_string_custom_property(accepted.DIGEST_PROPERTY) not in {"", *digests}
        ]
        latest = max(earlier, key=lambda statistics: statistics.id, default=None)
        return {ACCEPTED_KEY: [latest] if latest else [], CURRENT_KEY: current}
