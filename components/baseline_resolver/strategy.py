"""Resolver strategy for the baseline of an evaluation."""

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy

MODEL_KEY = "model"
BLESSING_KEY = "model_blessing"
CANDIDATE_KEY = "candidate"


class EarlierBlessedModelStrategy(resolver.ResolverStrategy):
    """Resolves the latest blessed model other than the candidate itself.

    TFX's own LatestBlessedModelStrategy would, once a model is blessed, make it its own baseline in an unchanged
    rerun; the Evaluator would then see a new input, miss the cache, and the same model would be pushed once more.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Picks from all models and blessings.

        Args:
            store: ML Metadata.
            input_dict: `model` and `model_blessing`, all there are; `candidate`, the model to be evaluated.

        Returns:
            The same keys: the baseline and its blessing, or empty lists where there is none; and the candidate.
        """
        candidates = input_dict[CANDIDATE_KEY]
        candidate_ids = {model.id for model in candidates}
        earlier = {
            MODEL_KEY: [model for model in input_dict[MODEL_KEY] if model.id not in candidate_ids],
            BLESSING_KEY: input_dict[BLESSING_KEY],
        }
        latest = latest_blessed_model_strategy.LatestBlessedModelStrategy()
        resolved = latest.resolve_artifacts(store, earlier) or {MODEL_KEY: [], BLESSING_KEY: []}
        return {**resolved, CANDIDATE_KEY: candidates}
