"""Limits of the data guard: the part of the configuration that it is given."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits


class GuardSettings(BaseModel):
    """When a field stops the run.

    Attributes:
        max_auc: A feature whose AUC alone against a label is above this leaks the label.
        sample_size: Most examples of the train split that leaks are looked for in.
        allow: Features that may leak, be empty or be constant; the summary still names them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_auc: Annotated[float, Limits(ge=0.5, le=1)] = 0.95
    sample_size: Annotated[int, Limits(ge=1000)] = 100_000
    allow: tuple[str, ...] = ()
