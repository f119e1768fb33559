"""Curricula that watch the training: by loss, by learning progress, by competence.

They are told losses and accuracies every so often, of each network apart, on rows that it may not be training on
(`CurriculumSpec.held_share`), and mix for each apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.training.mixtures import normalised_exponential, stage_weights
from companion.training.schedule_checks import check_count, check_order, check_share
from companion.training.schedules import Floats, State


class _Adaptive:
    """A schedule that is told how the training goes, and has no stages."""

    @property
    def staged(self) -> bool:
        return False

    def switches(self, steps: int) -> tuple[int, ...]:
        return ()

    def jumps(self, step: int, steps: int, state: State) -> NDArray[np.bool_]:
        return np.zeros(1, dtype=bool)


@dataclass(frozen=True)
class ByLoss(_Adaptive):
    """w_i ~ exp(η L_i): towards what is still hard (η > 0), refreshed whenever losses are observed.

    Raises ValueError for no operations and a ``focus`` η that is not finite.
    """

    operations: int
    focus: float = 1.0

    def __post_init__(self) -> None:
        check_count("operations", self.operations)
        if not np.isfinite(self.focus):
            raise ValueError(f"focus: {self.focus} given; allowed: a finite number")

    def used(self) -> NDArray[np.bool_]:
        return np.ones(self.operations, dtype=bool)

    def start(self, networks: int) -> State:
        return {"losses": np.zeros((networks, self.operations))}

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        return normalised_exponential(self.focus * state["losses"])

    def observe(self, step: int, losses: Floats, accuracies: Floats, state: State) -> State:
        return {"losses": losses.copy()}


@dataclass(frozen=True)
class ByProgress(_Adaptive):
    """w_i ~ ε + |L_i(t) - L_i(t - Δ)|: towards what is being learned, Δ the time between two looks.

    Raises ValueError for no operations and a ``floor`` ε that is not positive.
    """

    operations: int
    floor: float = 0.05

    def __post_init__(self) -> None:
        check_count("operations", self.operations)
        if not 0 < self.floor < np.inf:
            raise ValueError(f"floor: {self.floor} given; allowed: a positive number")

    def used(self) -> NDArray[np.bool_]:
        return np.ones(self.operations, dtype=bool)

    def start(self, networks: int) -> State:
        empty = np.full((networks, self.operations), np.nan)
        return {"before": empty, "change": np.zeros((networks, self.operations))}

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        weights = self.floor + state["change"]
        return weights / weights.sum(axis=1, keepdims=True)

    def observe(self, step: int, losses: Floats, accuracies: Floats, state: State) -> State:
        return {"before": losses.copy(), "change": np.nan_to_num(np.abs(losses - state["before"]))}


@dataclass(frozen=True)
class Gate(_Adaptive):
    """Stages in ``order``; a network goes on once ``looks`` looks in a row find its accuracy above ``threshold``.

    The steps at which it went on are in the state, ``advanced`` (networks, stages), NaN where it has not.
    """

    order: tuple[int, ...]
    threshold: float = 0.9
    looks: int = 2
    replay: float = 0.0

    def __post_init__(self) -> None:
        check_order(self.order)
        check_share("replay", self.replay)
        if not 0.0 < self.threshold < 1.0 or self.looks < 1:
            raise ValueError(
                f"threshold, looks: {self.threshold}, {self.looks} given; allowed: between 0 and 1, at least 1"
            )

    @property
    def operations(self) -> int:
        return len(self.order)

    @property
    def staged(self) -> bool:
        return len(self.order) > 1

    def jumps(self, step: int, steps: int, state: State) -> NDArray[np.bool_]:
        # Past the last stage there is nowhere to go.
        return (state["advanced"][:, :-1] == step).any(axis=1)

    def used(self) -> NDArray[np.bool_]:
        return np.ones(self.operations, dtype=bool)

    def start(self, networks: int) -> State:
        stages = np.full((networks, len(self.order)), np.nan)
        return {"stage": np.zeros(networks), "passed": np.zeros(networks), "advanced": stages}

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        return stage_weights(self.order, state["stage"].astype(int), self.replay)

    def observe(self, step: int, losses: Floats, accuracies: Floats, state: State) -> State:
        stage, advanced = state["stage"].astype(int), state["advanced"].copy()
        rows = np.arange(len(stage))
        good = accuracies[rows, np.array(self.order)[stage]] > self.threshold
        passed = np.where(good, state["passed"] + 1, 0.0)
        on = (passed >= self.looks) & np.isnan(advanced[rows, stage])
        advanced[rows[on], stage[on]] = step
        ahead = np.where(on, np.minimum(stage + 1, len(self.order) - 1), stage)
        return {"stage": ahead.astype(float), "passed": np.where(on, 0.0, passed), "advanced": advanced}
