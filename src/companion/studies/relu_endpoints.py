"""Stored studies of where descent ends at K = M: histogram of losses, endpoints that belong to a family.

Losses carry the factor 1/2 (arXiv:2604.09412).
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.alignment import anti_aligned
from companion.analysis.statistics import wilson_interval
from companion.store.durable import stored
from companion.studies.relu_families import LOSS
from companion.studies.relu_landscape import basin_census
from companion.theory.relu_landscape import known_families

_SMALLEST_SPURIOUS = 6
_JOIN: dict[str, Any] = {
    "data_vars": "minimal",
    "coords": "minimal",
    "compat": "equals",
    "join": "exact",
    "combine_attrs": "override",
}


@stored(
    calls=lambda students, initialisations, dimensions, seed: [
        basin_census(size, size, starts, seed, dimension=dimension)
        for size, starts, dimension in zip(students, initialisations, dimensions, strict=True)
    ],
)
def loss_histogram(
    students: Sequence[int], initialisations: Sequence[int], dimensions: Sequence[int], seed: int
) -> xr.Dataset:
    """Endpoint losses (dim ``run``) at several sizes K = M, and the losses of their minima (dim ``line``).

    One ``panel`` for each entry of the three lists: a size, its number of random starts and its input
    dimension. ``run_panel`` and ``line_panel`` tell where runs and lines belong. Per panel: ``runs``,
    ``unconverged`` and the share of all runs that is ``share_global``, with its 95 % Wilson interval
    ``lower``, ``upper``.

    Raises ValueError for sizes below 6, which have no spurious minimum to show, and for lists unlike in length.
    """
    for name, values in (("initialisations", initialisations), ("dimensions", dimensions)):
        if len(values) != len(students):
            raise ValueError(
                f"{name}: given {len(values)} numbers for {len(students)} sizes; allowed: one for each"
            )
    if min(students) < _SMALLEST_SPURIOUS:
        raise ValueError(
            f"students: given {list(students)}; allowed: sizes >= 6, where spurious minima exist"
        )
    runs, lines, shares = [], [], []
    for panel, (size, starts, dimension) in enumerate(
        zip(students, initialisations, dimensions, strict=True)
    ):
        census = basin_census(size, size, starts, seed, dimension=dimension)
        runs.append(
            census[["loss", "converged", "family"]]
            .rename(initialisation="run")
            .drop_vars("run")
            .assign(run_panel=("run", np.full(starts, panel), {"long_name": "panel"}))
        )
        lines += [
            (panel, minimum.name, minimum.loss) for minimum in known_families(size) if minimum.is_minimum
        ]
        found = int((census.family == "global").sum())
        unconverged = round(starts * float(census.fraction_unconverged))
        shares.append((unconverged, found / starts, *wilson_interval(found, starts)))
    owners, names, losses = zip(*lines, strict=True)
    unconverged, share, lower, upper = zip(*shares, strict=True)
    columns = {
        "students": (students, "width $K=M$"),
        "dimension": (dimensions, "dimension $d$"),
        "runs": (initialisations, "random starts"),
        "unconverged": (unconverged, "unconverged runs"),
        "share_global": (share, "share of runs that find the teacher"),
        "lower": (lower, "lower end of the 95 % Wilson interval"),
        "upper": (upper, "upper end of the 95 % Wilson interval"),
    }
    return (
        xr.concat(runs, dim="run", **_JOIN)
        .assign(
            line_panel=("line", list(owners), {"long_name": "panel"}),
            line_family=("line", list(names), {"long_name": "family"}),
            line_loss=("line", list(losses), LOSS),
        )
        .assign(
            {name: ("panel", list(values), {"long_name": words}) for name, (values, words) in columns.items()}
        )
    )


@stored(
    calls=lambda students, initialisations, regime_students, regime_initialisations, teacher_correlation, seed: (
        [
            basin_census(size, size, initialisations, seed, **way)
            for size, way in (
                *((size, {}) for size in students),
                (max(students), {"tolerance": 1e-5}),
                (max(students), {"tolerance": 1e-5, "polished": False}),
                (max(students), {"teacher_correlation": teacher_correlation}),
            )
        ],
        basin_census(regime_students, regime_students, regime_initialisations, seed, children=False),
    ),
)
def family_matches(
    students: Sequence[int],
    initialisations: int,
    regime_students: int,
    regime_initialisations: int,
    teacher_correlation: float,
    seed: int,
) -> xr.Dataset:
    """Spurious endpoints that belong to a listed family, by setting: the claim's sizes and four regimes.

    Dim ``setting``: K<size> for each of ``students``; "stopped early" (at a gradient norm of 1e-5, then
    polished), "stopped early, unpolished" (taken as they are), "without children" (two-block families only)
    and "correlated teacher". Attributes, as JSON: the losses of unmatched endpoints, and by width the minima
    that share their number of anti-aligned students with another one.

    Raises ValueError as ``basin_census`` does.
    """
    largest = max(students)
    settings: dict[str, dict[str, Any]] = {
        f"K{size}": {"students": size, "teachers": size} for size in students
    }
    settings |= {
        "stopped early": {"students": largest, "teachers": largest, "tolerance": 1e-5},
        "stopped early, unpolished": {
            "students": largest,
            "teachers": largest,
            "tolerance": 1e-5,
            "polished": False,
        },
        "without children": {"students": regime_students, "teachers": regime_students, "children": False},
        "correlated teacher": {
            "students": largest,
            "teachers": largest,
            "teacher_correlation": teacher_correlation,
        },
    }
    rows, unmatched = [], []
    for name, setting in settings.items():
        number = regime_initialisations if name == "without children" else initialisations
        census = basin_census(initialisations=number, seed=seed, **setting)
        spurious = census.where(census.converged & (census.family != "global"), drop=True)
        strays = spurious.where(spurious.family == "unmatched", drop=True)
        rows.append(
            (setting["students"], number, int(census.converged.sum()), spurious.loss.size, strays.loss.size)
        )
        unmatched.append([f"{loss:.9f}" for loss in strays.loss.values])
    columns = np.array(rows).T
    names = ("students", "initialisations", "converged", "spurious", "unmatched")
    long_names = (
        "width $K=M$",
        "random starts",
        "converged runs",
        "spurious endpoints",
        "endpoints of no family",
    )
    return xr.Dataset(
        {
            name: ("setting", values, {"long_name": long_name})
            for name, long_name, values in zip(names, long_names, columns, strict=True)
        },
        coords={"setting": list(settings)},
        attrs={
            "root_seed": seed,
            "claim_settings": json.dumps([f"K{size}" for size in students]),
            "unmatched_losses": json.dumps(dict(zip(settings, unmatched, strict=True))),
            "shared_counts": json.dumps(
                {size: _shared_counts(size) for size in (*students, regime_students)}
            ),
        },
    )


def _shared_counts(students: int) -> dict[int, list[str]]:
    """Names of the minima at K = M whose number of anti-aligned students, the key, is not theirs alone."""
    found: dict[int, list[str]] = {}
    for minimum in known_families(students):
        if minimum.is_minimum:
            found.setdefault(int(anti_aligned(minimum.weights)), []).append(minimum.name)
    return {count: names for count, names in sorted(found.items()) if len(names) > 1}
