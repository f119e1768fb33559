"""A data-starved operation beside partners that share its structure, others that do not, and controls between them.

Addition and subtraction are diagonal in the same characters of Z_p; multiplication has others, and a maximum has none.
A "shuffled" partner has its numbers permuted, so that it is as hard and shares nothing; a "private" one has number
tokens of its own, so that no embedding is shared. The question is that of arXiv:2505.18369, whose bottleneck is the
size of the network; here it is the number of distinct examples.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from companion.analysis.checkpoint_grids import log_spaced
from companion.analysis.curriculum_times import area_in_log_time, final_accuracy, first_checkpoint
from companion.store.durable import stored
from companion.studies.curriculum_runs import recorded_settings, trained
from companion.training.curriculum_spec import CurriculumSpec

#: No partner: the target alone, on as many rows per step.
ALONE: Final = "none"
_KINDS: Final = ("shuffled", "private")
_DIGITS: Final = 4  # of the curves that are drawn
_DRAWN_FROM: Final = 10  # their first step

_FINAL: Final = {
    "final_train": (0, "train_accuracy", "final training accuracy"),
    "final_test": (0, "test_accuracy", "final test accuracy"),
    "final_seen": (0, "seen_accuracy", "final test accuracy, mirror seen"),
    "final_unseen": (0, "unseen_accuracy", "final test accuracy, mirror unseen"),
    "partner_test": (1, "test_accuracy", "final test accuracy of the partner"),
}


@stored(
    device=True,
    calls=lambda partners, fractions, budgets, spec, replicates, seed, *, block, target, partner_fraction, **_: [
        companies(
            beside(spec, partner, target, fraction, partner_fraction).changed(steps=budget),
            partner,
            replicates,
            seed,
            block,
            target,
        )
        for fraction in fractions
        for budget in budgets
        for partner in (
            partners
            if fraction == fractions[0]
            else (ALONE, next((name for name in partners if name != ALONE), ALONE))
        )
    ],
)
def partner_compatibility(
    partners: Sequence[str],
    fractions: Sequence[float],
    budgets: Sequence[int],
    spec: CurriculumSpec,
    replicates: int,
    seed: int,
    *,
    block: int,
    target: str = "sub",
    partner_fraction: float = 0.7,
    drawn_steps: int = 40,
) -> xr.Dataset:
    """Networks on ``target``, of which ``fractions`` are trained on, with each of ``partners`` for each of ``budgets``.

    A partner is "none", an operation, or one after "shuffled" or "private" (see the head of the module); half of the
    rows of a batch are the target's, on average, and alone it has half a batch. At fractions other than the first only
    "none" and the first other partner are trained. A budget is a training of its own, as the learning rate falls
    towards its end. Networks of one replicate share start (but for private tokens), training rows and stream of the
    target's rows.

    Dim ``setting``, with coordinates ``partner``, ``fraction`` and ``budget``. By ``replicate``: the means of the last
    three evaluations ``final_train``, ``final_test``, ``final_seen``, ``final_unseen`` (by whether (b, a) was trained
    on) and ``partner_test`` (NaN without one); ``generalised_at`` (steps, inf where not reached), ``area`` (mean test
    accuracy over log t), ``stopped_at`` (-1: never). By ``point``, at most ``drawn_steps`` steps evenly spaced in
    log t: ``step`` (setting, point) and ``test`` (setting, replicate, point), padded with NaN.

    Raises ValueError for unknown partners, ones given twice, fractions without both "none" and a partner, budgets or
    fractions given twice or not at all, and a spec of full batches or of one row.
    """
    _check(partners, fractions, budgets, spec)
    first = next((name for name in partners if name != ALONE), ALONE)
    parts, labels = [], []
    for fraction in fractions:
        for budget in budgets:
            for partner in partners if fraction == fractions[0] else (ALONE, first):
                own = beside(spec, partner, target, fraction, partner_fraction).changed(steps=budget)
                runs = companies(own, partner, replicates, seed, block, target)
                parts.append(_summary(runs, partner, drawn_steps))
                labels.append((partner, fraction, budget))
    found = xr.concat(parts, dim="setting", join="exact", coords="minimal", compat="equals")
    columns = zip(("partner", "fraction", "budget"), zip(*labels, strict=True), strict=True)
    return found.assign_coords({name: ("setting", list(values)) for name, values in columns}).assign_attrs(
        recorded_settings(spec), root_seed=seed, target=target, partner_fraction=partner_fraction
    )


def beside(
    spec: CurriculumSpec,
    partner: str,
    target: str = "sub",
    fraction: float = 0.25,
    partner_fraction: float = 0.7,
) -> CurriculumSpec:
    """``spec`` on ``target`` and ``partner``; without one, on half a batch of the target.

    The target alone has the tokens of a partner that it never meets, so that it starts as it does in company. Raises
    ValueError for an unknown partner.

    >>> beside(CurriculumSpec(batch=256), "shuffled add").tasks.vocabulary
    ('shared', 'shuffled')
    """
    kind, _, name = partner.rpartition(" ") if partner.startswith(_KINDS) else ("shared", "", partner)
    alone = partner == ALONE
    if alone:
        name = next(other for other in ("add", "sub") if other != target)
    tasks = spec.tasks.model_dump() | {
        "operations": (target, name),
        "fractions": (fraction, partner_fraction),
        "vocabulary": ("shared", kind),
    }
    return spec.changed(
        tasks=tasks,
        batch=spec.batch // 2 if alone else spec.batch,
        schedule={"weights": (1.0, 0.0) if alone else (0.5, 0.5)},
    )


def _check(
    partners: Sequence[str], fractions: Sequence[float], budgets: Sequence[int], spec: CurriculumSpec
) -> None:
    if spec.batch < 2:
        raise ValueError(
            f"spec.batch: {spec.batch} given; allowed: a number of rows that are drawn, 2 or more"
        )
    for name, values in (("partners", partners), ("fractions", fractions), ("budgets", budgets)):
        if not values or len(set(values)) < len(values):
            raise ValueError(f"{name}: {tuple(values)} given; allowed: one or more that differ")
    if len(fractions) > 1 and (ALONE not in partners or len(partners) < 2):
        raise ValueError(
            f"partners: {tuple(partners)} given; allowed with several fractions: {ALONE} and another"
        )


def companies(
    spec: CurriculumSpec, partner: str, replicates: int, seed: int, block: int, target: str
) -> xr.Dataset:
    """Trainings of one setting, dims ``replicate`` and those of `train_curriculum`; the target is operation 0."""
    label = f"transformers, {target} beside {partner}"
    return trained(spec, replicates, seed, block=block, label=label).isel(variation=0)


def _summary(runs: xr.Dataset, partner: str, drawn_steps: int) -> xr.Dataset:
    """Numbers and curves of one setting."""
    own = runs.transpose("replicate", "operation", "step", ...)
    steps, test = own.step.values, own.test_accuracy.values[:, 0]
    found = {
        name: ("replicate", final_accuracy(own[source].values[:, operation]), {"long_name": label})
        for name, (operation, source, label) in _FINAL.items()
    }
    if partner == ALONE:
        found["partner_test"] = (
            *found["partner_test"][:1],
            np.full(len(test), np.nan),
            found["partner_test"][2],
        )
    places = log_spaced(steps, _DRAWN_FROM, drawn_steps)
    at, curves = np.full(drawn_steps, np.nan), np.full((len(test), drawn_steps), np.nan)
    at[: places.size], curves[:, : places.size] = steps[places], test[:, places].round(_DIGITS)
    generalised = {"long_name": r"$T_\mathrm{gen}$", "units": "steps"}
    return xr.Dataset(
        found
        | {
            "generalised_at": ("replicate", first_checkpoint(steps, test), generalised),
            "area": ("replicate", area_in_log_time(steps, test), {"long_name": "area under test accuracy"}),
            "stopped_at": ("replicate", own.stopped_at.values.astype(np.int64)),
            "step": ("point", at, {"long_name": "training steps $t$"}),
            "test": (("replicate", "point"), curves, {"long_name": "test accuracy"}),
        }
    )
