"""Fourier structure of number embeddings: which characters of Z_p or of its units a network has taken up.

Addition, subtraction and their combinations are diagonal in the additive characters, multiplication and division in
the multiplicative ones (arXiv:2301.05217, 2402.16726). Leading axes are free.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def additive_power(embedding: ArrayLike) -> Floats:
    """Shares of the power at frequencies k = 1 ... (p - 1)/2, k and p - k merged; (..., (p - 1)/2).

    ``embedding`` (..., p, width) is centred over the numbers first. Raises ValueError for p < 3 or even p.
    """
    W = np.asarray(embedding, dtype=np.float64)
    count = W.shape[-2]
    if count < 3 or count % 2 == 0:
        raise ValueError(f"embedding: {count} numbers given; allowed: an odd number of at least 3")
    power = (np.abs(np.fft.rfft(W - W.mean(axis=-2, keepdims=True), axis=-2)) ** 2).sum(axis=-1)[..., 1:]
    return power / power.sum(axis=-1, keepdims=True)


def multiplicative_power(embedding: ArrayLike) -> Floats:
    """The same over the units of Z_p in the order of their discrete logarithms; (..., (p - 1)/2).

    Frequencies are k = 1 ... (p - 1)/2 of Z_{p-1}; the last of them is its own mirror. Number 0 has no logarithm and is
    left out. Raises ValueError where p is no odd prime.
    """
    W = np.asarray(embedding, dtype=np.float64)[..., discrete_powers(np.shape(embedding)[-2]), :]
    power = (np.abs(np.fft.rfft(W - W.mean(axis=-2, keepdims=True), axis=-2)) ** 2).sum(axis=-1)[..., 1:]
    power[..., :-1] *= 2.0
    return power / power.sum(axis=-1, keepdims=True)


def discrete_powers(prime: int) -> NDArray[np.int64]:
    """g^0, g^1, ..., g^(p - 2) modulo an odd prime p, g its smallest primitive root; (p - 1,).

    >>> discrete_powers(7).tolist()
    [1, 3, 2, 6, 4, 5]
    """
    if prime < 3 or any(prime % divisor == 0 for divisor in range(2, int(prime**0.5) + 1)):
        raise ValueError(f"prime: {prime} given; allowed: an odd prime")
    orders = (
        np.array([pow(root, exponent, prime) for exponent in range(prime - 1)]) for root in range(2, prime)
    )
    return next(powers for powers in orders if len(set(powers.tolist())) == prime - 1)


def participation(power: ArrayLike) -> Floats:
    """1 / Σ P_k²: how many of the frequencies (..., n) carry the power, (...,)."""
    return 1.0 / np.square(np.asarray(power, dtype=np.float64)).sum(axis=-1)


def top_share(power: ArrayLike, count: int = 5) -> Floats:
    """Share of the ``count`` strongest frequencies, (...,)."""
    return np.sort(np.asarray(power, dtype=np.float64), axis=-1)[..., -count:].sum(axis=-1)
