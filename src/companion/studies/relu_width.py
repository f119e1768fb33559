"""Stored experiments on width: which minima descent meets at K = M, M + 1, M + 2 (arXiv:2604.09412).

Shares are of all runs, unconverged ones included, with 95 % Wilson intervals, unless they say otherwise.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.statistics import wilson_interval
from companion.store.durable import stored
from companion.studies.relu_landscape import basin_census
from companion.theory.relu_family_table import family_table, table_columns
from companion.theory.relu_landscape import known_families

_NOT_SPURIOUS = {"global", "unconverged"}


@stored(
    calls=lambda teachers, surplus, initialisations, seed, early_tolerance: [
        basin_census(size + extra, size, initialisations, seed, **early)
        for early in [dict.fromkeys(("tolerance", "spurious_tolerance"), early_tolerance)]
        for size in teachers
        for extra in surplus
    ],
)
def endpoint_frequencies(
    teachers: Sequence[int],
    surplus: Sequence[int],
    initialisations: int,
    seed: int,
    *,
    early_tolerance: float | None = None,
) -> xr.Dataset:
    """How often descent ends in each family, for every M in ``teachers`` and K - M in ``surplus``, d = M.

    ``runs`` (cell, outcome) counts endpoints and ``share`` is what part of all runs they are; outcomes are
    "global", the families met, "unmatched" and "unconverged". ``anti_aligned_runs`` (cell, anti_aligned) counts
    spurious endpoints by the published k1, the number of anti-aligned students. Every share has its interval
    ``*_lower``, ``*_upper``. By cell, further: ``converged``, ``spurious``, its share of all runs, and the census's
    own ``fraction_spurious`` of the converged runs and ``fraction_unconverged``. Converged means as in
    ``basin_census``; with ``early_tolerance`` descent stops there, at every width.

    Raises ValueError for empty lists, and as ``basin_census`` does.
    """
    for name, values in (("teachers", teachers), ("surplus", surplus)):
        if not len(values):
            raise ValueError(f"{name}: given an empty list; allowed: at least one number")
    sizes = [(size + extra, size) for size in teachers for extra in surplus]
    early: dict[str, Any] = {}
    if early_tolerance is not None:
        early = {"tolerance": early_tolerance, "spurious_tolerance": early_tolerance}
    census = [basin_census(K, M, initialisations, seed, **early) for K, M in sizes]
    labels = [cell.family.values.tolist() for cell in census]
    met = {label for cell in labels for label in cell} - _NOT_SPURIOUS - {"unmatched"}
    outcomes = ["global", *sorted(met, key=_family_order), "unmatched", "unconverged"]
    runs = np.array([[cell.count(outcome) for outcome in outcomes] for cell in labels])
    spurious = [np.isin(cell.family.values, list(_NOT_SPURIOUS), invert=True) for cell in census]
    counts = [cell.anti_aligned.values[stray] for cell, stray in zip(census, spurious, strict=True)]
    largest = max((int(cell.max()) for cell in counts if cell.size), default=0)
    by_count = np.array([np.bincount(cell, minlength=largest + 1) for cell in counts])
    total = np.array([int(stray.sum()) for stray in spurious])
    by_cell = {
        "students": ([K for K, _ in sizes], "students $K$"),
        "teachers": ([M for _, M in sizes], "teacher units $M$"),
        "converged": ([int(cell.converged.sum()) for cell in census], "converged runs"),
        "spurious": (total, "spurious endpoints"),
        "fraction_spurious": (
            [float(cell.fraction_spurious) for cell in census],
            "spurious share of converged runs",
        ),
        "fraction_unconverged": (
            [float(cell.fraction_unconverged) for cell in census],
            "unconverged share of runs",
        ),
    }
    return xr.Dataset(
        {
            "runs": (("cell", "outcome"), runs, {"long_name": "endpoints"}),
            "anti_aligned_runs": (
                ("cell", "anti_aligned"),
                by_count,
                {"long_name": "spurious endpoints by $k_1$"},
            ),
        }
        | _shares("share", ("cell", "outcome"), runs, initialisations)
        | _shares("anti_aligned_share", ("cell", "anti_aligned"), by_count, initialisations)
        | _shares("spurious_share", ("cell",), total, initialisations)
        | {name: ("cell", values, {"long_name": words}) for name, (values, words) in by_cell.items()},
        coords={"outcome": outcomes, "anti_aligned": range(largest + 1)},
        attrs={"initialisations": initialisations, "root_seed": seed},
    )


def _shares(name: str, dims: tuple[str, ...], counts: np.ndarray, trials: int) -> dict[str, Any]:
    """Shares of ``trials``, and the ends of their Wilson intervals, as variables."""
    ends = np.array([wilson_interval(int(count), trials) for count in counts.flat])
    ends = ends.reshape(*counts.shape, 2)
    return {
        name: (dims, counts / trials, {"long_name": "share of runs"}),
        f"{name}_lower": (dims, ends[..., 0], {"long_name": "lower end of the 95 % Wilson interval"}),
        f"{name}_upper": (dims, ends[..., 1], {"long_name": "upper end of the 95 % Wilson interval"}),
    }


def _family_order(name: str) -> tuple[str, int, str]:
    kind, _, rest = name.partition("(")
    digits = "".join(character for character in rest.split("+")[0] if character.isdigit())
    return kind, int(digits or 0), name


@stored(
    calls=lambda teachers, surplus, initialisations, seed: [
        endpoint_frequencies([teachers], surplus, initialisations, seed, early_tolerance=early)
        for early in (1e-5, None)
    ],
)
def tolerance_comparison(
    teachers: int, surplus: Sequence[int], initialisations: int, seed: int
) -> xr.Dataset:
    """``endpoint_frequencies`` at one M, stopped at 1e-5 and converged (dim ``stopping``).

    ``smallest_eigenvalue`` (outcome) is that of each family's Hessian in high dimension, the sign of which tells
    minima from saddles; NaN for other outcomes.
    """
    parts = {
        "1e-5": endpoint_frequencies([teachers], surplus, initialisations, seed, early_tolerance=1e-5),
        "converged": endpoint_frequencies([teachers], surplus, initialisations, seed),
    }
    met = {str(outcome) for part in parts.values() for outcome in part.outcome.values}
    families = sorted(met - _NOT_SPURIOUS - {"unmatched"}, key=_family_order)
    order = ["global", *families, "unmatched", "unconverged"]
    counts = range(max(part.sizes["anti_aligned"] for part in parts.values()))
    nothing: dict[str, Any] = {"runs": 0, "anti_aligned_runs": 0}
    for name in ("share", "anti_aligned_share"):
        lower, upper = wilson_interval(0, initialisations)
        nothing |= {name: 0.0, f"{name}_lower": lower, f"{name}_upper": upper}
    least = {
        minimum.name: min(minimum.hessian_min, minimum.transverse_min)
        for extra in (0, 1)
        for minimum in known_families(teachers + extra, teachers)
    }
    return xr.concat(
        [part.reindex(outcome=order, anti_aligned=counts, fill_value=nothing) for part in parts.values()],
        dim="stopping",
        data_vars="all",
        coords="minimal",
        compat="equals",
        join="exact",
        combine_attrs="override",
    ).assign_coords(
        stopping=list(parts),
        smallest_eigenvalue=(
            "outcome",
            [least.get(outcome, np.nan) for outcome in order],
            {"long_name": r"smallest eigenvalue of $\nabla^2L$"},
        ),
    )


@stored(
    calls=lambda sizes, initialisations, seed, **_: [
        basin_census(K, M, initialisations, seed) for K, M in sizes
    ],
)
def families_of_sizes(
    sizes: Sequence[Sequence[int]], largest_flipped: int, initialisations: int, seed: int
) -> xr.Dataset:
    """The table of families at sizes (K, M): name, blocks, loss, smallest eigenvalues, minimum or not, basin.

    ``basin_runs`` of ``initialisations`` random starts end there, ``basin_share`` of all with its interval.
    """
    tables = [family_table(K, M, largest_flipped=largest_flipped) for K, M in sizes]
    ends = [Counter(basin_census(K, M, initialisations, seed).family.values.tolist()) for K, M in sizes]
    found = [counts[minimum.name] for table, counts in zip(tables, ends, strict=True) for minimum in table]
    long_names = {
        "loss": "loss $L$",
        "hessian_min": r"$\lambda_{\min}(H_\parallel)$",
        "hessian_max": r"$\lambda_{\max}(H_\parallel)$",
        "transverse_min": r"$\lambda_{\min}(A)$",
        "students": "$K$",
        "teachers": "$M$",
    }
    columns = table_columns([minimum for table in tables for minimum in table])
    return xr.Dataset(
        {
            name: ("row", values, {"long_name": long_names.get(name, name.replace("_", " "))})
            for name, values in columns.items()
        }
        | {"basin_runs": ("row", found, {"long_name": "runs that end there"})}
        | _shares("basin_share", ("row",), np.array(found, dtype=np.int64), initialisations),
        attrs={"initialisations": initialisations, "root_seed": seed},
    )


@stored(work=lambda teachers, flipped: teachers**2 * len(flipped))
def softness(teachers: int, flipped: Sequence[int]) -> xr.Dataset:
    """Smallest eigenvalues of I(p) at K = M and of X(p) at K = M + 1, and their ratios, by p.

    Raises ValueError for a p that one of the two families does not have at this M.
    """
    narrow = {minimum.flipped: minimum for minimum in family_table(teachers) if minimum.name[:2] == "I("}
    wide = {
        minimum.flipped: minimum
        for minimum in family_table(teachers + 1, teachers)
        if minimum.name[:2] == "X("
    }
    both = sorted(set(narrow) & set(wide))
    if not flipped or not set(flipped) <= set(both):
        raise ValueError(
            f"flipped: given {list(flipped)}; allowed at {teachers} teachers, "
            f"where both I(p) and X(p) exist: {both or 'none'}"
        )
    pairs = [(narrow[p], wide[p]) for p in flipped]
    values = {
        "hessian_ratio": [x.hessian_min / i.hessian_min for i, x in pairs],
        "transverse_ratio": [x.transverse_min / i.transverse_min for i, x in pairs],
        "hessian_min_wide": [x.hessian_min for _, x in pairs],
        "hessian_min_narrow": [i.hessian_min for i, _ in pairs],
    }
    long_names = {
        "hessian_ratio": r"$\lambda_{\min}(H_\parallel)$ of X($p$) over that of I($p$)",
        "transverse_ratio": r"$\lambda_{\min}(A)$ of X($p$) over that of I($p$)",
        "hessian_min_wide": r"$\lambda_{\min}(H_\parallel)$ of X($p$)",
        "hessian_min_narrow": r"$\lambda_{\min}(H_\parallel)$ of I($p$)",
    }
    return xr.Dataset(
        {name: ("flipped", column, {"long_name": long_names[name]}) for name, column in values.items()},
        coords={"flipped": ("flipped", list(flipped), {"long_name": "flipped units $p$"})},
        attrs={"teachers": teachers},
    )


@stored(
    calls=lambda students, dimensions, scales, initialisations, seed: [
        basin_census(size, size, initialisations, seed, dimension=dimension, scale=scale)
        for size in students
        for dimension, scale in (
            *((each, 1.0) for each in sorted({size, *(d for d in dimensions if d > size)})),
            *((size, scale) for scale in scales),
        )
    ],
)
def start_dependence(
    students: Sequence[int],
    dimensions: Sequence[int],
    scales: Sequence[float],
    initialisations: int,
    seed: int,
) -> xr.Dataset:
    """Spurious share at each K = M against the input dimension d (scale 1) and the scale of W0 (d = M).

    d = M and those ``dimensions`` that are larger. By ``setting``: ``varied`` ("dimension" or "scale"),
    ``students``, ``dimension``, ``scale``, ``spurious`` and ``converged`` runs, and ``fraction_spurious`` of
    the converged ones with its Wilson interval.

    Raises ValueError for a dimension below every K, and as ``basin_census`` does.
    """
    if min(dimensions) < min(students):
        raise ValueError(
            f"dimensions: given {min(dimensions)} for sizes {list(students)}; allowed: {min(students)} and more"
        )
    settings: list[tuple[str, int, int, float]] = []
    for size in students:
        larger = sorted({size, *(d for d in dimensions if d > size)})
        settings += [("dimension", size, d, 1.0) for d in larger]
        settings += [("scale", size, size, scale) for scale in scales]
    census = [
        basin_census(size, size, initialisations, seed, dimension=d, scale=scale)
        for _, size, d, scale in settings
    ]
    varied, sizes, d, sigma = zip(*settings, strict=True)
    columns = {
        "varied": (varied, "varied"),
        "students": (sizes, "width $K=M$"),
        "dimension": (d, "dimension $d$"),
        "scale": (sigma, r"initial scale $\sigma$"),
        "spurious": (
            [int((cell.converged & (cell.family != "global")).sum()) for cell in census],
            "spurious",
        ),
        "converged": ([int(cell.converged.sum()) for cell in census], "converged runs"),
        "fraction_spurious": ([float(cell.fraction_spurious) for cell in census], "spurious share"),
        "lower": (
            [float(cell.fraction_spurious_interval[0]) for cell in census],
            "lower end of the 95 % Wilson interval",
        ),
        "upper": (
            [float(cell.fraction_spurious_interval[1]) for cell in census],
            "upper end of the 95 % Wilson interval",
        ),
    }
    return xr.Dataset(
        {name: ("setting", list(values), {"long_name": words}) for name, (values, words) in columns.items()},
        attrs={"initialisations": initialisations, "root_seed": seed},
    )
