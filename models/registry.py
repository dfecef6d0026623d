"""The models by the name that `model.name` chooses one by."""

from collections.abc import Callable, Mapping

from models.aman import AmanModel
from models.base import BaseModel
from models.chain import ChainModel
from models.conversion_model import ConversionModel, Priors
from models.division import DivisionModel
from models.escm2 import Escm2DrModel, Escm2IpwModel
from models.esmm import EsmmModel
from models.esmm_ns import EsmmNsModel
from models.network import Shape
from models.oversampling import OversamplingModel
from models.settings import ModelName
from models.unbias import UnbiasModel

MODELS: Mapping[ModelName, Callable[[Shape, Priors], ConversionModel]] = {
    "base": BaseModel,
    "aman": AmanModel,
    "oversampling": OversamplingModel,
    "unbias": UnbiasModel,
    "division": DivisionModel,
    "esmm_ns": EsmmNsModel,
    "esmm": EsmmModel,
    "escm2_ipw": Escm2IpwModel,
    "escm2_dr": Escm2DrModel,
    "chain": ChainModel,
}


def make_model(shape: Shape, priors: Priors) -> ConversionModel:
    """The model that the shape's settings name."""
    return MODELS[shape.settings.name](shape, priors)
