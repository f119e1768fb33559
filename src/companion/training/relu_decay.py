"""Loss along descent: exponential where the minimum is isolated, a power of time where it is flat.

With K > M the global minima are flat to second order across the split units, and the loss grows there
as |δ|³: dδ/dt ~ -δ² gives δ ~ 1/t and L ~ t⁻³ (arXiv:2604.09412). With K = M descent is exponential.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.training.descent import descend


@dataclass(frozen=True)
class LossCurve:
    """``loss`` (n, S) of n runs after each number of ``steps`` (S,), and the last ``weights`` (n, K, D)."""

    steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    weights: NDArray[np.float64]


def logarithmic_steps(largest: int, per_decade: int = 8) -> NDArray[np.int64]:
    """Whole numbers from 1 to ``largest``, about ``per_decade`` in each factor of ten.

    Raises ValueError for numbers below one.

    >>> [int(step) for step in logarithmic_steps(100, 3)]
    [1, 2, 5, 10, 22, 46, 100]
    """
    for name, value in (("largest", largest), ("per_decade", per_decade)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    number = int(np.ceil(np.log10(largest) * per_decade - 1e-9)) + 1
    grid = np.geomspace(1, largest, number) if number > 1 else np.ones(1)
    return np.unique(np.rint(grid).astype(np.int64))


def loss_curve(
    weights: ArrayLike, teacher: ArrayLike, steps: ArrayLike, *, step: float | None = None
) -> LossCurve:
    """Loss of plain descent from ``weights`` (n, K, D) after each of ``steps`` (S,), which rise.

    ``step`` is η, 2/K unless given; the time of gradient flow is η × steps. Runs go on to the last step
    whatever their gradient. Raises ValueError for steps that do not rise from at least 1, and as
    ``companion.training.descent.descend`` does.

    >>> curve = loss_curve([[[0.5, 0.0]]], [[1.0, 0.0]], [1, 2], step=1.0)  # 1 - w halves at each step
    >>> [round(float(loss), 9) for loss in curve.loss[0]]
    [0.015625, 0.00390625]
    """
    grid = np.asarray(steps)
    if (
        grid.ndim != 1
        or grid.dtype.kind not in "iu"
        or not grid.size
        or grid[0] < 1
        or (np.diff(grid) < 1).any()
    ):
        raise ValueError(f"steps must be whole numbers that rise from at least 1, got {steps}")
    state, losses = weights, []
    for more in np.diff(grid, prepend=0):
        piece = descend(state, teacher, step=step, tolerance=1e-300, maximum_steps=int(more))
        state = piece.weights
        losses.append(piece.loss)
    return LossCurve(grid.astype(np.int64), np.array(losses).T, np.asarray(state))
