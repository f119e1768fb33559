"""Random-features scores along the whole diffusion: one second layer for each diffusion time.

The features are shared; at every time t of a grid the coefficients B_t follow gradient flow on the loss at that t,
in closed form (see ``feature_learning_curves``). The same eigen-time T at every t is what a network that predicts the
noise, √Δ s, reaches after one common training time (setting of arXiv:2605.06367).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.datasets.gaussian_mixture import Samples
from companion.models.random_features import RandomFeatures
from companion.theory.class_posterior import checked_times

Floats = NDArray[np.float64]

# Points at once, whose features stay in the cache.
_BLOCK = 512


@dataclass(frozen=True, eq=False)
class LearnedScores:
    """``coefficients`` B_t(T), (training, times, d, p), of ``features`` at diffusion ``times`` (times,)."""

    features: RandomFeatures
    times: Floats
    coefficients: Floats

    def score(self, training: int) -> Callable[[Floats, float], Floats]:
        """The score s(x, t) at one training time, for `theory.backward_diffusion`; x is (..., d).

        It raises ValueError at a diffusion time that it was not trained at.
        """

        def learned(points: Floats, time: float) -> Floats:
            place = np.flatnonzero(self.times == time)
            if place.size != 1:
                raise ValueError(f"time: {time} given; scores were trained at {self.times.tolist()} only")
            coefficients = self.coefficients[training, place[0]]
            if not coefficients.any():
                return np.zeros(points.shape)
            model = self.features.at(float(time))
            flat = points.reshape(-1, points.shape[-1])
            found = np.empty_like(flat)
            for start in range(0, len(flat), _BLOCK):
                rows = slice(start, start + _BLOCK)
                found[rows] = model.score(flat[rows], coefficients)
            return found.reshape(points.shape)

        return learned


def learned_scores(
    features: RandomFeatures, samples: Samples, times: ArrayLike, training_times: ArrayLike
) -> LearnedScores:
    """Train on ``samples`` at every diffusion time of ``times``, up to each eigen-time of ``training_times``.

    Noise is averaged exactly. T = 0 is the untrained score, s = 0. One diagonalisation of size p for each t.

    Raises ValueError for diffusion times that are not positive, or negative training times.
    """
    times, training = checked_times(times).reshape(-1), np.asarray(training_times, dtype=np.float64)
    if training.ndim != 1 or not (training >= 0).all():
        raise ValueError(f"training_times: {training_times!r} given; they are a list and not negative")
    count, dimension = features.W.shape
    coefficients = np.empty((training.size, times.size, dimension, count))
    for place, time in enumerate(times):
        U, V = features.at(float(time)).train_matrices(samples).weighted(None)
        eigenvalues, vectors = np.linalg.eigh(U)
        couplings = V.T @ vectors
        relaxed = -np.expm1(-eigenvalues * training[:, None]) / eigenvalues
        coefficients[:, place] = -(couplings * relaxed[:, None]) @ vectors.T
    return LearnedScores(features, times, coefficients)
