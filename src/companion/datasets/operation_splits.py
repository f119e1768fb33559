"""Which rows of a task set are trained on, with which labels, and how often: splits, wrong labels, operand imbalance.

Every draw belongs to the name of its operation and to the replicate: what is drawn for one operation stays the same
whatever stands beside it, in whichever vocabulary. Three dials leave each other alone: how many rows (``fractions``),
how many of their labels are wrong (``corruption``), and how unevenly first operands are met (``operand_exponent``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from companion.compute.seeds import generator
from companion.datasets.operations import Integers, TaskSet, named, whole

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
SplitKind = Literal["random", "orbit"]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a task set: ``train`` (rows,), the others are for tests; ``corrupted`` (rows,), among those trained on.

    ``labels`` (rows,) are those trained on, wrong where corrupted, the answers elsewhere. ``row_weights`` (rows,) say
    how often a row is met beside the others of its operation; their mean over its training rows is 1. ``held`` (rows,)
    are rows of ``train`` that are kept from training after all (`hold_slice`).
    """

    train: Bools
    corrupted: Bools
    labels: Integers
    row_weights: Floats
    held: Bools

    @property
    def trained(self) -> Bools:
        """The rows that are trained on, (rows,)."""
        return self.train & ~self.held


def split_tasks(
    tasks: TaskSet,
    fractions: float | Sequence[float],
    *,
    kind: SplitKind = "random",
    corruption: float = 0.0,
    operand_exponent: float = 0.0,
    seed: int,
    replicate: int = 0,
    held_out: Sequence[str] = (),
) -> Split:
    """Training rows, a share ``fractions`` of each operation's table, one for all or one for each operation.

    - random: exactly ``round(fraction * table size)`` rows. Of a commutative operation the answer to a test row (a, b)
      may be known from (b, a).
    - orbit: (a, b) and (b, a) on the same side; at most one row fewer.

    A larger fraction contains a smaller one. ``corruption`` ξ gives exactly ``round(ξ * training rows)`` of each
    operation a wrong label, uniform over the other answers in its table; a larger ξ contains a smaller one, and a
    row's wrong label never changes. ``operand_exponent`` s weights rows with r(a)^-s, where the ranks r = 1, 2, … of
    first operands a are a random order, drawn for each operation. Operations that are ``held_out`` have no training
    rows: their fraction is not used, and their weights are r(a)^-s itself.

    Raises ValueError for a fraction outside (0, 1) or one that leaves an operation without training or test rows,
    another kind, corruption outside [0, 1), a negative exponent, an unknown operation held out or all of them, and
    wrong labels for an operation with one answer.
    """
    shares = _shares(fractions, tasks)
    kind = get_args(SplitKind)[named(kind, get_args(SplitKind), "kind")]
    if not 0 <= corruption < 1:
        raise ValueError(
            f"corruption: {corruption!r} given; allowed: numbers from 0 up to, but not including, 1"
        )
    if not 0 <= operand_exponent < np.inf:
        raise ValueError(
            f"operand_exponent: {operand_exponent!r} given; allowed: 0 and finite positive numbers"
        )
    replicate = whole(replicate, "replicate", 0)
    away = {named(name, tasks.operations, "held_out") for name in held_out}
    if len(away) == len(tasks.operations):
        raise ValueError(f"held_out: {tuple(held_out)!r} given; allowed: not all of the operations")
    train = np.zeros(len(tasks.answers), dtype=bool)
    corrupted = train.copy()
    labels = tasks.answers.copy()
    weights = np.ones(len(train))
    for index, (name, share) in enumerate(zip(tasks.operations, shares, strict=True)):
        rows = tasks.rows(name)
        if index not in away:
            train[rows] = _training_rows(tasks, name, share, kind, seed, replicate)
            corrupted[rows], labels[rows] = _wrong_labels(
                name, tasks.answers[rows], train[rows], corruption, seed, replicate
            )
        if operand_exponent > 0:
            raw = _operand_weights(name, tasks.operands[rows, 0], operand_exponent, seed, replicate)
            weights[rows] = raw / raw[train[rows]].mean() if index not in away else raw
    return Split(train, corrupted, labels, weights, np.zeros_like(train))


def hold_slice(
    tasks: TaskSet, split: Split, share: float, *, kind: SplitKind = "random", seed: int, replicate: int = 0
) -> Split:
    """The same split with ``share`` of each operation's training rows held: those that schedules are judged on.

    ``round(share * training rows)`` of them, at least one; of kind orbit (a, b) and (b, a) are held together, at least
    one orbit. A larger share contains a smaller one. Raises ValueError for a share outside (0, 1), and for one that
    leaves an operation nothing to train on.
    """
    if not 0 < share < 1:
        raise ValueError(f"held_share: {share!r} given; allowed: numbers between 0 and 1, both excluded")
    held = np.zeros_like(split.train)
    for name in tasks.operations:
        rows = tasks.rows(name)
        train = split.train[rows]
        if not train.any():
            continue
        orbit = np.arange(len(train)) if kind == "random" else _orbits(tasks, name)
        draws = generator(seed, "operation held slice", kind, name, replicate)
        order = draws.permutation(int(orbit.max()) + 1)
        sizes = np.bincount(orbit[train], minlength=len(order))[order]
        before = np.cumsum(sizes)
        taken = np.zeros(len(order), dtype=bool)
        taken[order] = before <= max(round(share * int(train.sum())), before[before > 0][0])
        held[rows] = train & taken[orbit]
        if (held[rows] == train).all():
            raise ValueError(
                f"held_share: {share!r} given for {int(train.sum())} training rows of {name}; allowed: one that leaves "
                "rows to train on"
            )
    return replace(split, held=held)


def mirror_seen(tasks: TaskSet, split: Split) -> Bools:
    """Whether the row with the first two operands exchanged is another row, and trained on, (rows,).

    Test accuracy on these rows alone tells knowing that f(a, b) = f(b, a) from knowing f.
    """
    others = (tasks.mirror >= 0) & (tasks.mirror != np.arange(len(tasks.mirror)))
    return others & split.trained[tasks.mirror]


def _training_rows(
    tasks: TaskSet, name: str, share: float, kind: SplitKind, seed: int, replicate: int
) -> Bools:
    rows = tasks.rows(name)
    size = rows.stop - rows.start
    wanted = round(share * size)
    draws = generator(seed, "operation split", kind, name, replicate)
    if kind == "random":
        train = draws.permutation(size) < wanted
    else:
        orbit = _orbits(tasks, name)
        sizes = np.bincount(orbit)
        order = draws.permutation(len(sizes))
        taken = np.empty(len(sizes), dtype=bool)
        taken[order] = np.cumsum(sizes[order]) <= wanted
        train = taken[orbit]
    if not train.any() or train.all():
        side = "test" if train.all() else "training"
        raise ValueError(
            f"fractions: {share!r} given for {name}; allowed: one that leaves {side} rows of its {size}"
        )
    return train


def _orbits(tasks: TaskSet, name: str) -> Integers:
    """For each row of an operation the number of its orbit: (a, b) and (b, a) share one."""
    rows = tasks.rows(name)
    here = np.arange(rows.stop - rows.start)
    mirror = tasks.mirror[rows] - rows.start
    return np.unique(np.where(mirror >= 0, np.minimum(here, mirror), here), return_inverse=True)[1]


def _wrong_labels(
    name: str, answers: Integers, train: Bools, corruption: float, seed: int, replicate: int
) -> tuple[Bools, Integers]:
    wrong = round(corruption * int(train.sum()))
    corrupted = np.zeros(len(answers), dtype=bool)
    if wrong == 0:
        return corrupted, answers
    possible, place = np.unique(answers, return_inverse=True)
    if len(possible) == 1:
        raise ValueError(f"corruption: {corruption!r} given; allowed: 0, as {name} has one answer only")
    draws = generator(seed, "operation corruption", name, replicate)
    order = draws.permutation(len(answers))
    shift = 1 + draws.integers(len(possible) - 1, size=len(answers))
    corrupted[order[train[order]][:wrong]] = True
    return corrupted, np.where(corrupted, possible[(place + shift) % len(possible)], answers)


def _operand_weights(name: str, first: Integers, exponent: float, seed: int, replicate: int) -> Floats:
    order = generator(seed, "operand frequencies", name, replicate).permutation(int(first.max()) + 1)
    return np.power(1.0 + order[first], -exponent)


def _shares(fractions: float | Sequence[float], tasks: TaskSet) -> list[float]:
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.ndim == 0:
        shares = np.full(len(tasks.operations), shares)
    if shares.shape != (len(tasks.operations),):
        raise ValueError(
            f"fractions: shape {shares.shape} given; allowed: one number,"
            f" or one for each of {', '.join(tasks.operations)}"
        )
    for name, share in zip(tasks.operations, shares.tolist(), strict=True):
        if not 0 < share < 1:
            raise ValueError(
                f"fractions: {share!r} given for {name}; allowed: numbers between 0 and 1, both excluded"
            )
    return shares.tolist()
