"""Stored experiments on width: which minima descent meets at K = M, M + 1, M + 2 (arXiv:2604.09412)."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.store.durable import stored
from companion.studies.relu_landscape import basin_census
from companion.theory.relu_family_table import family_table, table_columns

_FREE = {"global", "unconverged"}


@stored
def endpoint_frequencies(
    teachers: Sequence[int],
    surplus: Sequence[int],
    initialisations: int,
    seed: int,
    *,
    early_tolerance: float | None = None,
) -> xr.Dataset:
    """How often descent ends in each family, for every M in ``teachers`` and K - M in ``surplus``.

    Variable ``runs`` (cell, outcome) counts endpoints; outcomes are "global", the families met,
    "unmatched" and "unconverged". ``spurious`` and ``converged`` (cell,) follow. Converged means as in
    ``basin_census``; with ``early_tolerance`` descent stops there, at every width.
    """
    sizes = [(size + extra, size) for size in teachers for extra in surplus]
    early: dict[str, Any] = {} if early_tolerance is None else {"tolerance": early_tolerance}
    labels = [basin_census(K, M, initialisations, seed, **early).family.values.tolist() for K, M in sizes]
    met = sorted({label for cell in labels for label in cell} - _FREE - {"unmatched"}, key=_family_order)
    outcomes = ["global", *met, "unmatched", "unconverged"]
    runs = np.array([[cell.count(outcome) for outcome in outcomes] for cell in labels])
    converged = initialisations - runs[:, -1]
    return xr.Dataset(
        {
            "runs": (("cell", "outcome"), runs, {"long_name": "endpoints"}),
            "students": ("cell", [K for K, _ in sizes], {"long_name": "students $K$"}),
            "teachers": ("cell", [M for _, M in sizes], {"long_name": "teacher units $M$"}),
            "converged": ("cell", converged, {"long_name": "converged runs"}),
            "spurious": ("cell", converged - runs[:, 0], {"long_name": "spurious endpoints"}),
        },
        coords={"outcome": outcomes},
        attrs={"initialisations": initialisations, "root_seed": seed},
    )


def _family_order(name: str) -> tuple[str, int, str]:
    kind, _, rest = name.partition("(")
    digits = "".join(character for character in rest.split("+")[0] if character.isdigit())
    return kind, int(digits or 0), name


@stored
def tolerance_comparison(teachers: int, initialisations: int, seed: int) -> xr.Dataset:
    """The frequencies at K = M, M + 1, M + 2, stopped at 1e-5 and converged (dim ``stopping``)."""
    parts = {
        "1e-5": endpoint_frequencies([teachers], [0, 1, 2], initialisations, seed, early_tolerance=1e-5),
        "converged": endpoint_frequencies([teachers], [0, 1, 2], initialisations, seed),
    }
    outcomes = {str(outcome) for part in parts.values() for outcome in part.outcome.values}
    families = sorted(outcomes - _FREE - {"unmatched"}, key=_family_order)
    order = ["global", *families, "unmatched", "unconverged"]
    aligned = [part.reindex(outcome=order, fill_value=0) for part in parts.values()]
    return xr.concat(
        aligned,
        dim="stopping",
        data_vars="all",
        coords="minimal",
        compat="equals",
        join="exact",
        combine_attrs="override",
    ).assign_coords(stopping=list(parts))


@stored
def families_of_sizes(sizes: Sequence[Sequence[int]], largest_flipped: int) -> xr.Dataset:
    """The table of families at sizes (K, M): name, blocks, loss, smallest eigenvalues, minimum or not."""
    minima = [minimum for K, M in sizes for minimum in family_table(K, M, largest_flipped=largest_flipped)]
    long_names = {
        "loss": "loss $L$",
        "hessian_min": r"$\lambda_{\min}(H_\parallel)$",
        "hessian_max": r"$\lambda_{\max}(H_\parallel)$",
        "transverse_min": r"$\lambda_{\min}(A)$",
        "students": "$K$",
        "teachers": "$M$",
    }
    columns = table_columns(minima)
    return xr.Dataset(
        {
            name: ("row", values, {"long_name": long_names.get(name, name.replace("_", " "))})
            for name, values in columns.items()
        }
    )


@stored
def softness(teachers: int, flipped: Sequence[int]) -> xr.Dataset:
    """Smallest eigenvalues of I(p) at K = M and of X(p) at K = M + 1, and their ratios, by p."""
    narrow = {minimum.name: minimum for minimum in family_table(teachers, teachers)}
    wide = {minimum.name: minimum for minimum in family_table(teachers + 1, teachers)}
    pairs = [(narrow[f"I({p})"], wide[f"X({p})"]) for p in flipped]
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


@stored
def start_dependence(
    students: int,
    dimensions: Sequence[int],
    scales: Sequence[float],
    initialisations: int,
    seed: int,
) -> xr.Dataset:
    """Spurious share at K = M against the input dimension d (scale 1) and the scale of W0 (d = M)."""
    settings = [(d, 1.0) for d in dimensions] + [(students, scale) for scale in scales]
    counts = []
    for dimension, scale in settings:
        census = basin_census(students, students, initialisations, seed, dimension=dimension, scale=scale)
        counts.append((int((census.family != "global").sum()), int(census.converged.sum())))
    unconverged = initialisations - np.array([converged for _, converged in counts])
    return xr.Dataset(
        {
            "dimension": ("setting", [d for d, _ in settings], {"long_name": "dimension $d$"}),
            "scale": ("setting", [scale for _, scale in settings], {"long_name": r"initial scale $\sigma$"}),
            "spurious": (
                "setting",
                np.array([spurious for spurious, _ in counts]) - unconverged,
                {"long_name": "spurious endpoints"},
            ),
            "converged": ("setting", [converged for _, converged in counts], {"long_name": "converged runs"}),
        },
        attrs={
            "students": students,
            "axes": json.dumps({"dimension": len(dimensions), "scale": len(scales)}),
        },
    )
