"""Stages that are mixtures: several operations in one stage, and operations that come back after they were dropped."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.training.mixtures import stage_ends
from companion.training.schedule_checks import check_ends, check_weights
from companion.training.schedules import Floats, State, Unwatching


@dataclass(frozen=True)
class Staged(Unwatching):
    """``stages`` (stages, operations) of weights, one after the other up to ``ends``, or for equal shares of the steps.

    ``ends`` are shares of all steps, rising to 1. Raises ValueError for no stage, stages of different operations,
    weights that do not sum to 1, and bad ends.
    """

    stages: tuple[tuple[float, ...], ...]
    ends: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.stages or len({len(stage) for stage in self.stages}) > 1:
            raise ValueError(f"stages: {self.stages} given; allowed: one or more of the same operations")
        for stage in self.stages:
            check_weights("stages", stage)
        check_ends(self.ends, len(self.stages))

    @property
    def operations(self) -> int:
        """How many operations it mixes."""
        return len(self.stages[0])

    @property
    def staged(self) -> bool:
        """Whether there is a stage to jump to."""
        return len(self.stages) > 1

    def used(self) -> NDArray[np.bool_]:
        """Which operations have weight in some stage."""
        return np.array([any(weights) for weights in zip(*self.stages, strict=True)])

    def switches(self, steps: int) -> tuple[int, ...]:
        """Steps at which a stage begins, but for the first."""
        return tuple(stage_ends(self.ends, len(self.stages), steps)[:-1])

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        """Weights of the stage of ``step``, (1, operations)."""
        stage = int(np.searchsorted(self.switches(steps), step, side="right"))
        return np.array([self.stages[stage]])
