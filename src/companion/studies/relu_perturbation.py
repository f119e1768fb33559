"""Stored perturbations of fixed points of two-layer ReLU networks: who returns, who escapes, and where to.

The teacher is orthonormal, rows have norms of order one and losses carry the factor 1/2 (arXiv:2604.09412).
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored
from companion.studies.relu_optimisers import STUDENTS
from companion.theory.relu_landscape import Minimum, family, known_families
from companion.theory.relu_splitting import split
from companion.training.relu_perturbation import perturb

_WORDS = {
    "start": "distance of the perturbed start",
    "published": "distance after 1000 steps",
    "final": "distance after convergence",
    "loss": "loss $L$ after convergence",
    "returned": "back at the very same point",
    "converged": "converged",
    "label": "where the run ended",
}


@stored(
    work=lambda conditions, teachers, sigma, repeats, **_: (
        len(conditions) * len(sigma) * repeats * teachers**3
    ),
)
def perturbation_block(
    conditions: Sequence[Condition], teachers: int, sigma: Sequence[float], repeats: int, seed: int
) -> xr.Dataset:
    """Fates of one fixed point per condition (its kind and its number of flipped units)."""
    fates = []
    for condition in conditions:
        point, _ = _fixed_point(condition["kind"], condition["flipped"], teachers)
        families = known_families(len(point), teachers)
        fates.append(perturb(point, np.eye(teachers), sigma, repeats, seed, families=families))
    dims = ("condition", "sigma", "repeat")
    return xr.Dataset(
        {
            name: (dims, np.stack([getattr(fate, name) for fate in fates]), {"long_name": long_name})
            for name, long_name in _WORDS.items()
        },
        coords={"sigma": ("sigma", list(sigma), {"long_name": r"noise per weight $\sigma$"})},
    )


@stored(calls="body")
def perturbation_return(
    teachers: int,
    flipped: Sequence[int],
    average: Sequence[int],
    sigma: Sequence[float],
    repeats: int,
    seed: int,
) -> xr.Dataset:
    """How far runs end from a fixed point after noise: after 1000 steps of .01, and after convergence.

    Dims ``point``, ``sigma`` and ``repeat``. For each p of ``flipped``: I(p) at K = M; the same with a
    silent unit of norm zero ("padded") and with its last flipped unit split into halves ("split") at
    K = M + 1; and S(p) of K = M + 1. For each p of ``average``: X(p) of K = M + 1. On ``point``: ``kind``,
    ``flipped``, ``students`` and ``is_minimum`` (S and X are minima at some sizes only; padded and split
    points never are). Distances are root mean squares per weight; ``label`` is the family, "global",
    "unmatched" or "unconverged".

    Raises ValueError for a family that does not exist at this size, and for bad sigma or repeats.
    """
    conditions = [
        {"kind": kind, "flipped": int(p)} for kind in ("I", "padded", "split", "S") for p in flipped
    ]
    conditions += [{"kind": "X", "flipped": int(p)} for p in average]
    origins = [_fixed_point(condition["kind"], condition["flipped"], teachers)[1] for condition in conditions]
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
    kinds = [str(condition["kind"]) for condition in conditions]
    names = [
        f"{origin.name} {kind}" if kind in ("padded", "split") else origin.name
        for kind, origin in zip(kinds, origins, strict=True)
    ]
    minima = [
        kind not in ("padded", "split") and origin.is_minimum
        for kind, origin in zip(kinds, origins, strict=True)
    ]
    students = [teachers + (kind != "I") for kind in kinds]
    return (
        fates.rename(condition="point")
        .assign_coords(
            point=names,
            students=("point", students, STUDENTS),
            is_minimum=("point", minima, {"long_name": "is a minimum"}),
        )
        .assign_attrs(teachers=teachers, root_seed=seed)
    )


def _fixed_point(kind: str, flipped: int, teachers: int) -> tuple[np.ndarray, Minimum]:
    """Weights of the point, and the critical point of a family that it is or was made from."""
    if kind in ("S", "X"):
        origin = family("S" if kind == "S" else "X", flipped, teachers + 1, teachers)
        return origin.weights, origin
    origin = family("I", flipped, teachers)
    if kind == "padded":
        return np.vstack([origin.weights, np.zeros(teachers)]), origin
    return (split(origin.weights, teachers - 1, 0.5) if kind == "split" else origin.weights), origin
