"""Branches of critical points of ``relu_ansatz`` at real sizes: a first point, then one to the next."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from companion.theory.relu_ansatz import Ansatz, NotConvergedError, start_values

_LONGEST_JUMP = 0.1  # of any weight between neighbouring points of one branch
_SHORTEST_STEP = 1.002  # ratio of neighbouring sizes at which a branch counts as ended

Belongs = Callable[[Ansatz, NDArray[np.float64]], bool]


class BranchEndedError(NotConvergedError, ValueError):
    """The branch of a family has no point at these sizes: there it has met another one and ended."""


def reach(ansatz: Ansatz, start: dict[str, float], belongs: Belongs) -> NDArray[np.float64] | None:
    """Unknowns reached downhill from ``start`` if they belong to the family, else None."""
    try:
        values = ansatz.solve(start_values(ansatz, start), downhill=True)
    except NotConvergedError:
        return None
    return values if belongs(ansatz, values) else None


def follow(
    here: float,
    end: float,
    factor: float,
    ansatz_at: Callable[[float], Ansatz],
    guess_at: Callable[[float], dict[str, float]],
    belongs: Belongs,
) -> NDArray[np.float64] | None:
    """Unknowns at size ``end``, reached from the guess at ``here``, or None where the branch ends before.

    Sizes are multiplied (or divided, towards smaller ones) by ``factor``, which shrinks where the
    branch bends.
    """
    ansatz = ansatz_at(here)
    values = reach(ansatz, guess_at(here), belongs)
    while values is not None and here != end:
        there = min(here * factor, end) if end > here else max(here / factor, end)
        ahead = ansatz_at(there)
        start = guess_at(there) | dict(zip(ansatz.names, values, strict=True))
        reached = reach(ahead, start, belongs)
        if reached is not None and np.max(np.abs(reached - start_values(ahead, start))) < _LONGEST_JUMP:
            here, ansatz, values = there, ahead, reached
        elif factor < _SHORTEST_STEP:
            return None
        else:
            factor = math.sqrt(factor)
    return values
