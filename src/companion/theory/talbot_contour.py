"""Functions of a matrix that gradient flow needs, as sums of few of its resolvents (Talbot's contour).

f_T(λ) = (1 - e^-λT)/λ is the inverse Laplace transform at T of 1/(s (λ + s)), so for every λ >= 0 at once
f_T(λ) ≈ 2 Re Σ_k c_k(T)/(λ + s_k): Talbot's cotangent contour with the coefficients of Weideman (2006,
SIAM J. Numer. Anal. 44, 2342), midpoint rule in its angle, nodes in conjugate pairs of which one is kept.

One contour serves all times of an octave [2^j, 2^(j+1)): resolvents are dear and times are cheap. Octaves
are fixed, so that a loss does not depend on which other times it is asked with.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Nodes on the contour, conjugates included: the error of f_T(λ), in units of min(T, 1/λ), is below 2e-7.
POINTS = 16


class Contour(NamedTuple):
    """Nodes s (octaves, points/2), octave of each time (times,), and weights c (times, points/2)."""

    nodes: NDArray[np.complex128]
    octave: NDArray[np.intp]
    weights: NDArray[np.complex128]


def contour(times: NDArray[np.float64], points: int = POINTS) -> Contour:
    """Contours of the octaves in which ``times`` (times,), positive and finite, lie; ``points`` is even.

    >>> found = contour(np.array([0.3, 2.0]))
    >>> f = 2 * (found.weights / (1.5 + found.nodes[found.octave])).sum(axis=1).real
    >>> bool(np.abs(f - (1 - np.exp(-1.5 * np.array([0.3, 2.0]))) / 1.5).max() < 2e-7)
    True
    """
    if points < 4 or points % 2:
        raise ValueError(f"points: {points} given; allowed are even numbers from 4")
    exponents, octave = np.unique(np.floor(np.log2(times)), return_inverse=True)
    angle = (2 * np.arange(points // 2) + 1) * np.pi / points
    inner = 0.6407 * angle
    shape = 0.5017 * angle / np.tan(inner) - 0.6122 + 0.2645j * angle
    slope = 0.5017 / np.tan(inner) - 0.5017 * inner / np.sin(inner) ** 2 + 0.2645j
    # The factor .9, against 1 for a single time, makes the error level over an octave.
    scale = 0.9 * points / np.exp2(exponents + 0.5)
    nodes = scale[:, None] * shape
    weights = np.exp(nodes[octave] * times[:, None]) * (slope / (1j * points * shape))
    return Contour(nodes, octave, weights)
