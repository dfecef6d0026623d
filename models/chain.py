"""A chain of any number of stages, of which ESMM is the case of two."""

from collections.abc import Mapping

import tensorflow as tf

from models import objectives
from models.conversion_model import ConversionModel, Logits, Priors, cumulative_labels
from models.network import Network, Shape
from models.reductions import batch_mean
from schema import contract


class ChainModel(ConversionModel):
    """A tower for each stage's probability, given the stages before it, on one embedding.

    The probability that a stage is reached is the product of the towers' up to it. The loss is the sum of its
    cross-entropies over all impressions, one for each stage: equation 4 of Ma et al., SIGIR 2018, for more than two.
    pCTR is the first stage's, pCTCVR the product of all, and pCVR that of all but the first; a conversion
    that comes without one of the stages is none.
    """

    def __init__(self, shape: Shape, priors: Priors):
        stages = shape.settings.stages
        # How often the stages between are reached is not counted: all of them take an equal part.
        later = priors.conversion ** (1 / (len(stages) - 1))
        towers = dict.fromkeys(stages, later) | {stages[0]: priors.click}
        super().__init__(Network(shape, towers, name="chain"), terms=[f"{stage}_loss" for stage in stages])
        self._stages = stages

    def labels(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        return cumulative_labels(inputs, self._stages)

    def probabilities(self, logits: Logits) -> dict[str, tf.Tensor]:
        first, *others = (tf.sigmoid(logits[stage]) for stage in self._stages)
        pcvr = tf.reduce_prod(tf.stack(others), axis=0)
        return {contract.PCTR: first, contract.PCVR: pcvr, contract.PCTCVR: first * pcvr}

    def terms(self, logits: Logits, /, *labels: tf.Tensor) -> dict[str, tf.Tensor]:
        ordered = [logits[stage] for stage in self._stages]
        terms = {}
        for place, (name, label) in enumerate(zip(self.term_names, labels, strict=True), 1):
            reached = objectives.product_logit(ordered[:place])
            terms[name] = batch_mean(objectives.cross_entropy(reached, label))
        return terms
