"""Attribution curves: how surely the class of a noised point is known, against diffusion time.

C_c(t) = E[P(c | x_t) | x_0 in class c]. It is also the probability that a backward trajectory started from
such a point ends in class c, so that no trajectory is needed. It falls from 1 (for separable classes) at
t -> 0 to π_c at t -> ∞: because of E_c[P(c | x)] = E[P(c | x)²]/π_c, never below π_c and never rising.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm, qmc

from companion.theory.class_posterior import GaussianClasses, checked_times

Floats = NDArray[np.float64]

# Number of posteriors held at once: few enough to stay in the cache.
_BLOCK = 1 << 18


class Attribution:
    """The matrix A_cc'(t) = E[P(c' | x_t) | c] of one set of points, at any times.

    The posterior depends on x_t through its place in the span of the centroids and its squared distance from
    it, so that points are drawn there: ``samples`` of them for each class (a power of two, a scrambled Sobol
    sequence of min(K, d) coordinates), at a cost that does not grow with d. The same points serve all times, so
    that curves are smooth in t; ``generator`` scrambles them. With 4096 points curves are good to about 1e-3.

    >>> two = GaussianClasses((0.5, 0.5), (1.0, 1.0), 8.0 * np.eye(2, 64))
    >>> Attribution(two, np.random.default_rng(0)).matrix(1.8136)[0].round(2).tolist()
    [0.75, 0.25]
    """

    def __init__(self, classes: GaussianClasses, generator: np.random.Generator, samples: int = 4096):
        if samples < 2 or samples & (samples - 1):
            raise ValueError(f"samples: {samples} given; allowed is a power of two")
        self.classes = classes
        self.samples = samples
        self._places = _coordinates(classes.centroids)
        rank = self._places.shape[1]
        self._rest = classes.dimension - rank
        columns = rank + (1 if self._rest else 0)
        uniform = np.empty((classes.size, samples, max(columns, 1)))
        for label in range(classes.size):
            sobol = qmc.Sobol(uniform.shape[2], rng=generator)
            uniform[label] = sobol.random_base2(samples.bit_length() - 1)
        uniform = np.clip(uniform, 1e-12, 1 - 1e-12)
        self._inside = norm.ppf(uniform[..., :rank])
        self._outside = (
            chi2.ppf(uniform[..., rank], self._rest) if self._rest else np.zeros(uniform.shape[:2])
        )

    def matrix(self, times: ArrayLike) -> Floats:
        """A_cc'(t), (..., K, K) for times (...), each row from the points of its own class."""
        times = checked_times(times)
        flat = times.reshape(-1)
        size = self.classes.size
        found = np.empty((flat.size, size, size))
        step = max(1, _BLOCK // (size * size * self.samples))
        for start in range(0, flat.size, step):
            found[start : start + step] = self._posteriors(flat[start : start + step]).mean(axis=3)
        return found.reshape(*times.shape, size, size)

    def balanced_matrix(self, times: ArrayLike) -> Floats:
        """A_cc'(t) with detailed balance π_c A_cc' = π_c' A_c'c imposed, (..., K, K).

        Each pair is taken from the points of its rarer class: those of the more frequent one hardly ever come
        near the other, so that plain means over them are noisy. Rows sum to one.
        """
        weights = self.classes.weights
        matrix = self.matrix(times)
        joint = weights[:, None] * matrix
        rarer = weights[:, None] <= weights
        joint = np.where(rarer, joint, np.swapaxes(joint, -1, -2))
        # Equal weights: the mean of both.
        equal = weights[:, None] == weights
        joint = np.where(equal, (joint + np.swapaxes(joint, -1, -2)) / 2, joint)
        matrix = joint / weights[:, None]
        away = matrix.sum(axis=-1) - np.diagonal(matrix, axis1=-2, axis2=-1)
        diagonal = np.arange(weights.size)
        matrix[..., diagonal, diagonal] = 1 - away
        return matrix

    def curves(self, times: ArrayLike, *, balanced: bool = False) -> Floats:
        """C_c(t), (..., K): the diagonal of the matrix, plain or with detailed balance imposed."""
        matrix = self.balanced_matrix(times) if balanced else self.matrix(times)
        return np.diagonal(matrix, axis1=-2, axis2=-1).copy()

    def _posteriors(self, times: Floats) -> Floats:
        """P(c' | x) of every point of every class c, (times, K, K, samples); c' is the third axis."""
        shrink = np.exp(-times)[:, None, None]
        variances = self.classes.variances(times)
        widths = np.sqrt(variances)[:, :, None]
        size = self.classes.size
        square = np.empty((times.size, size, size, self.samples))
        square[:] = (variances[:, :, None] * self._outside)[:, :, None]
        # Coordinate by coordinate, with the long axis last: sums over short axes are slow.
        for axis in range(self._places.shape[1]):
            place = self._places[:, axis]
            inside = shrink * place[:, None] + widths * self._inside[:, :, axis]
            square += (inside[:, :, None] - shrink[..., None] * place[:, None]) ** 2
        spread = variances[:, None, :, None]
        logits = np.log(self.classes.weights)[:, None] - 0.5 * self.classes.dimension * np.log(spread)
        square *= -0.5 / spread
        square += logits
        square -= square.max(axis=2, keepdims=True)
        np.exp(square, out=square)
        square /= square.sum(axis=2, keepdims=True)
        return square


def normalised(curves: ArrayLike, weights: ArrayLike) -> Floats:
    """(C_c - π_c)/(1 - π_c): attribution curves on the scale from chance (0) to certainty (1).

    >>> normalised([0.1, 1.0], [0.1, 0.9]).tolist()
    [0.0, 1.0]
    """
    weights = np.asarray(weights, dtype=np.float64)
    return (np.asarray(curves, dtype=np.float64) - weights) / (1 - weights)


def _coordinates(centroids: Floats) -> Floats:
    """The centroids in an orthonormal basis of their differences, (K, rank)."""
    centred = centroids - centroids.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    kept = values > 1e-12 * max(float(values.max(initial=0.0)), 1e-300)
    return left[:, kept] * values[kept]
