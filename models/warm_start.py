"""Training that begins with what an earlier model learned."""

import logging
import os

import numpy as np
import tensorflow as tf

from models import carried_ids, exported_shape, signatures
from models.conversion_model import ConversionModel, Priors
from models.embeddings import FusedEmbedding
from models.network import Network, Shape
from models.places import Places, carry_over, joined
from models.registry import make_model
from models.settings import ModelSettings
from models.warm_start_report import WarmStartReport
from schema.errors import InputError
from schema.fields import Field

_LOGGER = logging.getLogger(__name__)

# Of models whose initial values nobody looks at.
_ANY_PRIORS = Priors(0.5, 0.5)
_ONE_MORE = Field(name="one more", entity="context", encoding="log")


def earlier_shape(directory: str, settings: ModelSettings) -> Shape:
    """The shape of an earlier model, if its layers are those of the new one.

    Args:
        directory: Of its SavedModel.
        settings: Of the new model.

    Raises:
        InputError: It tells no shape, or has other layers.
    """
    try:
        shape = exported_shape.read(directory)
    except InputError as error:
        raise InputError(f"{error}; train from scratch: train.warm_start=none") from None
    earlier = _layers(shape.settings)
    for key, value in _layers(settings).items():
        if value != earlier[key]:
            raise InputError(
                f"`model.{key}` should stay {earlier[key]} while training begins with {directory}. Received: {value}; "
                "train from scratch: train.warm_start=none"
            )
    return shape


class WarmStart:
    """What an earlier model learned, for a new one to begin with.

    Rows of the embedding are carried over by token, see `carried_ids.same_ids`; what the towers' input is multiplied by
    is, field by field; and all other variables are as they were. Tokens and fields that the earlier model did not have
    keep their initial values. The optimizers' moments start at zero.

    Attributes:
        report: How much is carried over.
    """

    def __init__(self, directory: str, shape: Shape, vocabularies: str):
        """Args:
        directory: Of the earlier model's SavedModel.
        shape: Of the new model.
        vocabularies: Directory of the new model's vocabularies.

        Raises:
            InputError: See `earlier_shape`.
        """
        self._directory = directory
        self._shape = shape
        self._earlier = earlier_shape(directory, shape.settings)
        ids = carried_ids.read_ids(shape, vocabularies)
        earlier = carried_ids.read_ids(self._earlier, os.path.join(directory, tf.saved_model.ASSETS_DIRECTORY))
        self._same = carried_ids.same_ids(ids, earlier)
        self.report = WarmStartReport(earlier=directory, fields=carried_ids.counts(ids, earlier, self._same))
        _LOGGER.info("warm start: %s", self.report.model_dump_json())

    def apply(self, model: ConversionModel) -> None:
        """Gives the model, which has the shape, its values."""
        model.make_variables()
        earlier = _untrained(self._earlier)
        signatures.restore(earlier, self._directory)
        # A variable follows the towers' input along the axes that grow with it.
        rows = dict.fromkeys(self._shape.rows, 1)
        wider = _untrained(Shape((*self._shape.fields, _ONE_MORE), rows, self._shape.settings))
        for new, old, wide in zip(model.networks, earlier.networks, wider.networks, strict=True):
            self._carry_embedding(new.embedding, old.embedding)
            inputs = self._same_inputs(new, old)
            for variable, values, grown in zip(_above(new), _above(old), _above(wide), strict=True):
                follows = [axis for axis, size in enumerate(variable.shape) if size != grown.shape[axis]]
                carry_over(variable, values, dict.fromkeys(follows, inputs))

    def _carry_embedding(self, new: FusedEmbedding, old: FusedEmbedding) -> None:
        rows = [
            Places(new.first_rows[name] + ids.new, old.first_rows[name] + ids.earlier)
            for name, ids in self._same.items()
        ]
        carry_over(new.table, old.all_vectors(), {0: joined(rows)})
        for name in new.attentions.keys() & old.attentions.keys():
            for variable, values in zip(new.attentions[name].weights, old.attentions[name].weights, strict=True):
                carry_over(variable, values, {})

    def _same_inputs(self, new: Network, old: Network) -> Places:
        earlier = {field.name: field for field in self._earlier.fields}
        same = [f.name for f in self._shape.fields if f.name in earlier and carried_ids.is_same(f, earlier[f.name])]
        return joined(Places(np.array(new.inputs[name]), np.array(old.inputs[name])) for name in same)


def _layers(settings: ModelSettings) -> dict[str, object]:
    """What a network's layers follow from, beside the fields; by key."""
    layers = {key: getattr(settings, key) for key in ("name", "tower", "embedding_dim", "hidden_units", "stages")}
    layers["mlp.batch_norm"] = settings.mlp.batch_norm
    if settings.tower != "mlp":
        of_tower = getattr(settings, settings.tower).model_dump()
        layers |= {f"{settings.tower}.{key}": value for key, value in of_tower.items()}
    return layers


def _untrained(shape: Shape) -> ConversionModel:
    model = make_model(shape, _ANY_PRIORS)
    model.make_variables()
    return model


def _above(network: Network) -> list[tf.Variable]:
    """The variables above the embedding."""
    embedding = {variable.ref() for variable in network.embedding.weights}
    return [variable for variable in network.weights if variable.ref() not in embedding]
