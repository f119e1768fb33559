"""Stored experiments on more students than teachers, K > M, in two-layer ReLU networks (arXiv:2604.09412).

The teacher is orthonormal, rows have norms of order one and losses carry the factor 1/2. Sweeps over
optimisers and assumptions stand in ``relu_optimisers``.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.analysis.power_laws import fit_exponential, fit_power_law
from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored
from companion.theory.relu_landscape import family, hessian, known_families, population_loss
from companion.theory.relu_splitting import (
    count_flat_directions,
    global_minimum,
    split,
    splitting_spectrum,
)
from companion.training.descent import initial_weights
from companion.training.relu_decay import logarithmic_steps, loss_curve
from companion.training.relu_perturbation import perturb

LOSS = {"long_name": "loss $L$"}
# With K = M the weights arrive within rounding, and smaller losses may be nothing else. With K > M they stay
# 1e-5 away, and the loss keeps its relative accuracy.
_ROUNDING = 1e-13
_FACTOR_OF_TWO = 0.3  # in decades: with K = M the loss decays for no longer


@stored
def perturbation_block(
    conditions: Sequence[Condition], teachers: int, sigma: Sequence[float], repeats: int, seed: int
) -> xr.Dataset:
    """Fates of one fixed point per condition (its kind and its number of flipped units)."""
    fates = []
    for condition in conditions:
        point = _fixed_point(condition["kind"], condition["flipped"], teachers)
        families = known_families(len(point), teachers)
        fates.append(perturb(point, np.eye(teachers), sigma, repeats, seed, families=families))
    dims = ("condition", "sigma", "repeat")
    words = {
        "start": "distance of the perturbed start",
        "published": "distance after 1000 steps",
        "final": "distance after convergence",
        "loss": "loss $L$ after convergence",
        "returned": "back at the very same point",
        "converged": "converged",
        "label": "where the run ended",
    }
    return xr.Dataset(
        {
            name: (dims, np.stack([getattr(fate, name) for fate in fates]), {"long_name": long_name})
            for name, long_name in words.items()
        },
        coords={"sigma": ("sigma", list(sigma), {"long_name": r"noise per weight $\sigma$"})},
    )


@stored
def perturbation_return(
    teachers: int, flipped: Sequence[int], sigma: Sequence[float], repeats: int, seed: int
) -> xr.Dataset:
    """How far runs end from a fixed point after noise: after 1000 steps of .01, and after convergence.

    Dims ``point``, ``sigma`` and ``repeat``. For each p of ``flipped``: I(p) at K = M; the same with a
    silent unit of norm zero ("padded") and with its last flipped unit split into halves ("split") at
    K = M + 1; and S(p) of K = M + 1 (a minimum for few p: 1 and 2 at M = 10). Distances are root mean
    squares per weight.
    """
    conditions = [{"kind": kind, "flipped": int(p)} for kind in _KINDS for p in flipped]
    fates = sweep(
        perturbation_block,
        conditions,
        block=1,
        label="perturbations",
        teachers=teachers,
        sigma=tuple(sigma),
        repeats=repeats,
        seed=seed,
    )
    names = [_point_name(str(condition["kind"]), int(condition["flipped"])) for condition in conditions]
    students = [teachers if condition["kind"] == "I" else teachers + 1 for condition in conditions]
    return fates.rename(condition="point").assign_coords(
        point=names, students=("point", students, {"long_name": "students $K$"})
    )


_KINDS = ("I", "padded", "split", "S")


def _point_name(kind: str, flipped: int) -> str:
    return f"{kind}({flipped})" if kind in ("I", "S") else f"I({flipped}) {kind}"


def _fixed_point(kind: str, flipped: int, teachers: int) -> np.ndarray:
    if kind == "S":
        return family("S", flipped, teachers + 1, teachers).weights
    weights = family("I", flipped, teachers).weights
    if kind == "padded":
        return np.vstack([weights, np.zeros(teachers)])
    return split(weights, teachers - 1, 0.5) if kind == "split" else weights


@stored
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
      minima of K = M, M + 1, M + 2 inside their simplices, I(1) of K = M and S(1) of K = M + 1. On ``point``:
      ``flat``, eigenvalues below 1e-9 in modulus, and ``expected``, (K - M) d at global minima.
    - ``curve`` (size, start, step): loss of descent with step .3 at M = ``decay_teachers`` and K = M, M + 1.
      On (size, start): ``slope``, d log L / d log t over the last decade of time; over its last factor of two
      the residuals of a power law and of an exponential, whose ``rate`` is per step; ``flat_end``,
      eigenvalues below 1e-3 at the end. For K = M only losses above 1e-13, which are not rounding, are fitted.
    - ``valley`` (offset, share): loss on the segment between (v, 0) and (0, v) and off it, with the pair
      (α v + δ u, (1 - α) v - δ u), u across the span of the teacher.
    """
    dataset = xr.merge([_spectra(teachers, dimension), _valley(teachers)])
    decay = _decay(decay_teachers, decay_dimension, starts, steps, seed)
    return dataset.merge(decay).assign_attrs(
        root_seed=seed, dimension=dimension, decay_teachers=decay_teachers, decay_dimension=decay_dimension
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
        f"I(1), $K={teachers}$": (_wide(family("I", 1, teachers).weights, dimension), 0),
        f"S(1), $K={teachers + 1}$": (_wide(family("S", 1, teachers + 1, teachers).weights, dimension), 0),
    }
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
        },
        coords={"point": list(points)},
    )


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


@stored
def splitting(
    teachers: Sequence[int], escape_teachers: int, repeats: int, sigma: float, steps: int, seed: int
) -> xr.Dataset:
    """Splitting a unit turns spurious minima into saddles: eigenvalues for every unit, and an escape.

    Long form over ``unit``: smallest and largest eigenvalue of D_k in the teacher's span, for each unit of
    each family that is a minimum at K = M and K = M + 1, M in ``teachers``. ``escape_loss`` (split,
    repeat, step): I(1) at K = M = ``escape_teachers`` with an aligned or its flipped unit halved and noise
    ``sigma`` on each weight. ``escape_rate`` is the predicted rate 4 |λ_min(D_k)| at which the loss falls
    away from that of I(1): the Hessian along (δ, -δ) is 2 λ for halves, and the loss is quadratic in δ.
    """
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
