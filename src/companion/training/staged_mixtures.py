"""Stages that are mixtures: several operations in one stage, and operations that come back after they were dropped."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.training.schedules import State, check_weights

_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Staged:
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
        rises = all(a < b for a, b in zip((0.0, *self.ends), self.ends, strict=False))
        if self.ends and (
            len(self.ends) != len(self.stages) or not rises or abs(self.ends[-1] - 1.0) > _TOLERANCE
        ):
            raise ValueError(f"ends: {self.ends} given; allowed: {len(self.stages)} shares that rise to 1")

    @property
    def operations(self) -> int:
        """How many operations it mixes."""
        return len(self.stages[0])

    def switches(self, steps: int) -> tuple[int, ...]:
        """Steps at which a stage begins, but for the first."""
        shares = self.ends or [(stage + 1) / len(self.stages) for stage in range(len(self.stages))]
        return tuple(round(share * steps) for share in shares[:-1])

    def start(self, networks: int) -> State:
        """Nothing: it looks at nothing."""
        return {}

    def mixture(self, step: int, steps: int, state: State) -> NDArray[np.float64]:
        """Weights of the stage of ``step``, (1, operations)."""
        stage = int(np.searchsorted(self.switches(steps), step, side="right"))
        return np.array([self.stages[stage]])

    def observe(
        self, step: int, losses: NDArray[np.float64], accuracies: NDArray[np.float64], state: State
    ) -> State:
        """What it remembers stays nothing."""
        return state
