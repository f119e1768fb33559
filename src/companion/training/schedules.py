"""Curricula: which operation a training row is drawn from, step by step, for every network of a stack.

A schedule is a small frozen object. `mixture` gives the weights w(t), (networks, operations), of a step. Those that
adapt (`adaptive_schedules`) keep what they remember in plain arrays, which checkpoints hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: What an adaptive schedule remembers, by name, with one row for each network.
State = dict[str, Floats]

_TOLERANCE = 1e-9


class Schedule(Protocol):
    """What the trainer asks of a schedule."""

    @property
    def operations(self) -> int:
        """How many operations it mixes."""
        ...

    def switches(self, steps: int) -> tuple[int, ...]:
        """Steps at which it jumps, known beforehand."""
        ...

    def start(self, networks: int) -> State:
        """What it remembers before the first step."""
        ...

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        """w(t), (networks, operations), rows that sum to 1; one row where all networks share it."""
        ...

    def observe(self, step: int, losses: Floats, accuracies: Floats, state: State) -> State:
        """What it remembers after a look at the training rows; both arrays are (networks, operations)."""
        ...


@dataclass(frozen=True)
class _Open:
    """A schedule that looks at nothing."""

    def switches(self, steps: int) -> tuple[int, ...]:
        return ()

    def start(self, networks: int) -> State:
        return {}

    def observe(self, step: int, losses: Floats, accuracies: Floats, state: State) -> State:
        return state


@dataclass(frozen=True)
class Static(_Open):
    """The same weights throughout: interleaved training. Raises ValueError where they do not sum to 1."""

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        check_weights("weights", self.weights)

    @property
    def operations(self) -> int:
        return len(self.weights)

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        return np.array([self.weights])


@dataclass(frozen=True)
class Blocked(_Open):
    """One operation after the other, in ``order``, for equal shares of the steps or up to the ends given.

    ``replay`` ρ spreads that share of each later stage evenly over the operations before it. ``ends`` are shares of all
    steps, rising to 1. Raises ValueError for an order that is no permutation, and for bad shares.
    """

    order: tuple[int, ...]
    replay: float = 0.0
    ends: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_order(self.order)
        check_share("replay", self.replay)
        if self.ends and (
            len(self.ends) != len(self.order)
            or any(b <= a for a, b in zip((0.0, *self.ends), self.ends, strict=False))
            or abs(self.ends[-1] - 1.0) > _TOLERANCE
        ):
            raise ValueError(f"ends: {self.ends} given; allowed: {len(self.order)} shares that rise to 1")

    @property
    def operations(self) -> int:
        return len(self.order)

    def _ends(self, steps: int) -> list[int]:
        shares = self.ends or [(stage + 1) / len(self.order) for stage in range(len(self.order))]
        return [round(share * steps) for share in shares]

    def switches(self, steps: int) -> tuple[int, ...]:
        return tuple(self._ends(steps)[:-1])

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        stage = min(int(np.searchsorted(self._ends(steps), step, side="right")), len(self.order) - 1)
        return stage_weights(self.order, np.array([stage]), self.replay)


@dataclass(frozen=True)
class Annealed(_Open):
    """From one operation to an even mixture: w(t) = (1 - s) e_first + s u, s = min(1, t / (until T))."""

    operations: int
    first: int = 0
    until: float = 1.0
    towards: int | None = None  # another operation instead of the even mixture

    def __post_init__(self) -> None:
        if not 0.0 < self.until <= 1.0:
            raise ValueError(f"until: {self.until} given; allowed: a share of the steps above 0, up to 1")
        for name, value in (("first", self.first), ("towards", self.towards)):
            if value is not None and not 0 <= value < self.operations:
                raise ValueError(f"{name}: {value} given; allowed: 0 to {self.operations - 1}")

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        share = min(1.0, step / (self.until * steps))
        end = np.full(self.operations, 1.0 / self.operations)
        if self.towards is not None:
            end = np.eye(self.operations)[self.towards]
        return ((1.0 - share) * np.eye(self.operations)[self.first] + share * end)[None]


@dataclass(frozen=True)
class Cooling(_Open):
    """w_i ~ exp(-β(t) c_i) over the difficulties c, β falling linearly from ``sharpness`` to 0 at ``until`` T."""

    difficulty: tuple[float, ...]
    sharpness: float = 3.0
    until: float = 1.0

    @property
    def operations(self) -> int:
        return len(self.difficulty)

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        beta = self.sharpness * max(0.0, 1.0 - step / (self.until * steps))
        return normalised_exponential(-beta * np.array([self.difficulty]))


@dataclass(frozen=True, eq=False)
class Recorded(_Open):
    """The weights that another run realised, replayed: the yoked control of an adaptive schedule.

    ``steps_seen`` (n,) are the steps from which each of ``realised`` (n, networks, operations) holds.
    """

    steps_seen: NDArray[np.int64]
    realised: Floats

    @property
    def operations(self) -> int:
        return self.realised.shape[2]

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        place = int(np.searchsorted(self.steps_seen, step, side="right")) - 1
        return self.realised[max(place, 0)]

    def yoked(self) -> "Recorded":
        """Each network with the weights of the network before it."""
        return Recorded(self.steps_seen, np.roll(self.realised, 1, axis=1))


@dataclass(frozen=True)
class PerNetwork(_Open):
    """A schedule for each network of a stack, none of which adapts. Raises ValueError where one does."""

    schedules: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        if any(schedule.start(1) for schedule in self.schedules):
            raise ValueError("schedules: one that adapts given; allowed: a stack of its own for it")

    @property
    def operations(self) -> int:
        return self.schedules[0].operations

    def switches(self, steps: int) -> tuple[int, ...]:
        return tuple(sorted({switch for schedule in self.schedules for switch in schedule.switches(steps)}))

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        return np.concatenate([schedule.mixture(step, steps, state) for schedule in self.schedules])


def stage_weights(order: Sequence[int], stage: NDArray[np.int64], replay: float) -> Floats:
    """(1 - ρ) on the operation of the stage, ρ shared by those before it; (networks, operations)."""
    place = np.argsort(order)[None]
    current = place == stage[:, None]
    earlier = place < stage[:, None]
    share = np.where(stage > 0, replay, 0.0)[:, None]
    return (1.0 - share) * current + share * earlier / np.maximum(stage, 1)[:, None]


def check_weights(name: str, weights: Sequence[float]) -> None:
    """Raises ValueError, with the sum, for weights that are negative or do not sum to 1."""
    total = float(np.sum(weights))
    if len(weights) == 0 or min(weights) < 0 or abs(total - 1.0) > 1e-6:
        raise ValueError(
            f"{name}: {tuple(weights)} given (sum {total:g}); allowed: weights >= 0 that sum to 1"
        )


def check_order(order: Sequence[int]) -> None:
    """Raises ValueError for anything but a permutation of 0 ... K - 1."""
    if sorted(order) != list(range(len(order))) or not order:
        raise ValueError(f"order: {tuple(order)} given; allowed: each of 0 to {len(order) - 1} once")


def check_share(name: str, share: float) -> None:
    """Raises ValueError for a share below 0 or not below 1."""
    if not 0.0 <= share < 1.0:
        raise ValueError(f"{name}: {share} given; allowed: a share from 0 to below 1")


def normalised_exponential(scores: Floats) -> Floats:
    """Rows exp(score) / sum, (networks, operations)."""
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
