"""What `esmm compare` was asked for, checked before anything slow is imported."""

from collections.abc import Sequence
from typing import get_args

from models.settings import ModelName
from schema.check import nearest
from schema.errors import InputError
from schema.fields import Field

_ALL = "all"


def chosen_models(names: str) -> tuple[ModelName, ...]:
    """The models of `all` or of a list like `base,esmm`, each once.

    Raises:
        InputError: One is not known.
    """
    known: tuple[ModelName, ...] = get_args(ModelName)
    chosen = list(known) if names == _ALL else list(dict.fromkeys(names.split(",")))
    for name in chosen:
        if name not in known:
            raise InputError(
                f"--models should be {_ALL}, or some of {','.join(known)}. Received: {name}{nearest(name, known)}"
            )
    return tuple(model for model in known if model in chosen)


def check_user_field(fields: Sequence[Field], name: str) -> None:
    """Raises:
    InputError: It is no field whose id tells one user from another.
    """
    by_name = {field.name: field for field in fields}
    if name not in by_name:
        raise InputError(f"--user-field should be a field. Received: {name}{nearest(name, by_name)}")
    if by_name[name].encoding != "vocabulary" or by_name[name].values != 1:
        raise InputError(f"--user-field should be a field with a vocabulary and one value. Received: {name}")
