"""Settings of the model and of its training: the parts of the configuration that the Trainer is given."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from pydantic import Field as Limits

from schema import contract

ModelName = Literal[
    "base", "aman", "oversampling", "unbias", "division", "esmm_ns", "esmm", "escm2_ipw", "escm2_dr", "chain"
]
TowerName = Literal["mlp", "cross", "din", "mmoe"]
Precision = Literal["float32", "bfloat16"]
Device = Literal["any", "gpu"]
# What a served model keeps its embedding in.
Stored = Literal["float32", "float16", "int8"]

# Of `train.warm_start`, beside paths.
WARM_START_NONE = "none"
WARM_START_LAST = "last"

_Share = Annotated[float, Limits(gt=0, le=1)]
_Widths = Annotated[tuple[PositiveInt, ...], Limits(min_length=1)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AmanSettings(_Settings):
    """Attributes:
    rate: Share of the unclicked impressions that count as clicked ones without conversion.
    """

    rate: _Share = 0.1


class OversamplingSettings(_Settings):
    """Attributes:
    copies: How often a conversion counts.
    """

    copies: PositiveInt = 5


class UnbiasSettings(_Settings):
    """Attributes:
    ceiling: pCTR, as a multiple of the training split's click rate, up to which every click is accepted.
    """

    ceiling: PositiveFloat = 0.5


class Escm2Settings(_Settings):
    """Attributes:
    min_propensity: Lower propensities are raised to it.
    stop_gradient: Whether the counterfactual risk leaves the CTR tower alone.
    cvr_weight: Of the counterfactual CVR risk.
    ctcvr_weight: Of the CTCVR loss.
    """

    min_propensity: _Share = 0.01
    stop_gradient: bool = True
    cvr_weight: NonNegativeFloat = 0.1
    ctcvr_weight: NonNegativeFloat = 1.0


class MlpSettings(_Settings):
    """Of the dense layers of every kind of tower.

    Attributes:
        dropout: Share of a tower's, or an expert's, hidden units that each training step leaves out.
        l2: What the kernels' sum of squares is multiplied by in the loss.
        batch_norm: Whether a tower's, or an expert's, hidden units are normalised by their batch before the ReLU.
        kernel_initializer: Of the kernels.
    """

    dropout: Annotated[float, Limits(ge=0, lt=1)] = 0.0
    l2: NonNegativeFloat = 0.0
    batch_norm: bool = False
    kernel_initializer: Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal"] = "glorot_uniform"


class CrossSettings(_Settings):
    """Attributes:
    layers: How many cross layers a tower has below its dense ones.
    projection_dim: Rank of their kernels; without it the kernels are square.
    """

    layers: PositiveInt = 3
    projection_dim: PositiveInt | None = None


class DinSettings(_Settings):
    """Attributes:
    hidden_units: Widths of the hidden layers that tell how much a value of a history has to do with the candidate.
    """

    hidden_units: _Widths = (36,)


class MmoeSettings(_Settings):
    """Attributes:
    experts: How many a network's towers share.
    hidden_units: Widths of each expert's layers.
    """

    experts: PositiveInt = 4
    hidden_units: _Widths = (128,)


class ModelSettings(_Settings):
    """Which model, and the shape of its networks; defaults as in Ma et al., SIGIR 2018, section 3.1.

    Attributes:
        name: Of the model; `models.registry` has a line about each.
        embedding_dim: D, length of a value's embedding vector.
        embedding_stddev: Standard deviation that embeddings are initialised with.
        hidden_units: Widths of each tower's hidden layers.
        tower: What stands between embedding and logit: dense layers alone (`mlp`), cross layers below them (`cross`),
            experts below them (`mmoe`); or dense layers, and attention in the embedding's pooling (`din`).
        mlp: Of the dense layers.
        cross: Of that tower alone; so with `din` and `mmoe`.
        stages: Labels of a chain, from `click` to `conversion`; others between them are features that the schema has in
            TRAINING only, of 0 and 1. Of `chain` alone.
        aman: Of that model alone; so with the others.
    """

    name: ModelName = "esmm"
    embedding_dim: PositiveInt = 18
    embedding_stddev: PositiveFloat = 0.01
    hidden_units: _Widths = (360, 200, 80)
    tower: TowerName = "mlp"
    mlp: MlpSettings = MlpSettings()
    cross: CrossSettings = CrossSettings()
    din: DinSettings = DinSettings()
    mmoe: MmoeSettings = MmoeSettings()
    stages: tuple[str, ...] = contract.LABELS
    aman: AmanSettings = AmanSettings()
    oversampling: OversamplingSettings = OversamplingSettings()
    unbias: UnbiasSettings = UnbiasSettings()
    escm2: Escm2Settings = Escm2Settings()

    @model_validator(mode="after")
    def _has_stages(self) -> Self:
        ends = (*self.stages[:1], *self.stages[-1:])
        if ends != contract.LABELS or len(set(self.stages)) < len(self.stages):
            raise ValueError(
                f"stages should go from click to conversion, each once. Received: {', '.join(self.stages) or 'none'}"
            )
        if self.stages != contract.LABELS and self.name != "chain":
            raise ValueError(f"stages are of model `chain`. Received: {', '.join(self.stages)} for {self.name}")
        return self


class ServingSettings(_Settings):
    """Of the exported model.

    Attributes:
        required: Features that clients of `predict_columns` and `rank` have to send; without the others they are
            missing values.
        embedding: What the tables are kept in: `float16` takes half of the bytes, `int8` little more than a quarter;
            the run tells what that costs in AUC.
    """

    required: tuple[str, ...] = ()
    embedding: Stored = "float32"


class AdagradSettings(_Settings):
    """Attributes:
    initial_accumulator: What each weight's sum of squared gradients starts from.
    """

    initial_accumulator: PositiveFloat = 0.1


class FtrlSettings(_Settings):
    """Attributes:
    initial_accumulator: As of `AdagradSettings`.
    l1: Strength of the L1 penalty, which makes weights exactly 0.
    l2: Strength of the L2 penalty.
    """

    initial_accumulator: PositiveFloat = 0.1
    l1: NonNegativeFloat = 0.0
    l2: NonNegativeFloat = 0.0


class TrainSettings(_Settings):
    """How the model is trained.

    Attributes:
        epochs: Passes over the training split.
        batch_size: B, examples per step.
        learning_rate: Of the towers' Adam.
        embedding_optimizer: Of the embedding tables: Adam of the rows that a step looked up (`lazy_adam`), or of all at
            every step (`adam`), `adagrad` or `ftrl`.
        embedding_learning_rate: Of that optimizer.
        adagrad: Of that optimizer alone.
        ftrl: Of that optimizer alone.
        schedule: How both learning rates fall, after the warm-up; of `constant`, not at all.
        final_learning_rate: Share of both learning rates that is left when training ends; of `linear` and `cosine`.
        warmup_share: Share of the training's steps in which both learning rates first rise linearly.
        clip_norm: What the norm of all gradients together is clipped to.
        weight_decay: λ of AdamW: by which, times the learning rate, a step shrinks kernels and the tables' rows that it
            looked up.
        shuffle_buffer: Examples that are held to draw the next ones from.
        seed: Of initialisation and order of the examples.
        device: `gpu` demands one; `any` takes all GPUs there are, else the CPU.
        precision: Of the matrix products while training; the loss, all variables and the exported model are float32.
        xla: Whether XLA compiles the towers while training.
        steps_per_execution: Steps that TensorFlow does between two looks at the clock, at the loss, and at checkpoints.
        checkpoint_minutes: A training that is killed loses no more than these; 0: checkpoints are not written by time.
            Of several workers none writes by time: their clocks differ.
        checkpoint_steps: Steps after which a checkpoint is written, too; 0: they are not written by steps. At the end
            of an epoch there always is one.
        patience: Training stops when `ctcvr_auc_all` of the eval split has not risen for so many epochs, and the best
            epoch's model is kept. Without it all epochs are done and the last is kept.
        warm_start: What training begins with. `none`: random values. `last`: what the last blessed model of other
            examples learned. Or the folder of a SavedModel, whose values it takes; see `models.warm_start`.
    """

    epochs: PositiveInt = 1
    batch_size: PositiveInt = 1024
    learning_rate: PositiveFloat = 0.001
    embedding_optimizer: Literal["lazy_adam", "adam", "adagrad", "ftrl"] = "lazy_adam"
    embedding_learning_rate: PositiveFloat = 0.001
    adagrad: AdagradSettings = AdagradSettings()
    ftrl: FtrlSettings = FtrlSettings()
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    final_learning_rate: Annotated[float, Limits(ge=0, le=1)] = 1.0
    warmup_share: Annotated[float, Limits(ge=0, lt=1)] = 0.0
    clip_norm: PositiveFloat | None = None
    weight_decay: NonNegativeFloat = 0.0
    shuffle_buffer: PositiveInt = 100_000
    seed: NonNegativeInt = 1
    device: Device = "any"
    precision: Precision = "float32"
    xla: bool = False
    steps_per_execution: PositiveInt = 16
    checkpoint_minutes: NonNegativeFloat = 10
    checkpoint_steps: NonNegativeInt = 0
    patience: PositiveInt | None = None
    warm_start: str = WARM_START_NONE

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.schedule == "cosine" and self.final_learning_rate == 1:
            raise ValueError("schedule cosine should have a final_learning_rate below 1. Received: 1")
        return self

    @model_validator(mode="after")
    def _can_decay(self) -> Self:
        # Its weights follow from its sums: what shrinks a weight is overwritten.
        if self.embedding_optimizer == "ftrl" and self.weight_decay:
            raise ValueError(
                "weight_decay should be 0 for embedding_optimizer ftrl, which has ftrl.l2. "
                f"Received: {self.weight_decay:g}"
            )
        return self
