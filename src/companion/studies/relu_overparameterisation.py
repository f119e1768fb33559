"""Stored experiments on more students than teachers, K > M, in two-layer ReLU networks (arXiv:2604.09412).

Flat minima, slow approach, split units. The teacher is orthonormal, rows have norms of order one and
losses carry the factor 1/2.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.analysis.power_laws import fit_exponential, fit_power_law
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.studies.relu_families import LOSS
from companion.studies.relu_optimisers import check_sizes
from companion.theory.relu_landscape import Minimum, family, hessian, known_families, population_loss
from companion.theory.relu_splitting import (
    count_flat_directions,
    global_minimum,
    split,
    splitting_spectrum,
)
from companion.training.descent import initial_weights
from companion.training.relu_decay import logarithmic_steps, loss_curve

# With K = M the weights arrive within rounding, and smaller losses may be nothing else. With K > M they stay
# 1e-5 away, and the loss keeps its relative accuracy.
_ROUNDING = 1e-13
_FACTOR_OF_TWO = 0.3  # in decades: with K = M the loss decays for no longer
_SMALLEST_FAMILY, _SMALLEST_MINIMUM = 4, 6  # teachers from which I(1) exists, and is a minimum


@stored(work=lambda teachers, dimension, **_: 1 + (teachers * dimension) ** 3 / 1e8)
def flatness(
    teachers: int,
    dimension: int,
    decay_teachers: int,
    decay_dimension: int,
    starts: int,
    steps: int,
    seed: int,
) -> xr.Dataset:
    """How flat minima are with K > M students, and how descent approaches them.

    - Hessian spectra in d = ``dimension`` at M = ``teachers``, long form (dim ``eigenvalue``): global
      minima of K = M, M + 1, M + 2 inside their simplices, I(1) of K = M and S(1) of K = M + 1, which are
      called saddles where they are (M < 6 and M < 7). On ``point``: ``flat``, eigenvalues below 1e-9 in
      modulus, ``expected``, (K - M) d at global minima, and ``is_minimum``.
    - ``curve`` (size, start, step): loss of descent with step .3 at M = ``decay_teachers`` and K = M, M + 1.
      On (size, start): ``slope``, d log L / d log t over the last decade of time; over its last factor of two
      the residuals of a power law and of an exponential, whose ``rate`` is per step; ``flat_end``,
      eigenvalues below 1e-3 at the end. For K = M only losses above 1e-13, which are not rounding, are fitted.
    - ``valley`` (offset, share): loss on the segment between (v, 0) and (0, v) and off it, with the pair
      (α v + δ u, (1 - α) v - δ u), u across the span of the teacher.

    Raises ValueError for fewer than 4 ``teachers``, where neither I(1) nor S(1) exists, for dimensions
    below the numbers of teachers, and for other numbers below one.
    """
    check_sizes(least=_SMALLEST_FAMILY, teachers=[teachers])
    check_sizes(decay_teachers=[decay_teachers], starts=[starts], steps=[steps])
    for name, size, least in (
        ("dimension", dimension, teachers),
        ("decay_dimension", decay_dimension, decay_teachers),
    ):
        if size < least:
            raise ValueError(f"{name}: given {size} for {least} teachers; allowed: at least as many")
    dataset = xr.merge([_spectra(teachers, dimension), _valley(teachers)])
    decay = _decay(decay_teachers, decay_dimension, starts, steps, seed)
    return dataset.merge(decay).assign_attrs(
        root_seed=seed,
        dimension=dimension,
        decay_teachers=decay_teachers,
        decay_dimension=decay_dimension,
        decay_steps=steps,
    )


def _spectra(teachers: int, dimension: int) -> xr.Dataset:
    V, whole = np.eye(teachers, dimension), [[1.0]] * teachers
    points = {
        f"global, $K={teachers}$": (global_minimum(V, whole), 0),
        f"global, $K={teachers + 1}$": (global_minimum(V, [[0.4, 0.6], *whole[1:]]), dimension),
        f"global, $K={teachers + 2}$": (
            global_minimum(V, [[0.4, 0.6], [0.3, 0.7], *whole[2:]]),
            2 * dimension,
        ),
    }
    minima = [True] * len(points)
    for spurious in (family("I", 1, teachers), family("S", 1, teachers + 1, teachers)):
        points[_critical_name(spurious)] = (_wide(spurious.weights, dimension), 0)
        minima.append(spurious.is_minimum)
    spectra = {name: np.linalg.eigvalsh(hessian(W, V)) for name, (W, _) in points.items()}
    lengths = [len(values) for values in spectra.values()]
    return xr.Dataset(
        {
            "eigenvalue_point": ("eigenvalue", np.repeat(list(spectra), lengths)),
            "eigenvalue_rank": ("eigenvalue", np.concatenate([1 + np.arange(n) for n in lengths])),
            "eigenvalue_value": (
                "eigenvalue",
                np.concatenate(list(spectra.values())),
                {"long_name": r"eigenvalue of $\nabla^2L$"},
            ),
            "flat": ("point", [count_flat_directions(W, V, dimension) for W, _ in points.values()]),
            "expected": ("point", [expected for _, expected in points.values()]),
            "students": ("point", [len(W) for W, _ in points.values()]),
            "is_minimum": ("point", minima),
        },
        coords={"point": list(points)},
    )


def _critical_name(point: Minimum) -> str:
    return f"{point.name}, $K={point.students}$" + ("" if point.is_minimum else " (saddle)")


def _wide(weights: np.ndarray, dimension: int) -> np.ndarray:
    return np.pad(weights, ((0, 0), (0, dimension - weights.shape[1])))


def _decay(teachers: int, dimension: int, starts: int, steps: int, seed: int) -> xr.Dataset:
    sizes, grid, V = (teachers, teachers + 1), logarithmic_steps(steps, 24), np.eye(teachers, dimension)
    curves = [
        loss_curve(initial_weights(size, dimension, range(starts), seed), V, grid, step=0.3) for size in sizes
    ]
    floors = {teachers: _ROUNDING}
    fits = np.array(
        [
            [_fits(grid, loss, floors.get(size, 0.0)) for loss in curve.loss]
            for size, curve in zip(sizes, curves, strict=True)
        ]
    )
    flat = [[count_flat_directions(W, V, dimension, 1e-3) for W in curve.weights] for curve in curves]
    names = {
        "slope": r"slope $\mathrm{d}\log L/\mathrm{d}\log t$",
        "residual_power": "residual of the power law",
        "rate": "rate of the exponential, per step",
        "residual_exponential": "residual of the exponential",
    }
    dims = ("size", "start")
    return xr.Dataset(
        {"curve": (("size", "start", "step"), np.stack([curve.loss for curve in curves]), LOSS)}
        | {
            name: (dims, fits[..., at], {"long_name": long_name})
            for at, (name, long_name) in enumerate(names.items())
        }
        | {
            "flat_end": (dims, flat, {"long_name": "eigenvalues below $10^{-3}$ at the end"}),
            "flat_expected": ("size", [(size - teachers) * dimension for size in sizes]),
        },
        coords={
            "size": ("size", list(sizes), {"long_name": "students $K$"}),
            "step": ("step", grid, {"long_name": "steps"}),
        },
    )


def _fits(steps: np.ndarray, loss: np.ndarray, floor: float) -> tuple[float, float, float, float]:
    """Slope, residual of the power law, rate and residual of the exponential; NaN with too few points."""
    late = loss > floor
    t, y = steps[late], loss[late]
    try:
        power = fit_power_law(t, y, decades=_FACTOR_OF_TWO)
        exponential = fit_exponential(t, y, decades=_FACTOR_OF_TWO)
        return fit_power_law(t, y).slope, power.residual, exponential.slope, exponential.residual
    except ValueError:
        return np.nan, np.nan, np.nan, np.nan


def _valley(teachers: int) -> xr.Dataset:
    shares, offsets = np.linspace(-0.3, 1.3, 64), np.array([0.0, 0.1, 0.2])
    V = np.eye(teachers, teachers + 1)

    def loss(share: float, offset: float) -> float:
        W = np.vstack([share * V[0], V[1:], (1 - share) * V[0]])
        W[0, -1], W[-1, -1] = offset, -offset
        return population_loss(W, V)

    return xr.Dataset(
        {
            "valley": (
                ("offset", "share"),
                [[loss(share, offset) for share in shares] for offset in offsets],
                LOSS,
            )
        },
        coords={
            "offset": ("offset", offsets, {"long_name": r"offset $\delta$"}),
            "share": ("share", shares, {"long_name": r"share $\alpha$"}),
        },
    )


@stored(
    work=lambda teachers, escape_teachers, repeats, steps, **_: (
        repeats * steps * escape_teachers**2 + sum(size**4 for size in teachers) * 10 + 2e6
    ),
)
def splitting(
    teachers: Sequence[int], escape_teachers: int, repeats: int, sigma: float, steps: int, seed: int
) -> xr.Dataset:
    """Splitting a unit turns spurious minima into saddles: eigenvalues for every unit, and an escape.

    Long form over ``unit``: smallest and largest eigenvalue of D_k in the teacher's span, for each unit of
    each family that is a minimum at K = M and K = M + 1, M in ``teachers``. ``escape_loss`` (split,
    repeat, step): I(1) at K = M = ``escape_teachers`` with an aligned or its flipped unit halved and noise
    ``sigma`` on each weight. ``escape_rate`` is the predicted rate 4 |λ_min(D_k)| at which the loss falls
    away from that of I(1): the Hessian along (δ, -δ) is 2 λ for halves, and the loss is quadratic in δ.

    Raises ValueError for ``teachers`` or ``escape_teachers`` below 6, which have no spurious minimum to split,
    and for a sigma that is not positive and finite, or other numbers below one.
    """
    check_sizes(least=_SMALLEST_MINIMUM, teachers=teachers, escape_teachers=[escape_teachers])
    check_sizes(repeats=[repeats], steps=[steps])
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma: given {sigma}; allowed: a positive finite number")
    rows = [row for size in teachers for extra in (0, 1) for row in _units(size + extra, size)]
    columns = list(zip(*rows, strict=True))
    words = {
        "unit_teachers": "teachers $M$",
        "unit_students": "students $K$",
        "unit_family": "family",
        "unit_role": "role",
        "unit_smallest": r"$\lambda_{\min}(D_k)$",
        "unit_largest": r"$\lambda_{\max}(D_k)$",
    }
    units = {
        name: ("unit", list(column), {"long_name": long_name})
        for (name, long_name), column in zip(words.items(), columns, strict=True)
    }
    return xr.Dataset(units).merge(_escape(escape_teachers, repeats, sigma, steps, seed))


def _units(students: int, teachers: int) -> list[tuple[int, int, str, str, float, float]]:
    rows = []
    for minimum in known_families(students, teachers):
        if not minimum.is_minimum:
            continue
        spectrum = splitting_spectrum(minimum.weights, np.eye(teachers))
        aligned = teachers - minimum.flipped
        roles = ["aligned"] * aligned + ["flipped"] * minimum.flipped + ["extra"] * minimum.extra
        for role, low, high in zip(roles, spectrum.smallest, spectrum.largest, strict=True):
            rows.append((teachers, students, minimum.name, role, float(low), float(high)))
    return rows


def _escape(teachers: int, repeats: int, sigma: float, steps: int, seed: int) -> xr.Dataset:
    start, V = family("I", 1, teachers), np.eye(teachers)
    smallest = splitting_spectrum(start.weights, V).smallest
    roles, grid = {"aligned": 0, "flipped": teachers - 1}, logarithmic_steps(steps, 40)
    rate = 2.0 / (teachers + 1)
    curves = []
    for role, neuron in roles.items():
        point = split(start.weights, neuron, 0.5)
        noise = [
            generator(seed, "escape", teachers, role, repeat).standard_normal(point.shape)
            for repeat in range(repeats)
        ]
        curves.append(loss_curve(point + sigma * np.array(noise), V, grid, step=rate).loss)
    return xr.Dataset(
        {
            "escape_loss": (("split", "repeat", "step"), np.stack(curves), LOSS),
            "escape_rate": ("split", [4 * abs(float(smallest[neuron])) for neuron in roles.values()]),
            "escape_from": ((), start.loss, LOSS),
            "escape_wider": ((), family("S", 1, teachers + 1, teachers).loss, LOSS),
        },
        coords={"split": list(roles), "step": grid, "time": ("step", rate * grid, {"long_name": "time $t$"})},
    )
