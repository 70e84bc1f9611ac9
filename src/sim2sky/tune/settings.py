"""Settings of the trials."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim2sky.settings import Settings

CriterionName = Literal[
    "source_validation", "entropy", "information_maximisation", "snd", "iwv", "dev"
]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Range(Settings):
    """Numbers between two others, drawn evenly in their logarithm."""

    low: float = Field(gt=0, description="Smallest value.")
    high: float = Field(gt=0, description="Largest value.")

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low must not exceed high; got {self.low:g} and {self.high:g}")
        return self


class SpaceSettings(Settings):
    """From what trials are drawn: a list of values or a range; null leaves a setting as it is."""

    learning_rate: list[Positive] | Range | None = Field(
        Range(low=5e-4, high=1e-2), description="Peak learning rate."
    )
    weight_decay: list[float] | Range | None = Field(None, description="Weight decay.")
    batch_size: list[int] | None = Field(None, description="Images per step and domain.")
    epochs: list[int] | None = Field(None, description="Passes over the labelled images.")
    warmup_share: list[Share] | None = Field(
        [0.0, 0.25, 0.5],
        description="`adaptation_warmup_epochs` as a share of the epochs.",
    )
    loss_factor: list[Positive] | Range | None = Field(
        Range(low=0.1, high=10.0),
        description="Factor on the weights of all adaptation losses of a method; automatic "
        "weights stay automatic.",
    )
    target_normalisation: list[Literal["source", "own"]] | None = Field(
        None, description="Whose statistics normalise target images."
    )

    @model_validator(mode="after")
    def _no_empty_list(self) -> "SpaceSettings":
        for name in type(self).model_fields:
            if getattr(self, name) == []:
                raise ValueError(f"'{name}' has no values; use null to leave it as it is")
        return self


class TuneSettings(Settings):
    """How many trials each method gets, and how one of them is chosen."""

    trials: int = Field(
        8,
        ge=1,
        description="Trials per method and network, the same for all; trial 0 has the "
        "experiment's own settings.",
    )
    criterion: CriterionName = Field(
        "information_maximisation",
        description="What the chosen trial is best in, none of which sees a target label: the "
        "source's validation loss (source_validation), the certainty of the target's predictions "
        "(entropy), the same with all classes used (information_maximisation), soft neighbourhood "
        "density (snd), or the source's validation loss with rows that resemble the target "
        "weighted up (iwv, dev). A method trained on target labels is chosen by its own "
        "validation accuracy.",
    )
    space: SpaceSettings = Field(SpaceSettings(), description="From what trials are drawn.")
    seed: int = Field(0, ge=0, description="Seed of the draws.")
    measure_regret: bool = Field(
        True,
        description="Afterwards, evaluate all trials on the test rows to see what a choice by "
        "target labels would have gained; needs a target with labels.",
    )
    training_seed: int = Field(
        1000,
        ge=0,
        description="Seed of the trials' trainings. None of the experiment's own seeds, so that "
        "no final model has itself taken part in a choice.",
    )
