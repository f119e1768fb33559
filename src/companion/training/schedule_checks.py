"""What schedules are refused for: weights, orders, shares and counts that are none; each message names the field."""

from collections.abc import Sequence

import numpy as np


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


def check_end(name: str, share: float) -> None:
    """Raises ValueError for a share of the steps that is not above 0 and up to 1."""
    if not 0.0 < share <= 1.0:
        raise ValueError(f"{name}: {share} given; allowed: a share of the steps above 0, up to 1")


def check_count(name: str, count: int) -> None:
    """Raises ValueError for a number below 1."""
    if not count >= 1:
        raise ValueError(f"{name}: {count} given; allowed: a whole number >= 1")


def check_ends(ends: Sequence[float], stages: int) -> None:
    """Raises ValueError for ends of stages, none or one for each, that do not rise to 1."""
    rises = all(a < b for a, b in zip((0.0, *ends), ends, strict=False))
    if ends and (len(ends) != stages or not rises or abs(ends[-1] - 1.0) > 1e-9):
        raise ValueError(f"ends: {tuple(ends)} given; allowed: {stages} shares that rise to 1")
