"""An operation that is forgotten and comes back: what is saved, and what the optimiser's moments have to do with it.

Adam's moments carry the last operation across a switch; starting them anew there is a treatment, not a detail. The
learning rate is constant, so that learning for the first time and again are compared at one rate. What follows the
target may be learned soon because the target is known, and not because it was learned before: the control is the
source after the target without its first stage.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.checkpoint_grids import evenly_spaced
from companion.analysis.curriculum_times import THRESHOLD, first_checkpoint
from companion.analysis.task_transfer import savings
from companion.store.durable import stored
from companion.studies.curriculum_runs import trained
from companion.studies.curriculum_transfer import check_steps
from companion.training.curriculum_spec import CurriculumSpec

#: What becomes of Adam's moments at a switch.
KEPT, RESET = "kept", "reset"
MOMENTS: Final = (KEPT, RESET)
_DIGITS: Final = 4  # of the curves that are drawn
_LOOKS: Final = 72  # evaluations that are evenly spaced


@stored(
    device=True,
    calls=lambda pair, spec, source_steps, target_steps, replicates, seed, *, block, **given: [
        trained(each, replicates, seed, block=block)
        for fractions in [(given["source_fraction"], given["target_fraction"])]
        for own in [return_spec(spec, tuple(pair), source_steps, target_steps, fractions)]
        for each in (
            *(own.changed(reset_moments=treatment == RESET) for treatment in MOMENTS),
            unmet_spec(own, source_steps, target_steps),
        )
    ],
)
def returning_source(
    pair: Sequence[str],
    spec: CurriculumSpec,
    source_steps: int,
    target_steps: int,
    replicates: int,
    seed: int,
    *,
    block: int,
    source_fraction: float = 0.7,
    target_fraction: float = 0.4,
) -> xr.Dataset:
    """Source, target, and the source again for as many steps, with Adam's moments kept and reset at both switches.

    Networks of one replicate differ in nothing else, and not at all before the first switch. Dims ``moments``,
    ``replicate``: ``first_time`` and ``again_time``, steps of the source's stages until 90 % of its test rows are
    answered, inf where never; ``savings``, 1 - again/first (NaN where it was not learned in the first place, -inf
    where only not again). By ``replicate``, of the control that begins with the target and keeps its moments:
    ``unmet_time``, steps of the source's only stage. Along ``step``: test accuracies ``source`` and ``target``.
    ``stopped_at`` and ``unmet_stopped_at`` (-1: never). Raises ValueError for a pair that is none and stages without a
    step.
    """
    names = tuple(pair)
    if len(names) != 2 or names[0] == names[1]:
        raise ValueError(f"pair: {names} given; allowed: a source and another operation as target")
    check_steps(source_steps, target_steps)
    own = return_spec(spec, names, source_steps, target_steps, (source_fraction, target_fraction))
    parts = []
    for treatment in MOMENTS:
        label = f"transformers, {' → '.join((*names, names[0]))}, moments {treatment}"
        changed = own.changed(reset_moments=treatment == RESET)
        runs = trained(changed, replicates, seed, block=block, label=label).isel(variation=0)
        parts.append(_summary(runs.transpose("replicate", "step", "operation", ...), own))
    found = xr.concat(parts, dim="moments", join="exact", coords="minimal", compat="equals")
    found = found.assign(_control(unmet_spec(own, source_steps, target_steps), replicates, seed, block))
    return found.assign_coords(moments=list(MOMENTS)).assign_attrs(
        root_seed=seed,
        source=names[0],
        target=names[1],
        source_steps=source_steps,
        target_steps=target_steps,
        steps=own.steps,
        threshold=THRESHOLD,
    )


def return_spec(
    spec: CurriculumSpec,
    pair: tuple[str, ...],
    source_steps: int,
    target_steps: int,
    fractions: tuple[float, float] = (0.7, 0.4),
) -> CurriculumSpec:
    """``spec`` on the source, the target, and the source again, at a constant learning rate, moments kept."""
    total = 2 * source_steps + target_steps
    tasks = spec.tasks.model_dump() | {"operations": pair, "fractions": fractions}
    ends = (source_steps / total, (source_steps + target_steps) / total, 1.0)
    stages = ((1.0, 0.0), (0.0, 1.0), (1.0, 0.0))
    return spec.changed(
        tasks=tasks,
        schedule={"kind": "staged", "stages": stages, "ends": ends},
        steps=total,
        every=-(-total // _LOOKS),
        decay_share=0.0,
        reset_moments=False,
    )


def unmet_spec(spec: CurriculumSpec, source_steps: int, target_steps: int) -> CurriculumSpec:
    """`return_spec` without its first stage: the target, then the source for the first time."""
    total = source_steps + target_steps
    ends = (target_steps / total, 1.0)
    return spec.changed(
        schedule={"kind": "staged", "stages": ((0.0, 1.0), (1.0, 0.0)), "ends": ends}, steps=total
    )


def _control(spec: CurriculumSpec, replicates: int, seed: int, block: int) -> dict[str, Any]:
    """Times of the source where the target stands before its only stage."""
    label = f"transformers, {' → '.join(reversed(spec.tasks.operations))}"
    runs = trained(spec, replicates, seed, block=block, label=label).isel(variation=0)
    (switch,) = spec.schedule.build(2).switches(spec.steps)
    words = {"long_name": "until the source is learned, after the target alone", "units": "steps"}
    return {
        "unmet_time": ("replicate", _learned(runs, switch, spec.steps), words),
        "unmet_stopped_at": ("replicate", runs.stopped_at.values.astype(np.int64)),
    }


def _learned(runs: xr.Dataset, begun: int, ended: int) -> NDArray[np.float64]:
    """Steps since ``begun`` until the source is known, (replicate,), inf where it is not by ``ended``."""
    stage = runs.isel(step=(runs.step.values >= begun) & (runs.step.values <= ended), operation=0)
    test = stage.test_accuracy.transpose("replicate", "step").values
    return first_checkpoint(stage.step.values - begun, test, THRESHOLD)


def _summary(runs: xr.Dataset, spec: CurriculumSpec) -> xr.Dataset:
    """Numbers of one treatment."""
    steps, test = runs.step.values, runs.test_accuracy.values
    first, second = spec.schedule.build(2).switches(spec.steps)
    times, again = _learned(runs, 0, first), _learned(runs, second, spec.steps)
    drawn = evenly_spaced(steps, spec.every)
    in_steps = {"units": "steps"}
    numbers = {
        "first_time": (times, {"long_name": "until the source is learned"} | in_steps),
        "again_time": (again, {"long_name": "until it is learned again"} | in_steps),
        "savings": (savings(times, again), {"long_name": "savings"}),
        "stopped_at": (runs.stopped_at.values.astype(np.int64), {}),
    }
    curves = {name: test[:, drawn, place].round(_DIGITS) for place, name in enumerate(("source", "target"))}
    accuracies = {"long_name": "test accuracy"}
    return xr.Dataset(
        {name: ("replicate", values, words) for name, (values, words) in numbers.items()}
        | {name: (("replicate", "step"), values, accuracies) for name, values in curves.items()},
        coords={"step": ("step", steps[drawn], {"long_name": "training steps $t$"})},
    )
