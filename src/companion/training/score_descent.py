"""Descent of a random-features score on finitely many draws of the noise (arXiv:2605.06367, arXiv:2505.17638).

The learned coefficients are B = √(Δ/p) A; a step of eigen-time δ is B <- B - δ (B Û + V̂ᵀ), with Û and V̂
averaged over the drawn noises. Without drawing (infinitely many noises) and for δ -> 0 this is ``ScoreFlow``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.datasets.gaussian_mixture import Samples
from companion.models.feature_matrices import ClassMatrices
from companion.models.feature_spectra import leading_eigenpairs
from companion.models.random_features import RandomFeatures

Floats = NDArray[np.float64]
Normalisation = Literal["unscaled", "scaled", "flow"]

_CHUNK = 1 << 23


@dataclass(frozen=True, eq=False)
class ScoreDescent:
    """Losses of each class, (records, K), after ``steps`` (records,) at eigen-times ``times``, and the last B (d, p).

    ``train`` and ``test`` are averaged over all noise, exactly; ``drawn`` over the fixed draws that were
    trained on, or None when each step draws its own.
    """

    steps: NDArray[np.int64]
    times: Floats
    train: Floats
    test: Floats
    drawn: Floats | None
    coefficients: Floats


def eigen_time_per_step(
    learning_rate: float, model: RandomFeatures, normalisation: Normalisation = "unscaled"
) -> float:
    """Eigen-time T of one step of descent on A at rate η, the loss being per coordinate.

    "unscaled": s = A σ(W x/√d), as in the public code of arXiv:2505.17638, T = 2 Δ η/d; "scaled":
    s = A σ(W x/√d)/√p, T = 2 Δ η/(d p); "flow": η is the time τ of dA/dτ = -d² ∇L with that scaling,
    T = 2 Δ τ d/p. Raises ValueError for a rate that is not positive, or another normalisation.
    """
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate: {learning_rate} given; it is positive and finite")
    count, dimension = model.W.shape
    factors = {"unscaled": 1 / dimension, "scaled": 1 / (dimension * count), "flow": dimension / count}
    if normalisation not in factors:
        raise ValueError(f"normalisation: {normalisation!r} given; allowed are {', '.join(factors)}")
    return 2 * model.noise_variance * learning_rate * factors[normalisation]


def largest_stable_step(
    train: ClassMatrices, class_weights: ArrayLike | None = None, noises_per_step: int | None = None
) -> float:
    """Eigen-time per step above which descent diverges: 2/λ_max of U, or 2/(λ_max + ω Tr U/b).

    The second holds for ``noises_per_step`` = b random features vectors in each step, in mean square, ω being
    the largest weight of a point relative to the mean. Centroids of norm O(√d) make λ_max = O(p).
    """
    U = train.weighted(class_weights).features
    top = _largest_eigenvalue(U)
    if noises_per_step is not None:
        largest_weight = (train.checked_weights(class_weights) / train.shares).max()
        top += largest_weight * np.trace(U) / noises_per_step
    return 2 / top


def log_spaced_steps(steps: int, records: int) -> NDArray[np.int64]:
    """At most ``records`` whole numbers from 1 to ``steps``, evenly spaced in the logarithm.

    >>> log_spaced_steps(100, 5).tolist()
    [1, 3, 10, 32, 100]
    """
    return np.unique(np.round(np.geomspace(steps, 1, records)).astype(np.int64))


def descend_score(
    model: RandomFeatures,
    samples: Samples,
    train: ClassMatrices,
    population: ClassMatrices,
    *,
    step: float,
    steps: int,
    generator: np.random.Generator,
    draws: int = 1,
    fresh: bool = True,
    batch_size: int | None = None,
    class_weights: ArrayLike | None = None,
    records: int = 60,
) -> ScoreDescent:
    """Train B from zero by ``steps`` steps of eigen-time ``step`` each (``eigen_time_per_step`` converts).

    Every point comes with ``draws`` noises: new ones in each step, or with ``fresh=False`` the same ones for
    ever. ``batch_size`` points without replacement make a step, all of them unless given. ``class_weights``
    weigh the classes apart from their numbers of points. ``train`` and ``population`` are the model's exact
    matrices, for the losses at ``log_spaced_steps``.

    Cost of a step: 6 d p flops for each drawn noise; with fixed draws and no batches 2 d p², whatever their number.

    Raises ValueError for numbers that are not positive, a batch beyond n, an unstable step.
    """
    for name, value in {"steps": steps, "draws": draws, "records": records}.items():
        if value < 1:
            raise ValueError(f"{name}: {value} given; it is at least 1")
    total = samples.labels.size
    batch = total if batch_size is None else batch_size
    if not 1 <= batch <= total:
        raise ValueError(f"batch_size: {batch_size} given; it is between 1 and the {total} points")
    task = _Task(model, samples, train.checked_weights(class_weights), draws, fresh, generator)
    drawn = task.drawn_matrices() if batch == total and not fresh else None
    if drawn is None:
        limit = largest_stable_step(train, class_weights, batch * draws)
    else:
        limit = 2 / _largest_eigenvalue(drawn[0])
    if not 0 < step < limit:
        raise ValueError(
            f"step: {step:.4g} of eigen-time given; descent is stable between 0 and {limit:.4g} here"
            " (2/λ_max, less the fluctuations of a step); centroids of norm O(√d) make λ_max as large as O(p)"
        )
    marks = log_spaced_steps(steps, records)
    B, losses = np.zeros(model.W.T.shape), []
    for taken, selected in enumerate(_batches(total, batch, generator), start=1):
        if drawn is None:
            B -= step * task.gradient(B, selected)
        else:
            B -= step * (B @ drawn[0] + drawn[1].T)
        if taken == marks[len(losses)]:
            losses.append((train.losses(B), population.losses(B), task.drawn_losses(B)))
        if taken == steps:
            break
    on_train, on_test, on_drawn = zip(*losses, strict=True)
    times = np.multiply(step, marks, dtype=np.float64)
    on_noises = None if fresh else np.array(on_drawn)
    return ScoreDescent(marks, times, np.array(on_train), np.array(on_test), on_noises, B)


def _largest_eigenvalue(U: Floats) -> float:
    return float(leading_eigenpairs(lambda vectors: U @ vectors, len(U), 1)[0][0])


def _batches(total: int, batch: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Batches without replacement, epoch after epoch; points that fill no batch wait for the next epoch."""
    while True:
        order = np.arange(total) if batch == total else generator.permutation(total)
        for start in range(0, total - batch + 1, batch):
            yield order[start : start + batch]


class _Task:
    """Noisy points of one training set: gradients, and averages over noises that stay the same."""

    def __init__(
        self,
        model: RandomFeatures,
        samples: Samples,
        weights: Floats,
        draws: int,
        fresh: bool,
        generator: np.random.Generator,
    ) -> None:
        self._model, self._generator, self._draws = model, generator, draws
        self._labels, self._counts = samples.labels, samples.class_counts
        self._contracted = np.exp(-model.diffusion_time) * samples.points
        self._weights = (weights / self._counts)[samples.labels]
        self._noise = None if fresh else generator.standard_normal((draws, *samples.points.shape))

    def _noisy(self, selected: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
        """Points, their noises ξ (m, d) and their features (m, p), in pieces that fit into memory."""
        length = max(1, _CHUNK // len(self._model.W))
        for draw in range(self._draws):
            for start in range(0, selected.size, length):
                points = selected[start : start + length]
                if self._noise is None:
                    noise = self._generator.standard_normal((points.size, self._contracted.shape[1]))
                else:
                    noise = self._noise[draw, points]
                at = self._contracted[points] + np.sqrt(self._model.noise_variance) * noise
                yield points, noise, self._model.features(at)

    def gradient(self, B: Floats, selected: NDArray[np.int64]) -> Floats:
        """B Û + V̂ᵀ (d, p), estimated from the ``selected`` points."""
        result = np.zeros_like(B)
        factor = self._labels.size / (selected.size * self._draws)
        for points, noise, features in self._noisy(selected):
            residuals = features @ B.T + noise
            result += (factor * self._weights[points, None] * residuals).T @ features
        return result

    def drawn_matrices(self) -> tuple[Floats, Floats]:
        """Û (p, p) and V̂ (p, d) of the fixed noises."""
        count, dimension = self._model.W.shape
        U, V = np.zeros((count, count)), np.zeros((count, dimension))
        for points, noise, features in self._noisy(np.arange(self._labels.size)):
            features *= np.sqrt(self._weights[points, None] / self._draws)
            U += features.T @ features
            V += features.T @ (np.sqrt(self._weights[points, None] / self._draws) * noise)
        return U, V

    def drawn_losses(self, B: Floats) -> Floats | None:
        """Losses of the classes on the fixed noises, (K,)."""
        if self._noise is None:
            return None
        sums = np.zeros(self._counts.size)
        for points, noise, features in self._noisy(np.arange(self._labels.size)):
            squares = np.square(features @ B.T + noise).mean(axis=1)
            sums += np.bincount(self._labels[points], squares, minlength=sums.size)
        return sums / (self._counts * self._draws)
