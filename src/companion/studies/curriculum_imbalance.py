"""Exposure imbalance: an operation that is met rarely beside another one, and alone at the same rows per step.

Shares are those of a training row, not of distinct examples, which stay as they are. A rare operation learns less
because it is seen less and because the other one competes for the network (as tasks of unlike frequency do in
arXiv:2605.29548): only the network that trains without the other one, on the same rows, tells the two apart.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.checkpoint_grids import log_spaced
from companion.analysis.curriculum_times import area_in_log_time, final_accuracy, first_checkpoint
from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.studies.curriculum_runs import recorded_settings, trained
from companion.training.curriculum_spec import CurriculumSpec

#: The operation that is met more often, and the one that is met less often, of a pair.
ROLES = ("common", "rare")
#: Trained with the other operation, and without it.
COMPANIES = ("together", "alone")

_FINAL = {
    "final_train": ("train_accuracy", "final training accuracy"),
    "final_test": ("test_accuracy", "final test accuracy"),
}
_BY_RUN = ("company", "role", "replicate")


@stored(
    device=True,
    calls=lambda pairs, fractions, shares, spec, replicates, seed, *, block, widths, rates, **_: [
        (
            trained(
                own,
                seeds,
                seed,
                block=block,
                variations=[{"weights": (1.0 - share, share)} for share in shares],
            ),
            [_alone(own, share, seeds, seed, block) for share in shares],
        )
        for at_width in _sized(spec, widths, rates)
        for pair, fraction, seeds in zip(pairs, fractions, replicates, strict=True)
        for own in [_on(at_width, pair, fraction)]
    ],
)
def exposure_imbalance(
    pairs: Sequence[Sequence[str]],
    fractions: Sequence[float],
    shares: Sequence[float],
    spec: CurriculumSpec,
    replicates: Sequence[int],
    seed: int,
    *,
    block: int,
    widths: Sequence[int] = (),
    rates: Sequence[float] = (),
    drawn_from: float = 50.0,
    drawn_steps: int = 36,
) -> xr.Dataset:
    """Networks on each of ``pairs`` (common, rare) at each of ``shares`` of the rare one, and on one operation alone.

    ``fractions`` of the tables are trained on, ``replicates`` times (multiples of ``block``), one number of each for
    each pair; the other fields are those of ``spec``, with hidden layers of 4 ``widths`` and, as wide networks are
    unstable at a narrow one's, one of the learning ``rates`` for each width (the spec's where there are none). The rare
    operation alone takes round(share * batch) rows per step out of the same streams, from the same start; at a share of
    1/2 so does the common one.

    Dim ``setting`` runs over widths, pairs and shares; each has its first ``seeds`` replicates only. Attributes are
    those of the first width. By ``company``,
    ``role`` and ``replicate``, NaN where not trained: ``generalised_at`` (steps, inf where not reached), ``area`` and
    ``area_unseen`` (mean test accuracy over log t, of all rows and of those whose mirror was not trained on), and the
    means of the last three evaluations ``final_train`` and ``final_test``; ``stopped_at`` (-1: never). Of the rare
    operation, by ``company`` and ``step``: ``test`` with bootstrap ends ``test_low`` and ``test_high``, ``seen``,
    ``unseen`` and ``exposure``, means over replicates at about ``drawn_steps`` steps from ``drawn_from`` on.

    Raises ValueError for shares outside (0, 1/2], ones that leave less than a row, other than one fraction and number
    of replicates for each pair and one rate for each width, pairs of other than two operations, and a spec of full
    batches.
    """
    _check(pairs, fractions, replicates, shares, spec)
    sized = _sized(spec, widths, rates)
    most = max(replicates)
    parts, labels = [], []
    for at_width in sized:
        for (common, rare), fraction, seeds in zip(pairs, fractions, replicates, strict=True):
            own = _on(at_width, (common, rare), fraction)
            together = trained(
                own,
                seeds,
                seed,
                block=block,
                variations=[{"weights": (1.0 - share, share)} for share in shares],
                label=f"transformers, width {own.width}, {common} + {rare}",
            )
            for place, share in enumerate(shares):
                alone = _alone(own, share, seeds, seed, block)
                kept = _summary(together.isel(variation=place), alone, most, drawn_from, drawn_steps)
                parts.append(kept)
                labels.append((f"{common} + {rare}", own.width, own.learning_rate, share, fraction, seeds))
    found = xr.concat(parts, dim="setting", join="exact", coords="minimal", compat="equals")
    names = ("pair", "width", "learning_rate", "share", "fraction", "seeds")
    columns = dict(zip(names, map(list, zip(*labels, strict=True)), strict=True))
    return found.assign_coords(
        {name: ("setting", values) for name, values in columns.items()}
        | {"share": ("setting", columns["share"], {"long_name": "share of the rare operation $w$"})}
    ).assign_attrs(recorded_settings(sized[0]), root_seed=seed, steps=spec.steps)


def rows(share: float, spec: CurriculumSpec) -> int:
    """Rows per step of an operation alone that has ``share`` of the batch in company."""
    return round(share * spec.batch)


def _sized(spec: CurriculumSpec, widths: Sequence[int], rates: Sequence[float]) -> list[CurriculumSpec]:
    """``spec`` at each width and its learning rate."""
    chosen = list(widths) or [spec.width]
    own = list(rates) or [spec.learning_rate] * len(chosen)
    if len(own) != len(chosen):
        raise ValueError(f"rates: {len(own)} given; allowed: one for each of {len(chosen)} widths, or none")
    return [
        spec.changed(width=width, hidden=4 * width, learning_rate=rate)
        for width, rate in zip(chosen, own, strict=True)
    ]


def _on(spec: CurriculumSpec, pair: Sequence[str], fraction: float) -> CurriculumSpec:
    return spec.changed(tasks=spec.tasks.model_dump() | {"operations": tuple(pair), "fractions": (fraction,)})


def _check(
    pairs: Sequence[Sequence[str]],
    fractions: Sequence[float],
    replicates: Sequence[int],
    shares: Sequence[float],
    spec: CurriculumSpec,
) -> None:
    if spec.batch == 0:
        raise ValueError("spec.batch: 0 given (all rows); allowed: a number of rows that are drawn")
    for name, given in (("fractions", fractions), ("replicates", replicates)):
        if len(given) != len(pairs):
            raise ValueError(f"{name}: {len(given)} given; allowed: one for each of {len(pairs)} pairs")
    for pair in pairs:
        if len(pair) != 2:
            raise ValueError(f"pairs: {tuple(pair)} given; allowed: two operations, the common one first")
    for share in shares:
        if not 0 < share <= 0.5 or rows(share, spec) < 1:
            raise ValueError(
                f"shares: {share} given; allowed: from {0.5 / spec.batch:.2g} (a row per step) to 0.5"
            )


def _alone(
    spec: CurriculumSpec, share: float, replicates: int, seed: int, block: int
) -> dict[str, xr.Dataset]:
    """Trainings without the other operation by role; the common one only where it is met as often as the rare one."""
    weights = {"common": (1.0, 0.0), "rare": (0.0, 1.0)}
    roles = ROLES if share == 0.5 else ROLES[1:]
    few = spec.changed(batch=rows(share, spec))
    found = {}
    for role in roles:
        name = spec.tasks.operations[ROLES.index(role)]
        found[role] = trained(
            few,
            replicates,
            seed,
            block=block,
            variations=[{"weights": weights[role]}],
            label=f"transformers, width {spec.width}, {name} alone, {few.batch} rows",
        ).isel(variation=0)
    return found


def _summary(
    together: xr.Dataset, alone: dict[str, xr.Dataset], most: int, drawn_from: float, drawn_steps: int
) -> xr.Dataset:
    """Numbers of each run, filled up to ``most`` replicates, and curves of the rare operation, of one setting."""
    runs = [
        [_numbers(together, role) for role in range(len(ROLES))],
        [
            _numbers(alone.get(name, together), role, trained_here=name in alone)
            for role, name in enumerate(ROLES)
        ],
    ]
    numbers = {
        name: (
            _BY_RUN,
            np.array([[_filled(each[name][0], most) for each in row] for row in runs]),
            {"long_name": label},
        )
        for name, (_, label) in runs[0][0].items()
    }
    curves = [_curves(each.isel(operation=1), drawn_from, drawn_steps) for each in (together, alone["rare"])]
    joined = xr.concat(curves, dim="company", join="exact")
    return joined.assign(numbers).assign_coords(company=list(COMPANIES), role=list(ROLES))


def _numbers(
    runs: xr.Dataset, role: int, trained_here: bool = True
) -> dict[str, tuple[NDArray[np.float64], str]]:
    """Each number of an operation in ``runs``, (replicate,), with its label."""
    own = runs.isel(operation=role).transpose("replicate", "step", ...)
    steps = own.step.values
    found = {
        "generalised_at": (first_checkpoint(steps, own.test_accuracy.values), r"$T_{gen}$ (steps)"),
        "area": (area_in_log_time(steps, own.test_accuracy.values), "area under test accuracy"),
        "area_unseen": (
            area_in_log_time(steps, own.unseen_accuracy.values),
            "area under test accuracy, mirror unseen",
        ),
    }
    found |= {name: (final_accuracy(own[source].values), label) for name, (source, label) in _FINAL.items()}
    stopped = own.stopped_at.values.astype(np.int64)
    if not trained_here:
        found = {name: (np.full(values.shape, np.nan), label) for name, (values, label) in found.items()}
        stopped = np.full_like(stopped, -1)
    return found | {"stopped_at": (stopped, "step of a loss that was no number")}


def _filled(values: NDArray, most: int) -> NDArray:
    """``values`` (replicates,) with missing ones behind, (most,)."""
    missing = -1 if values.dtype.kind == "i" else np.nan
    return np.pad(values, (0, most - len(values)), constant_values=missing)


def _curves(rare: xr.Dataset, drawn_from: float, drawn_steps: int) -> xr.Dataset:
    """Means over replicates of the rare operation along about ``drawn_steps`` steps, evenly spaced in log t."""
    steps = rare.step.values
    places = log_spaced(steps, drawn_from, drawn_steps)
    kept = rare.isel(step=places).drop_vars("operation").transpose("replicate", "step", ...)
    accuracy = kept.test_accuracy.values.T
    low, high = bootstrap_band(accuracy, generator=generator(0, "exposure imbalance"))
    means = {
        "test": (kept.test_accuracy, "test accuracy"),
        "seen": (kept.seen_accuracy, "test accuracy, mirror seen"),
        "unseen": (kept.unseen_accuracy, "test accuracy, mirror unseen"),
        "exposure": (kept.step_exposure, "rows seen $N(t)$"),
    }
    found = {
        name: ("step", each.values.mean(axis=0), {"long_name": label})
        for name, (each, label) in means.items()
    }
    return xr.Dataset(
        found | {"test_low": ("step", low), "test_high": ("step", high)}, coords={"step": kept.step}
    )
