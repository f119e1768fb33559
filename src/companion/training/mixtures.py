"""Weights of operations: by the stage that each network is in, and by a score of each operation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def stage_weights(order: Sequence[int], stage: NDArray[np.int64], replay: float) -> Floats:
    """(1 - ρ) on the operation of the stage, ρ shared by those before it; (networks, operations)."""
    place = np.argsort(order)[None]
    current = place == stage[:, None]
    earlier = place < stage[:, None]
    share = np.where(stage > 0, replay, 0.0)[:, None]
    return (1.0 - share) * current + share * earlier / np.maximum(stage, 1)[:, None]


def normalised_exponential(scores: Floats) -> Floats:
    """Rows exp(score) / sum, (networks, operations)."""
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def stage_ends(shares: Sequence[float], stages: int, steps: int) -> list[int]:
    """Steps at which stages end: shares of all steps, equal ones where none are given."""
    return [round(share * steps) for share in shares or [(stage + 1) / stages for stage in range(stages)]]
