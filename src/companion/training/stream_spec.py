"""Trainings on streams of fresh rows as plain data: network, optimiser and grid; what they are about is added to it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from companion.compute.devices import Precision
from companion.models.transformer import Norm, TransformerSpec
from companion.training.curriculum_recipe import CurriculumRecipe
from companion.training.schedules import Schedule
from companion.training.stacked_adam import AdamSettings

#: Fields of every stream spec that networks of one stack may have of their own.
OWN_RATES = ("learning_rate", "weight_decay")


class StreamSpec(BaseModel):
    """``steps`` steps of ``batch`` fresh rows for a small transformer that is tested on ``test_rows`` others.

    ``hidden`` units of a block, 0 for four times the width. Accuracies are recorded every ``every`` steps. The rate is
    constant after warm-up unless ``decay_share``, so that no time depends on how long is watched. Raises ValueError
    (pydantic's), naming the field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    own_fields: ClassVar[tuple[str, ...]] = OWN_RATES

    steps: int = Field(default=700, ge=1)
    batch: int = Field(default=128, ge=1)
    width: int = 32
    layers: int = 1
    heads: int = 4
    hidden: int = Field(default=0, ge=0)
    norm: Norm = "rms"
    scale: float = 1.0
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    warm_up: int = 10
    decay_share: float = 0.0
    clip: float = 0.0
    precision: Precision = "float32"
    every: int = Field(default=25, ge=1)
    test_rows: int = Field(default=1024, ge=1)

    @model_validator(mode="after")
    def _rates_can_be_run(self) -> Self:
        _ = self.adam
        return self

    @property
    def adam(self) -> AdamSettings:
        """The optimiser."""
        return AdamSettings(
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warm_up=self.warm_up,
            decay_share=self.decay_share,
            clip=self.clip,
        )

    @property
    def grid(self) -> tuple[int, ...]:
        """Steps after which accuracies are recorded: every ``every``, and the last."""
        return tuple(sorted({*range(0, self.steps + 1, self.every), self.steps}))

    def transformer(self, vocabulary: int, classes: int, positions: int, pad_token: int) -> TransformerSpec:
        """The network that reads such sequences."""
        return TransformerSpec(
            vocabulary,
            classes,
            positions,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            hidden=self.hidden or 4 * self.width,
            norm=self.norm,
            scale=self.scale,
            pad_token=pad_token,
        )

    def recipe(self, network: TransformerSpec, schedule: Schedule) -> CurriculumRecipe:
        """How a stack of ``network`` is trained."""
        return CurriculumRecipe(network, schedule, self.steps, adam=self.adam, precision=self.precision)

    def changed(self, **fields: Any) -> Self:
        """The same spec with some fields changed, validated anew."""
        return type(self)(**(self.model_dump() | fields))

    def varied(self, own: Mapping[str, Any]) -> Self:
        """The spec of one network of a stack; raises ValueError for a field that a stack must share."""
        unknown = set(own) - set(self.own_fields)
        if unknown:
            raise ValueError(
                f"variations: {', '.join(sorted(unknown))} given; allowed in one stack: "
                f"{', '.join(self.own_fields)}"
            )
        return self.changed(**own)
