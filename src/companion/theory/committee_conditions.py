"""Conditions of two-task learning in a soft committee: starts, readouts, similarity, rates, consolidation.

Students u_k = w_k·x/√d share a first layer and have one readout for each of two tasks; the teacher of task t has
fields z_m^t. Teacher 1 is orthonormal, and w*²_m = V w*¹_m + √(1 - V²) o_m with orthonormal o_m across it
(arXiv:2503.02526, 2106.05418). A start is kept in the frame (w*¹, o), so that one draw serves every similarity V.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.compute.seeds import generator
from companion.settings.problems import did_you_mean

Floats = NDArray[np.float64]

#: What elastic weight consolidation weighs a unit's weights with: the Fisher information of the first task's output,
#: the squared readout, or the mean of the Fisher information over units.
Penalty = Literal["fisher", "readout", "uniform"]


@dataclass(frozen=True, eq=False)
class Conditions:
    """B conditions of one architecture: K students, two teachers of M units. Made by `two_task_conditions`.

    ``start`` (B, K, K + 2M) holds Q | overlaps with the units of teacher 1 | overlaps with the directions across it;
    ``readouts`` (B, 2, K) one row per task, ``teacher_readouts`` (B, 2, M); the rest are (B,). ``shape`` is what the
    arguments were broadcast to, B its product.
    """

    start: Floats
    readouts: Floats
    teacher_readouts: Floats
    similarity: Floats
    learning_rate: Floats
    readout_learning_rate: Floats
    label_noise: Floats
    consolidation: Floats
    copy_readout: NDArray[np.bool_]
    penalty: Penalty
    gradient_flow: bool
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many conditions there are, B."""
        return len(self.start)

    @property
    def students(self) -> int:
        """Student units, K."""
        return self.start.shape[1]

    @property
    def teachers(self) -> int:
        """Units of each teacher, M."""
        return (self.start.shape[2] - self.students) // 2

    @property
    def covariance(self) -> Floats:
        """Covariance (B, K + 2M, K + 2M) of all fields at the start: students, teacher 1, teacher 2."""
        K, M = self.students, self.teachers
        found = np.empty((self.size, K + 2 * M, K + 2 * M))
        rows = overlaps_with_teachers(self.start, self.similarity)
        found[:, :K] = rows
        found[:, :, :K] = rows.swapaxes(1, 2)
        found[:, K:, K:] = teacher_covariance(self.similarity, M)
        return found

    def part(self, which: slice | NDArray[np.int64]) -> "Conditions":
        """Some of the conditions, flat."""
        arrays = {
            field.name: getattr(self, field.name)[which]
            for field in fields(self)
            if isinstance(getattr(self, field.name), np.ndarray)
        }
        return replace(self, **arrays, shape=arrays["similarity"].shape)


def overlaps_with_teachers(rows: Floats, similarity: Floats) -> Floats:
    """(Q | R | U) from (Q | R | overlaps across teacher 1), both (..., K, K + 2M); ``similarity`` V (...,)."""
    K = rows.shape[-2]
    M = (rows.shape[-1] - K) // 2
    V = similarity[..., None, None]
    second = V * rows[..., K : K + M] + np.sqrt(1.0 - V * V) * rows[..., K + M :]
    return np.concatenate([rows[..., : K + M], second], axis=-1)


def teacher_covariance(similarity: Floats, teachers: int) -> Floats:
    """Covariance (..., 2M, 2M) of the fields of both teachers at similarity V (...,)."""
    identity = np.eye(teachers)
    found = np.zeros((*similarity.shape, 2 * teachers, 2 * teachers))
    found[..., :teachers, :teachers] = found[..., teachers:, teachers:] = identity
    found[..., :teachers, teachers:] = found[..., teachers:, :teachers] = (
        similarity[..., None, None] * identity
    )
    return found


def isotropic_start(students: int, teachers: int, weight_scale: ArrayLike) -> Floats:
    """Start for d → ∞ of weights N(0, σ_w²): Q = σ_w² 1, no overlap with a teacher; (..., K, K + 2M).

    R = 0 is no fixed point where a readout is not 0. Raises ValueError for counts below 1 and σ_w < 0.

    >>> isotropic_start(2, 1, 0.1)[0]
    array([0.01, 0.  , 0.  , 0.  ])
    """
    K, M = _count("students", students), _count("teachers", teachers)
    scale = _finite("weight_scale", weight_scale, lower=0.0)
    start = np.zeros((*scale.shape, K, K + 2 * M))
    start[..., np.arange(K), np.arange(K)] = scale[..., None] ** 2
    return start


def drawn_start(
    students: int, teachers: int, dimension: int, weight_scale: ArrayLike, draws: Iterable[int], seed: int
) -> Floats:
    """Exact overlaps of weights with entries N(0, σ_w²) in d dimensions, one start for each draw; (n, K, K + 2M).

    ``weight_scale`` σ_w is one number or one for each draw. The part inside the frame is Gaussian, the overlaps of the
    rest are a Wishart matrix, drawn as Bartlett's triangle: the cost does not depend on d. Each draw has a generator
    named by K, M, d and its index, hence the same directions at every scale. Raises ValueError for counts below 1,
    σ_w < 0 and d < K + 2M.
    """
    K, M = _count("students", students), _count("teachers", teachers)
    indices = [int(draw) for draw in draws]
    scale = np.broadcast_to(_finite("weight_scale", weight_scale, lower=0.0), (len(indices),))
    if dimension < K + 2 * M:
        raise ValueError(f"dimension: {dimension} given; allowed: at least K + 2M = {K + 2 * M}")
    inside, triangle = np.empty((len(indices), K, 2 * M)), np.zeros((len(indices), K, K))
    for place, draw in enumerate(indices):
        random = generator(seed, "committee start", K, M, dimension, draw)
        inside[place] = random.standard_normal((K, 2 * M))
        triangle[place] = np.tril(random.standard_normal((K, K)), -1)
        triangle[place] += np.diag(np.sqrt(random.chisquare(dimension - 2 * M - np.arange(K))))
    Q = (inside @ inside.swapaxes(1, 2) + triangle @ triangle.swapaxes(1, 2)) / dimension
    overlaps = inside / math.sqrt(dimension)
    return np.concatenate([Q * scale[:, None, None] ** 2, overlaps * scale[:, None, None]], axis=2)


def start_overlaps(weights: ArrayLike, frame: ArrayLike) -> Floats:
    """Start (..., K, K + 2M) of given weights (..., K, d) in the frame (2M, d) of teacher 1 and what is across it.

    Rows of the frame have squared length d and are orthogonal. Raises ValueError where they are not, or shapes differ.
    """
    w, rows = np.asarray(weights, dtype=np.float64), np.asarray(frame, dtype=np.float64)
    if rows.ndim != 2 or w.ndim < 2 or w.shape[-1] != rows.shape[1] or len(rows) % 2:
        raise ValueError(
            f"weights, frame: shapes {w.shape}, {rows.shape} given; allowed: (..., K, d), (2M, d)"
        )
    dimension = rows.shape[1]
    if not np.allclose(rows @ rows.T / dimension, np.eye(len(rows)), rtol=0, atol=1e-9):
        raise ValueError(
            "frame: rows that are not orthogonal with squared length d given; allowed: such rows"
        )
    return np.concatenate([w @ w.swapaxes(-1, -2), w @ rows.T], axis=-1) / dimension


def two_task_conditions(
    start: ArrayLike,
    first_readout: ArrayLike,
    second_readout: ArrayLike,
    similarity: ArrayLike = 1.0,
    *,
    teacher_readout: ArrayLike = 1.0,
    learning_rate: ArrayLike = 1.0,
    readout_learning_rate: ArrayLike | None = None,
    label_noise: ArrayLike = 0.0,
    consolidation: ArrayLike = 0.0,
    penalty: Penalty = "fisher",
    copy_readout: ArrayLike = False,
    gradient_flow: bool = False,
) -> Conditions:
    """Conditions from arguments that broadcast against each other, flattened in C order.

    ``start`` (..., K, K + 2M) comes from `isotropic_start`, `drawn_start` or `start_overlaps`; readouts are (..., K),
    one for each task; ``similarity`` V (...,) lies in [-1, 1]. ``teacher_readout`` (..., M) or a number belongs to both
    teachers. ``learning_rate`` e_w, ``readout_learning_rate`` e_h (by default the same) and ``consolidation`` γ may
    differ between conditions; ``label_noise`` is a variance. ``copy_readout`` starts task 2 with the readout of task 1.
    ``gradient_flow`` drops the noise of single samples, of order e_w².

    Raises ValueError, naming the argument, for shapes that do not fit and for values out of range.
    """
    rows = _finite("start", start)
    if rows.ndim < 2 or rows.shape[-1] <= rows.shape[-2] or (rows.shape[-1] - rows.shape[-2]) % 2:
        raise ValueError(f"start: shape {rows.shape} given; allowed: (..., K, K + 2M) with K, M >= 1")
    K = rows.shape[-2]
    M = (rows.shape[-1] - K) // 2
    if penalty not in get_args(Penalty):
        known = get_args(Penalty)
        raise ValueError(f"penalty: {penalty!r} given; {did_you_mean(str(penalty), known, ', '.join(known))}")
    heads = [_readout("first_readout", first_readout, K), _readout("second_readout", second_readout, K)]
    teacher = _finite("teacher_readout", teacher_readout)
    teacher = _readout("teacher_readout", teacher if teacher.ndim else np.full(M, teacher), M)
    given: dict[str, Any] = {
        "similarity": _finite("similarity", similarity, lower=-1.0, upper=1.0),
        "learning_rate": _finite("learning_rate", learning_rate, above=0.0),
        "label_noise": _finite("label_noise", label_noise, lower=0.0),
        "consolidation": _finite("consolidation", consolidation, lower=0.0),
        "copy_readout": np.asarray(copy_readout, dtype=bool),
    }
    rate = learning_rate if readout_learning_rate is None else readout_learning_rate
    given["readout_learning_rate"] = _finite("readout_learning_rate", rate, above=0.0)
    shapes = [rows.shape[:-2], *(each.shape[:-1] for each in (*heads, teacher))]
    try:
        shape = np.broadcast_shapes(*shapes, *(each.shape for each in given.values()))
    except ValueError as problem:
        names = ["start", "first_readout", "second_readout", "teacher_readout", *given]
        text = ", ".join(
            f"{name} {found}"
            for name, found in zip(names, [*shapes, *(each.shape for each in given.values())], strict=True)
            if found
        )
        raise ValueError(
            f"conditions: leading shapes {text} given; allowed: shapes that broadcast"
        ) from problem

    def flat(values: NDArray[Any], own: int = 0) -> NDArray[Any]:
        tail = values.shape[values.ndim - own :]
        return np.array(np.broadcast_to(values, (*shape, *tail)).reshape(-1, *tail))

    readouts = np.stack([flat(head, 1) for head in heads], axis=1)
    teachers = np.repeat(flat(teacher, 1)[:, None], 2, axis=1)
    one = {name: flat(values) for name, values in given.items()}
    return Conditions(
        flat(rows, 2), readouts, teachers, **one, penalty=penalty, gradient_flow=gradient_flow, shape=shape
    )


def _count(name: str, value: int) -> int:
    if value != int(value) or value < 1:
        raise ValueError(f"{name}: {value} given; allowed: a whole number >= 1")
    return int(value)


def _readout(name: str, values: ArrayLike, units: int) -> Floats:
    found = _finite(name, values)
    if found.ndim < 1 or found.shape[-1] != units:
        raise ValueError(f"{name}: shape {found.shape} given; allowed: (..., {units})")
    return found


def _finite(
    name: str,
    values: ArrayLike,
    *,
    lower: float | None = None,
    upper: float | None = None,
    above: float | None = None,
) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    bad = ~np.isfinite(found)
    words = ["finite numbers"]
    for limit, outside, word in (
        (lower, np.less, ">="),
        (upper, np.greater, "<="),
        (above, np.less_equal, ">"),
    ):
        if limit is not None:
            bad |= outside(found, limit)
            words.append(f"{word} {limit:g}")
    if bad.any():
        raise ValueError(f"{name}: {found[bad].flat[0]} given; allowed: {' '.join(words)}")
    return found
