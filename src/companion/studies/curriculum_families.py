"""Two other families of operations: compositions of two of them, and products of permutations.

Compositions (a op1 b) op2 c are asked twice: of rows of a pair (op1, op2) that is trained on, and of pairs that never
are. Is it worth some of the steps to learn the operations alone before (arXiv:2402.18361)? Products in S_n are a hard
task without numbers; does the sign of a factor, which is easy, help beside it (arXiv:2505.18369)?
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr

from companion.analysis.checkpoint_grids import evenly_spaced
from companion.analysis.curriculum_times import THRESHOLD, final_accuracy, first_checkpoint
from companion.datasets.composed_operations import composed_name, held_out_pairs
from companion.store.durable import stored
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec

#: All steps on pairs, or a first share of them on the operations alone.
DIRECT, PRIMITIVES_FIRST = "direct", "operations first"
TREATMENTS: Final = (DIRECT, PRIMITIVES_FIRST)
ALONE: Final = "alone"
_PRODUCT: Final = "product"
_DIGITS: Final = 4  # of the curves that are drawn
_LOOKS: Final = 60  # evaluations that are evenly spaced


@stored(
    device=True,
    calls=lambda spec, primitives, held_out, replicates, seed, *, block, **given: [
        trained(own, replicates, seed, block=block)
        for own in composed_specs(
            spec, primitives, *held_out_pairs(primitives, held_out, seed=seed), **given
        ).values()
    ],
)
def composed_pairs(
    spec: CurriculumSpec,
    primitives: Sequence[str],
    held_out: int,
    replicates: int,
    seed: int,
    *,
    block: int,
    triples: int = 0,
    fraction: float = 0.8,
    primitive_fraction: float = 0.9,
    primitive_share: float = 0.2,
) -> xr.Dataset:
    """Networks of ``spec`` on all pairs of ``primitives`` but ``held_out``, directly and after the primitives alone.

    ``spec`` gives prime, network, batch and steps, which are the same in both; the share ``primitive_share`` of them
    goes to the primitives under "operations first". A pair's table has ``triples`` rows, all where that is 0. Every row
    of a held-out pair is new and judged; ``fraction`` and ``primitive_fraction`` of the tables of the other pairs and
    of the primitives are trained on. Evaluations are evenly spaced, whatever ``spec.every`` says.

    Dims ``treatment``, ``replicate``, ``step``; means over operations. ``rows`` and ``pairs``: test accuracy on pairs
    that are trained on, and on those that are not; ``known``: on training rows of the former; ``alone``: on those of
    the primitives. ``final_rows``: mean of the last three evaluations, ``final_pair`` (.., pair): of each held-out
    pair; ``chance`` (pair,): accuracy of always giving its commonest answer. ``stopped_at`` (-1: never).

    Raises ValueError for a number of pairs that cannot be held out.
    """
    met, new = held_out_pairs(primitives, held_out, seed=seed)
    if not new:
        raise ValueError(f"held_out: {held_out} given; allowed: 1 to {(len(primitives) - 1) ** 2}")
    shares = {
        "fraction": fraction,
        "primitive_fraction": primitive_fraction,
        "primitive_share": primitive_share,
    }
    specs = composed_specs(spec, primitives, met, new, triples=triples, **shares)
    first, last = len(primitives), len(primitives) + len(met)
    chances = specs[DIRECT].tasks.tasks(seed).chance_level[last:]
    parts = []
    for name, own in specs.items():
        label = f"transformers, compositions, {name}"
        runs = trained(own, replicates, seed, block=block, label=label)
        parts.append(_composed(_even_looks(runs, own), first, last))
    found = xr.concat(parts, dim="treatment", join="exact", coords="minimal", compat="equals")
    names = [composed_name(*pair) for pair in new]
    return found.assign(chance=("pair", list(chances))).assign_coords(
        treatment=list(specs), pair=names
    ).assign_attrs(
        root_seed=seed,
        steps=spec.steps,
        prime=spec.tasks.prime,
        pairs=len(met),
        switch=round(primitive_share * spec.steps),
        fraction=fraction,
        batch=spec.batch,
    )  # fmt: skip


def composed_specs(
    spec: CurriculumSpec,
    primitives: Sequence[str],
    met: Sequence[tuple[str, str]],
    new: Sequence[tuple[str, str]],
    *,
    triples: int,
    fraction: float,
    primitive_fraction: float,
    primitive_share: float,
) -> dict[str, CurriculumSpec]:
    """Trainings on the pairs ``met`` by treatment; ``new`` ones are never trained on (see `composed_pairs`)."""
    first, last = len(primitives), len(primitives) + len(met)
    tasks = spec.tasks.model_dump() | {
        "family": "composed",
        "operations": tuple(primitives),
        "pairs": (*met, *new),
        "triples": triples,
        "fractions": (*[primitive_fraction] * first, *[fraction] * (len(met) + len(new))),
        "held_out": tuple(composed_name(*pair) for pair in new),
    }
    weights = [_even(last + len(new), *stage) for stage in ((0, first), (first, last))]
    schedules: dict[str, dict[str, Any]] = {
        DIRECT: {"weights": weights[1]},
        PRIMITIVES_FIRST: {"kind": "staged", "stages": weights, "ends": (primitive_share, 1.0)},
    }
    # All at once: a schedule that gives weight to what is held out would be refused.
    return {
        name: spec.changed(tasks=tasks, every=_spacing(spec), schedule=schedule)
        for name, schedule in schedules.items()
    }


@stored(
    device=True,
    calls=lambda spec, companions, replicates, seed, *, block, fraction: [
        trained(product_spec(spec, companion, fraction), replicates, seed, block=block)
        for companion in (ALONE, *companions)
    ],
)
def permutation_products(
    spec: CurriculumSpec,
    companions: Sequence[str],
    replicates: int,
    seed: int,
    *,
    block: int,
    fraction: float = 0.7,
) -> xr.Dataset:
    """Networks of ``spec`` on products in S_n alone and beside each of ``companions`` ("sgn", "coset(2)").

    The product has ``spec.batch`` rows a step on average in all of them; a companion has as many beside it. ``spec``
    gives n, network and steps; ``fraction`` of every table is trained on.

    Dims ``company``, ``replicate``, ``step``: ``product_train`` and ``product_test`` accuracy, and
    ``companion_test`` (NaN alone). ``memorised`` and ``generalised``: first steps with 90 % of training and of test
    rows, inf where never; ``final_product``: mean of the last three evaluations; ``stopped_at`` (-1: never).
    Raises ValueError for a batch of 0 and unknown companions.
    """
    if not spec.batch:
        raise ValueError("spec.batch: 0 given; allowed: a whole number >= 1")
    parts = []
    for companion in (ALONE, *companions):
        own = product_spec(spec, companion, fraction)
        label = f"transformers, {' + '.join(own.tasks.operations)} of permutations"
        runs = _even_looks(trained(own, replicates, seed, block=block, label=label), own)
        parts.append(_products(runs))
    found = xr.concat(parts, dim="company", join="exact", coords="minimal", compat="equals")
    names = [ALONE, *(f"+ {companion}" for companion in companions)]
    return found.assign_coords(company=names).assign_attrs(
        root_seed=seed,
        steps=spec.steps,
        degree=spec.tasks.degree,
        elements=math.factorial(spec.tasks.degree),
        fraction=fraction,
        batch=spec.batch,
    )


def product_spec(spec: CurriculumSpec, companion: str, fraction: float) -> CurriculumSpec:
    """``spec`` on products in S_n beside ``companion``, or `ALONE`, with as many rows of each."""
    names = (_PRODUCT,) if companion == ALONE else (_PRODUCT, companion)
    tasks = spec.tasks.model_dump() | {
        "family": "permutation",
        "operations": names,
        "fractions": (fraction,),
    }
    return spec.changed(tasks=tasks, batch=len(names) * spec.batch, every=_spacing(spec))


def _even(operations: int, first: int, last: int) -> tuple[float, ...]:
    """Even weights of the operations from ``first`` up to ``last``."""
    return tuple(1.0 / (last - first) if first <= place < last else 0.0 for place in range(operations))


def _spacing(spec: CurriculumSpec) -> int:
    """Steps between two evaluations."""
    return -(-spec.steps // _LOOKS)


def _even_looks(runs: xr.Dataset, spec: CurriculumSpec) -> xr.Dataset:
    """The evaluations that are evenly spaced, and the last; replicate first, then step."""
    kept = evenly_spaced(runs.step.values, spec.every)
    names = ["train_accuracy", "test_accuracy", "stopped_at"]
    return runs[names].isel(variation=0, step=kept).transpose("replicate", "step", "operation")


def _composed(runs: xr.Dataset, first: int, last: int) -> xr.Dataset:
    """Means over operations: primitives stand first, pairs that are trained on up to ``last``, then the others."""
    test, train = runs.test_accuracy.values, runs.train_accuracy.values
    curves = {
        "rows": (test[..., first:last], "new rows of trained pairs"),
        "pairs": (test[..., last:], "pairs never met"),
        "known": (train[..., first:last], "training rows of pairs"),
        "alone": (train[..., :first], "training rows of operations alone"),
    }
    means = {name: (values.mean(axis=-1), f"accuracy, {label}") for name, (values, label) in curves.items()}
    by_step = ("replicate", "step")
    each = np.moveaxis(test[..., last:], 1, -1)
    return xr.Dataset(
        {name: (by_step, mean.round(_DIGITS), {"long_name": label}) for name, (mean, label) in means.items()}
        | {
            "final_rows": ("replicate", final_accuracy(means["rows"][0]), {"long_name": means["rows"][1]}),
            "final_pair": (("replicate", "pair"), final_accuracy(each)),
            "stopped_at": ("replicate", runs.stopped_at.values.astype(np.int64)),
        },
        coords={"step": ("step", runs.step.values, {"long_name": "training steps $t$"})},
    )


def _products(runs: xr.Dataset) -> xr.Dataset:
    """Curves and times of the product, which is the first operation, and curves of what stands beside it."""
    train, test = (runs[name].values for name in ("train_accuracy", "test_accuracy"))
    beside = test[..., 1] if test.shape[-1] > 1 else np.full(test.shape[:-1], np.nan)
    curves = {"product_train": train[..., 0], "product_test": test[..., 0], "companion_test": beside}
    times = {"memorised": (train, "mem"), "generalised": (test, "gen")}
    return xr.Dataset(
        {name: (("replicate", "step"), values.round(_DIGITS)) for name, values in curves.items()}
        | {
            name: (
                "replicate",
                first_checkpoint(runs.step, values[..., 0], THRESHOLD),
                {"long_name": rf"$T_\mathrm{{{label}}}$", "units": "steps"},
            )
            for name, (values, label) in times.items()
        }
        | {
            "final_product": ("replicate", final_accuracy(test[..., 0])),
            "stopped_at": ("replicate", runs.stopped_at.values.astype(np.int64)),
        },
        coords={"step": ("step", runs.step.values, {"long_name": "training steps $t$"})},
    )
