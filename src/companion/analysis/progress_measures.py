"""Progress measures: how much of what a network answers goes through a few characters of the operation's group.

The answer to add depends on a + b, to sub on a - b, to mul on the sum of discrete logarithms: an element s of a cyclic
group. Logits over a full table are split into what varies with s at key frequencies, cos and sin of 2πks/n, and the
rest. Restricted logits keep the mean over rows and the keys, excluded logits all but the keys; their cross-entropies
tell a circuit that forms from rows learned by heart long before the accuracy does (arXiv:2301.05217; mul:
arXiv:2402.16726). Leading axes are free, and numbers and classes are in their own order, 0 to p - 1.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.analysis.curriculum_times import first_checkpoint
from companion.analysis.fourier_structure import discrete_powers

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Operations whose answer is known to live on a cyclic group, and the basis of characters that diagonalises them.
BASES = {"add": "additive", "sub": "additive", "mul": "multiplicative"}


def group_elements(operation: str, operands: ArrayLike, prime: int) -> tuple[Whole, int]:
    """Element s (rows,) of the group that the answer to ``operands`` (rows, 2) depends on, and the group's order n.

    a + b or a - b modulo p, n = p; for mul the sum of discrete logarithms modulo n = p - 1, and -1 where an operand is
    0, which has none. Raises ValueError for another operation.

    >>> group_elements("mul", [[3, 5], [0, 1]], 7)[0].tolist()  # 3 = 3^1, 5 = 3^5
    [0, -1]
    """
    a, b = np.asarray(operands, dtype=np.int64).T
    if operation == "add":
        return (a + b) % prime, prime
    if operation == "sub":
        return (a - b) % prime, prime
    if operation != "mul":
        raise ValueError(f"operation: {operation!r} given; allowed: {', '.join(BASES)}")
    logarithm = np.full(prime, -1)
    logarithm[discrete_powers(prime)] = np.arange(prime - 1)
    both = (logarithm[a] >= 0) & (logarithm[b] >= 0)
    return np.where(both, (logarithm[a] + logarithm[b]) % (prime - 1), -1), prime - 1


def frequency_shares(logits: ArrayLike, elements: ArrayLike, order: int) -> Floats:
    """Shares of the variance of logits over rows at frequencies k = 1 ... n // 2 of s; (..., n // 2).

    ``logits`` (..., rows, classes) at ``elements`` (rows,) of a group of order n. Logits are centred over classes
    first, which no answer depends on. The shares add up to 1 less what is no function of s. NaN where nothing varies.
    """
    given, place = _rows(logits, elements, order)
    given = given - given.mean(axis=-1, keepdims=True)
    total = np.square(given - given.mean(axis=-2, keepdims=True)).mean(axis=-2).sum(axis=-1)
    spectrum = np.fft.rfft(_by_element(given, place, order), axis=-2) / order
    power = np.square(np.abs(spectrum)).sum(axis=-1)[..., 1:] * _multiplicity(order)
    with np.errstate(invalid="ignore", divide="ignore"):
        return power / total[..., None]


def strongest(power: ArrayLike, count: int = 5) -> Whole:
    """The ``count`` frequencies k >= 1 that hold most of ``power`` (..., n), ascending; (..., count).

    Raises ValueError for more of them than there are, and for power that is missing.
    """
    values = np.asarray(power, dtype=np.float64)
    if not 1 <= count <= values.shape[-1] or np.isnan(values).any():
        raise ValueError(
            f"power, count: {values.shape[-1]} frequencies and {count} given; "
            "allowed: numbers, and at most as many keys as frequencies"
        )
    return np.sort(np.argsort(-values, axis=-1, kind="stable")[..., :count], axis=-1) + 1


def key_component(logits: ArrayLike, elements: ArrayLike, order: int, keys: ArrayLike) -> Floats:
    """The part of ``logits`` (..., rows, classes) along cos and sin of 2πks/n for the ``keys`` k (..., K).

    Rows without an element have none of it. Restricted logits are their mean over rows plus this, excluded logits the
    logits less this. Raises ValueError for keys outside 1 ... n // 2 and rows that do not hold every s equally often.
    """
    given, place = _rows(logits, elements, order)
    chosen = np.asarray(keys, dtype=np.int64)
    if chosen.size and not (chosen.min() >= 1 and chosen.max() <= order // 2):
        raise ValueError(f"keys: {chosen.tolist()} given; allowed: frequencies from 1 to {order // 2}")
    kept = (chosen[..., None] == np.arange(order // 2 + 1)).any(axis=-2)
    spectrum = np.fft.rfft(_by_element(given, place, order), axis=-2)
    part = np.fft.irfft(spectrum * kept[..., None], n=order, axis=-2)
    found = np.zeros(np.shape(logits))
    found[..., np.asarray(elements) >= 0, :] = part[..., place, :]
    return found


def progress_losses(
    logits: ArrayLike, elements: ArrayLike, order: int, keys: ArrayLike, answers: ArrayLike, train: ArrayLike
) -> tuple[Floats, Floats]:
    """Cross-entropy of restricted logits on test rows and of excluded logits on training rows, both (...,), in nats.

    ``answers`` (rows,) are true classes, ``train`` (..., rows) says which rows are trained on. Rows without an element
    count in neither.
    """
    values, place = np.asarray(logits, dtype=np.float64), np.asarray(elements)
    part = key_component(values, place, order, keys)
    there = place >= 0
    mean = values[..., there, :].mean(axis=-2, keepdims=True)
    trained = np.asarray(train, dtype=bool)
    restricted = _mean_where(cross_entropy(mean + part, answers), there & ~trained)
    excluded = _mean_where(cross_entropy(values - part, answers), there & trained)
    return restricted, excluded


def half_rise(
    steps: ArrayLike, shares: ArrayLike, least: float = 0.0, looks: int = 3
) -> tuple[Floats, Floats]:
    """First of ``steps`` (n,) at which ``shares`` (..., n) have made half of their final rise, and that rise; (...,).

    The rise is the mean of the last ``looks`` values less the first one. Where it is not above ``least`` nothing has
    concentrated, and the time is inf; NaN where a share is missing.
    """
    values = np.asarray(shares, dtype=np.float64)
    rise = values[..., -looks:].mean(axis=-1) - values[..., 0]
    centred = np.where((rise > least)[..., None], values - (values[..., 0] + rise / 2)[..., None], -1.0)
    found = first_checkpoint(steps, centred, 0.0)
    return np.where(np.isnan(rise), np.nan, found), rise


def cross_entropy(logits: ArrayLike, answers: ArrayLike) -> Floats:
    """-log p(answer) of each row, (..., rows), for ``logits`` (..., rows, classes) and ``answers`` (rows,), in nats."""
    values = np.asarray(logits, dtype=np.float64)
    values = values - values.max(axis=-1, keepdims=True)
    at = np.broadcast_to(np.asarray(answers, dtype=np.int64), values.shape[:-1])
    right = np.take_along_axis(values, at[..., None], axis=-1)[..., 0]
    return np.log(np.exp(values).sum(axis=-1)) - right


def _rows(logits: ArrayLike, elements: ArrayLike, order: int) -> tuple[Floats, Whole]:
    """Logits of the rows that have an element, and these elements."""
    values, place = np.asarray(logits, dtype=np.float64), np.asarray(elements, dtype=np.int64)
    if values.ndim < 2 or place.shape != values.shape[-2:-1]:
        raise ValueError(
            f"logits, elements: shapes {values.shape}, {place.shape} given; allowed: (..., rows, classes), (rows,)"
        )
    counts = np.bincount(place[place >= 0], minlength=order)
    if len(counts) != order or counts.min() < 1 or counts.min() != counts.max():
        raise ValueError(
            f"elements: {counts.min()} to {counts.max()} rows of each of {len(counts)} given; "
            f"allowed: equally many of each of the {order}"
        )
    there = place >= 0
    return values[..., there, :], place[there]


def _by_element(values: Floats, place: Whole, order: int) -> Floats:
    """Means over the rows of each element, (..., n, classes)."""
    each = values[..., np.argsort(place, kind="stable"), :]
    return each.reshape(*values.shape[:-2], order, -1, values.shape[-1]).mean(axis=-2)


def _multiplicity(order: int) -> Floats:
    """How many of the n frequencies each of k = 1 ... n // 2 stands for: k and n - k, or k alone at n / 2."""
    found = np.full(order // 2, 2.0)
    if order % 2 == 0:
        found[-1] = 1.0
    return found


def _mean_where(values: Floats, mask: NDArray[np.bool_]) -> Floats:
    weights = np.broadcast_to(mask, values.shape).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (values * weights).sum(axis=-1) / weights.sum(axis=-1)
