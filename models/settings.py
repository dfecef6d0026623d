"""Settings of the model and of its training: the parts of the configuration that the Trainer is given."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic import Field as Limits


class ModelSettings(BaseModel):
    """Shape of the network; defaults as in Ma et al., SIGIR 2018, section 3.1.

    Attributes:
        embedding_dim: D, length of a value's embedding vector.
        embedding_stddev: Standard deviation that embeddings are initialised with.
        hidden_units: Widths of each tower's hidden layers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedding_dim: PositiveInt = 18
    embedding_stddev: PositiveFloat = 0.01
    hidden_units: Annotated[tuple[PositiveInt, ...], Limits(min_length=1)] = (360, 200, 80)


class TrainSettings(BaseModel):
    """How the model is trained.

    Attributes:
        epochs: Passes over the training split.
        batch_size: B, examples per step.
        learning_rate: Of the towers' Adam.
        embedding_learning_rate: Of the embedding's row-sparse Adam.
        final_learning_rate: Share of both learning rates that is left when training ends; they fall linearly.
        shuffle_buffer: Examples that are held to draw the next one from.
        seed: Of initialisation and order of the examples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: PositiveInt = 1
    batch_size: PositiveInt = 1024
    learning_rate: PositiveFloat = 0.001
    embedding_learning_rate: PositiveFloat = 0.001
    final_learning_rate: Annotated[float, Limits(ge=0, le=1)] = 1.0
    shuffle_buffer: PositiveInt = 100_000
    seed: NonNegativeInt = 1
