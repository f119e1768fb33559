"""Principal components of trajectories of parameters, and what a random walk would show in their place.

Few components explain most of a high-dimensional random walk: of equally long steps the k-th one has a variance of
about 1/k², 6/π² of the whole in the first (arXiv:1806.08805). Shares of variance only tell something beside those of
walks with the same step lengths. All is done on inner products of M points, never on D x D matrices.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Weights that are multiplied at once: bounds the memory of long trajectories.
_COLUMNS = 65_536


def inner_products(rows: ArrayLike) -> Floats:
    """Inner products (..., M, M) of ``rows`` (..., M, D), in double precision."""
    given = np.asarray(rows)
    found = np.zeros((*given.shape[:-1], given.shape[-2]))
    for start in range(0, given.shape[-1], _COLUMNS):
        part = given[..., start : start + _COLUMNS].astype(np.float64)
        found += part @ np.swapaxes(part, -1, -2)
    return found


def steps_between(points: ArrayLike) -> NDArray[np.floating]:
    """Steps (..., M - 1, D) between the ``points`` (..., M, D) of trajectories."""
    return np.diff(np.asarray(points), axis=-2)


def walked(steps: ArrayLike, trajectories: int = 1) -> Floats:
    """Centred inner products (..., M, M) of the points that steps lead to, from those of the steps, (..., N, N).

    The N steps belong to ``trajectories`` of equal length which all begin at one point; M = N + ``trajectories``, the
    beginning counted once for each. Raises ValueError where the steps cannot be shared out.

    >>> walked([[1.0]]).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    given = np.asarray(steps, dtype=np.float64)
    count = given.shape[-1]
    if trajectories < 1 or count == 0 or count % trajectories:
        raise ValueError(
            f"trajectories: {trajectories} given for {count} steps; allowed: a divisor of their number"
        )
    each = count // trajectories
    sums = np.kron(np.eye(trajectories), np.tri(each + 1, each, -1))
    sums -= sums.mean(axis=0)
    return sums @ given @ sums.T


def explained_shares(gram: ArrayLike, count: int | None = None) -> Floats:
    """Shares of variance (..., count) of the principal components of centred ``gram`` (..., M, M), largest first.

    All M - 1 of them without ``count``, zeros beyond those. NaN where nothing varies.
    """
    given = np.asarray(gram, dtype=np.float64)
    found = np.clip(np.linalg.eigvalsh(given)[..., :0:-1], 0.0, None)
    total = np.trace(given, axis1=-2, axis2=-1)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(total > 0, found / total, np.nan)
    if count is None:
        return shares
    missing = max(0, count - shares.shape[-1])
    return np.pad(shares, [(0, 0)] * (shares.ndim - 1) + [(0, missing)])[..., :count]


def participation_ratio(gram: ArrayLike) -> Floats:
    """How many components take part: (Σ λ)² / Σ λ² of the eigenvalues of ``gram`` (..., M, M); (...,)."""
    given = np.asarray(gram, dtype=np.float64)
    total = np.trace(given, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total**2 / np.square(given).sum(axis=(-2, -1))


def component_coordinates(gram: ArrayLike, count: int) -> Floats:
    """Coordinates (M, count) of the points of ``gram`` (M, M) along the first principal components.

    The coordinate of the largest size is positive in each. Raises ValueError for more components than M - 1.
    """
    given = np.asarray(gram, dtype=np.float64)
    if not 1 <= count < len(given):
        raise ValueError(f"count: {count} given; allowed: 1 to {len(given) - 1}")
    values, vectors = np.linalg.eigh(given)
    found = vectors[:, : -count - 1 : -1] * np.sqrt(np.clip(values[: -count - 1 : -1], 0.0, None))
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=0)[None], axis=0)
    return found * np.where(largest < 0, -1.0, 1.0)


def walk_gram(lengths: ArrayLike) -> Floats:
    """Centred inner products of walks with these step ``lengths`` (trajectories, n), in infinitely many dimensions.

    Steps are orthogonal there. Of one walk of M - 1 equal steps the eigenvalues are 1/(4 sin²(πk/2M)).

    >>> shares = explained_shares(walk_gram(np.ones((1, 50))), 4)
    >>> shares.round(3).tolist()
    [0.608, 0.152, 0.068, 0.038]
    """
    norms = np.atleast_2d(np.asarray(lengths, dtype=np.float64))
    return walked(np.diag(norms.ravel() ** 2), len(norms))


def drawn_walks(lengths: ArrayLike, dimension: int, draws: int, generator: np.random.Generator) -> Floats:
    """Centred inner products (draws, M, M) of walks in ``dimension`` dimensions, directions uniform and independent.

    ``lengths`` (trajectories, n) are those of the steps. Inner products of Gaussian steps are Wishart and drawn as
    such (Bartlett's decomposition). Raises ValueError for fewer dimensions than steps.
    """
    norms = np.atleast_2d(np.asarray(lengths, dtype=np.float64))
    count = norms.size
    if dimension < count:
        raise ValueError(f"dimension: {dimension} given; allowed: at least the {count} steps")
    factor = np.tril(generator.standard_normal((draws, count, count)), -1)
    at = np.arange(count)
    factor[:, at, at] = np.sqrt(generator.chisquare(dimension - at, (draws, count)))
    factor *= (norms.ravel() / np.linalg.norm(factor, axis=-1))[..., None]
    return walked(factor @ np.swapaxes(factor, -1, -2), len(norms))


def flipped_walks(steps: ArrayLike, trajectories: int, draws: int, generator: np.random.Generator) -> Floats:
    """Centred inner products (draws, M, M) where every step is taken forwards or backwards by a toss.

    ``steps`` (N, N) are inner products of the true ones: lengths and the directions they spread over stay as they are,
    what one step has to do with the next is gone.
    """
    given = np.asarray(steps, dtype=np.float64)
    signs = generator.integers(2, size=(draws, len(given))) * 2.0 - 1.0
    return walked(signs[:, :, None] * given * signs[:, None, :], trajectories)


def z_scores(observed: ArrayLike, drawn: ArrayLike) -> Floats:
    """How far ``observed`` (...) lies from the mean of ``drawn`` (draws, ...), in their standard deviations.

    Raises ValueError for fewer than two draws.
    """
    samples = np.asarray(drawn, dtype=np.float64)
    if len(samples) < 2:
        raise ValueError(f"drawn: {len(samples)} draws given; allowed: at least 2")
    with np.errstate(invalid="ignore", divide="ignore"):
        return (np.asarray(observed) - samples.mean(axis=0)) / samples.std(axis=0, ddof=1)
