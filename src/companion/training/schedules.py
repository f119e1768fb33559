"""Curricula: which operation a training row is drawn from, step by step, for every network of a stack.

A schedule is a small frozen object. `mixture` gives the weights w(t), (networks, operations), of a step. Those that
adapt (`adaptive_schedules`) keep what they remember in plain arrays, which checkpoints hold.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from companion.training.mixtures import normalised_exponential, stage_ends, stage_weights
from companion.training.schedule_checks import (
    check_count,
    check_end,
    check_ends,
    check_order,
    check_share,
    check_weights,
)

Floats = NDArray[np.float64]
#: What an adaptive schedule remembers, by name, with one row for each network.
State = dict[str, Floats]


class Schedule(Protocol):
    """What the trainer asks of a schedule."""

    @property
    def operations(self) -> int:
        """How many operations it mixes."""
        ...

    @property
    def staged(self) -> bool:
        """Whether it has stages, from one of which networks jump to the next."""
        ...

    def switches(self, steps: int) -> tuple[int, ...]:
        """Steps at which it jumps, known beforehand."""
        ...

    def jumps(self, step: int, steps: int, state: State) -> NDArray[np.bool_]:
        """Which networks (networks,) jump to another stage at ``step``; one value where all do the same."""
        ...

    def used(self) -> NDArray[np.bool_]:
        """Which operations (operations,) ever have a weight above 0."""
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
class Unwatching:
    """A schedule that looks at nothing."""

    @property
    def staged(self) -> bool:
        return False

    def switches(self, steps: int) -> tuple[int, ...]:
        return ()

    def jumps(self, step: int, steps: int, state: State) -> NDArray[np.bool_]:
        return np.array([step in self.switches(steps)])

    def start(self, networks: int) -> State:
        return {}

    def observe(self, step: int, losses: Floats, accuracies: Floats, state: State) -> State:
        return state


@dataclass(frozen=True)
class Static(Unwatching):
    """The same weights throughout: interleaved training. Raises ValueError where they do not sum to 1."""

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        check_weights("weights", self.weights)

    @property
    def operations(self) -> int:
        return len(self.weights)

    def used(self) -> NDArray[np.bool_]:
        return np.array(self.weights) > 0

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        return np.array([self.weights])


@dataclass(frozen=True)
class Blocked(Unwatching):
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
        check_ends(self.ends, len(self.order))

    @property
    def operations(self) -> int:
        return len(self.order)

    @property
    def staged(self) -> bool:
        return len(self.order) > 1

    def _ends(self, steps: int) -> list[int]:
        return stage_ends(self.ends, len(self.order), steps)

    def switches(self, steps: int) -> tuple[int, ...]:
        return tuple(self._ends(steps)[:-1])

    def used(self) -> NDArray[np.bool_]:
        return np.ones(self.operations, dtype=bool)

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        stage = min(int(np.searchsorted(self._ends(steps), step, side="right")), len(self.order) - 1)
        return stage_weights(self.order, np.array([stage]), self.replay)


@dataclass(frozen=True)
class Annealed(Unwatching):
    """From one operation to an even mixture: w(t) = (1 - s) e_first + s u, s = min(1, t / (until T)).

    Raises ValueError, naming the field.
    """

    operations: int
    first: int = 0
    until: float = 1.0
    towards: int | None = None  # another operation instead of the even mixture

    def __post_init__(self) -> None:
        check_count("operations", self.operations)
        check_end("until", self.until)
        for name, value in (("first", self.first), ("towards", self.towards)):
            if value is not None and not 0 <= value < self.operations:
                raise ValueError(f"{name}: {value} given; allowed: 0 to {self.operations - 1}")

    def used(self) -> NDArray[np.bool_]:
        ends = range(self.operations) if self.towards is None else (self.first, self.towards)
        return np.isin(np.arange(self.operations), [self.first, *ends])

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        share = min(1.0, step / (self.until * steps))
        end = np.full(self.operations, 1.0 / self.operations)
        if self.towards is not None:
            end = np.eye(self.operations)[self.towards]
        return ((1.0 - share) * np.eye(self.operations)[self.first] + share * end)[None]


@dataclass(frozen=True)
class Cooling(Unwatching):
    """w_i ~ exp(-β(t) c_i) over the difficulties c, β falling linearly from ``sharpness`` to 0 at ``until`` T.

    Raises ValueError, naming the field.
    """

    difficulty: tuple[float, ...]
    sharpness: float = 3.0
    until: float = 1.0

    def __post_init__(self) -> None:
        if not self.difficulty or not np.isfinite(self.difficulty).all():
            raise ValueError(
                f"difficulty: {self.difficulty} given; allowed: a finite number for each operation"
            )
        if not 0.0 <= self.sharpness < np.inf:
            raise ValueError(f"sharpness: {self.sharpness} given; allowed: 0 and finite positive numbers")
        check_end("until", self.until)

    @property
    def operations(self) -> int:
        return len(self.difficulty)

    def used(self) -> NDArray[np.bool_]:
        return np.ones(self.operations, dtype=bool)

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        beta = self.sharpness * max(0.0, 1.0 - step / (self.until * steps))
        return normalised_exponential(-beta * np.array([self.difficulty]))


@dataclass(frozen=True, eq=False)
class Recorded(Unwatching):
    """The weights that another run realised, replayed: the yoked control of an adaptive schedule.

    ``steps_seen`` (n,) are the steps from which each of ``realised`` (n, networks, operations) holds. Raises ValueError
    for shapes that do not fit, steps that do not rise from 0, and weights that do not sum to 1.
    """

    steps_seen: NDArray[np.int64]
    realised: Floats

    def __post_init__(self) -> None:
        shapes = np.shape(self.steps_seen), np.shape(self.realised)
        if len(shapes[1]) != 3 or shapes[0] != shapes[1][:1] or 0 in shapes[1]:
            raise ValueError(
                f"steps_seen, realised: shapes {shapes[0]}, {shapes[1]} given; allowed: (n,) and "
                "(n, networks, operations), none of them 0"
            )
        if self.steps_seen[0] != 0 or (np.diff(self.steps_seen) <= 0).any():
            raise ValueError(
                f"steps_seen: {np.asarray(self.steps_seen).tolist()} given; allowed: steps that rise from 0"
            )
        if not ((self.realised >= 0).all() and np.allclose(self.realised.sum(axis=2), 1.0, atol=1e-6)):
            raise ValueError("realised: other numbers given; allowed: weights >= 0 that sum to 1")

    def used(self) -> NDArray[np.bool_]:
        return np.logical_or.reduce(self.realised > 0, axis=(0, 1))

    @property
    def operations(self) -> int:
        return self.realised.shape[2]

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        place = int(np.searchsorted(self.steps_seen, step, side="right")) - 1
        return self.realised[max(place, 0)]

    def yoked(self, block: int) -> "Recorded":
        """Each network with the weights of the one before it in its own ``block`` of networks, the first of the last.

        Blocks keep to themselves, so that more networks change nothing for those that are there. Raises ValueError for
        blocks of one, in which a network would be its own control, and ones that do not divide the networks.
        """
        networks = self.realised.shape[1]
        if block < 2 or networks % block:
            raise ValueError(
                f"block: {block} given to yoke {networks} networks; allowed: their divisors from 2 on"
            )
        apart = self.realised.reshape(len(self.realised), -1, block, self.operations)
        return Recorded(self.steps_seen, np.roll(apart, 1, axis=2).reshape(self.realised.shape))


@dataclass(frozen=True)
class PerNetwork(Unwatching):
    """A schedule for each network of a stack, none of which adapts.

    Raises ValueError where one does, for none at all, and where they mix different numbers of operations.
    """

    schedules: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        counts = sorted({schedule.operations for schedule in self.schedules})
        if len(counts) != 1:
            raise ValueError(
                f"schedules: {len(self.schedules)} over {counts} operations given; allowed: at least one, all of "
                "them over the same number"
            )
        if any(schedule.start(1) for schedule in self.schedules):
            raise ValueError("schedules: one that adapts given; allowed: a stack of its own for it")

    @property
    def operations(self) -> int:
        return self.schedules[0].operations

    @property
    def staged(self) -> bool:
        return any(schedule.staged for schedule in self.schedules)

    def jumps(self, step: int, steps: int, state: State) -> NDArray[np.bool_]:
        return np.concatenate([schedule.jumps(step, steps, state) for schedule in self.schedules])

    def used(self) -> NDArray[np.bool_]:
        return np.logical_or.reduce([schedule.used() for schedule in self.schedules])

    def switches(self, steps: int) -> tuple[int, ...]:
        return tuple(sorted({switch for schedule in self.schedules for switch in schedule.switches(steps)}))

    def mixture(self, step: int, steps: int, state: State) -> Floats:
        return np.concatenate([schedule.mixture(step, steps, state) for schedule in self.schedules])
