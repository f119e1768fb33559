"""When one operation is memorised and when it is generalised: grokking, and two ways to lose the delay.

A small transformer that is trained on part of a table of modular arithmetic first answers its training rows and much
later the others (arXiv:2201.02177). Smaller batches of more rows under more weight decay leave nearly no delay
("comprehension", arXiv:2205.10343); too few rows leave only what was memorised.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr

from companion.analysis.checkpoint_grids import log_spaced
from companion.analysis.curriculum_times import THRESHOLD, final_accuracy, first_checkpoint
from companion.store.durable import stored
from companion.studies.curriculum_runs import recorded_settings, trained
from companion.training.curriculum_spec import CurriculumSpec

#: Settings beside the operations, on the first of them: fields of the spec that are other, and the trained share.
CONTROLS: Final[Mapping[str, Mapping[str, float]]] = {
    "comprehension": {"batch": 256, "fraction": 0.6, "weight_decay": 2.0},
    "few rows": {"fraction": 0.25},
}
#: Accuracies at which times are read; the criterion's own is `curriculum_times.THRESHOLD`.
THRESHOLDS: Final = (0.8, THRESHOLD, 0.95)
_DIGITS: Final = 4  # of the curves that are drawn

_CURVES: Final = {
    "train": ("train_accuracy", "accuracy on training rows"),
    "test": ("test_accuracy", "accuracy on test rows"),
    "unseen": ("unseen_accuracy", "accuracy on test rows, mirror unseen"),
    "weight_norm": ("weight_norm", r"weight norm $\|\theta\|$"),
}
MEMORISED: Final = {"long_name": r"$T_\mathrm{mem}$", "units": "steps"}
GENERALISED: Final = {"long_name": r"$T_\mathrm{gen}$", "units": "steps"}


@stored(
    device=True,
    calls=lambda spec, operations, replicates, seed, *, block, controls, **_: [
        trained(own, replicates, seed, block=block)
        for own in delay_settings(spec, operations, controls).values()
    ],
)
def generalisation_delay(
    spec: CurriculumSpec,
    operations: Sequence[str],
    replicates: int,
    seed: int,
    *,
    block: int,
    controls: Mapping[str, Mapping[str, Any]] = CONTROLS,
    drawn_from: float = 7.0,
    drawn_steps: int = 55,
) -> xr.Dataset:
    """Learning curves and times of single ``operations`` under ``spec``, and of the ``controls`` on the first of them.

    Dim ``setting``: each operation by its name, then each control by its own. A control names fields of the spec that
    it changes, and ``fraction``, the share of the table that is trained on. Networks of one replicate share start and
    order of rows. Evenly spaced weights, if any, are kept of the first operation alone.

    By ``setting``, ``replicate`` and ``step``, at about ``drawn_steps`` steps evenly spaced in log t from
    ``drawn_from``: ``weight_norm``, and ``train``, ``test`` and ``unseen`` accuracy, the latter on test rows whose
    (b, a) was not trained on. By ``threshold``: ``memorised_at`` and ``generalised_at``, the first of all checkpoints
    with so much training and test accuracy, in steps, inf where not reached. ``final_test``, the mean of the last
    three evaluations, and ``stopped_at`` (-1: never). Coordinates of a setting: ``operation``, ``fraction``, ``batch``
    (0: all rows), ``weight_decay``.

    Raises ValueError for no operations and for a control with the name of an operation.
    """
    settings = delay_settings(spec, operations, controls)
    parts = [
        _summary(
            trained(own, replicates, seed, block=block, label=f"transformers, {name}"),
            drawn_from,
            drawn_steps,
        )
        for name, own in settings.items()
    ]
    found = xr.concat(parts, dim="setting", join="exact", coords="minimal", compat="equals")
    specs = list(settings.values())
    return found.assign_coords(
        setting=list(settings),
        operation=("setting", [own.tasks.operations[0] for own in specs]),
        fraction=("setting", [own.tasks.fractions[0] for own in specs]),
        batch=("setting", [own.batch for own in specs]),
        weight_decay=("setting", [own.weight_decay for own in specs]),
    ).assign_attrs(recorded_settings(spec), root_seed=seed, steps=spec.steps, controls=list(controls))


def delay_settings(
    spec: CurriculumSpec, operations: Sequence[str], controls: Mapping[str, Mapping[str, Any]] = CONTROLS
) -> dict[str, CurriculumSpec]:
    """Specs of all settings by name, operations first."""
    names = [*operations, *controls]
    if not operations or len(set(names)) < len(names):
        raise ValueError(
            f"operations, controls: {list(operations)}, {list(controls)} given; "
            "allowed: at least one operation, and names that differ"
        )
    # Long trajectories are large, and `curriculum_spectrum` looks at those of the first operation only.
    bare = spec.changed(linear_checkpoints=0)
    found = {name: _on(bare, name, spec.tasks.fractions) for name in operations}
    found[operations[0]] = _on(spec, operations[0], spec.tasks.fractions)
    for name, changes in controls.items():
        fields = {field: value for field, value in changes.items() if field != "fraction"}
        share = (changes["fraction"],) if "fraction" in changes else spec.tasks.fractions
        found[name] = _on(bare, operations[0], share, **fields)
    return found


def _on(spec: CurriculumSpec, operation: str, fractions: Sequence[float], **fields: Any) -> CurriculumSpec:
    tasks = spec.tasks.model_dump() | {"operations": (operation,), "fractions": tuple(fractions)}
    return spec.changed(tasks=tasks, **fields)


def _summary(runs: xr.Dataset, drawn_from: float, drawn_steps: int) -> xr.Dataset:
    """Curves and times of one setting, dims replicate, step, threshold."""
    own = runs.isel(variation=0, operation=0, drop=True)
    curves = {name: own[source].transpose("replicate", "step") for name, (source, _) in _CURVES.items()}
    times = {
        name: np.stack([first_checkpoint(own.step, curves[source], level) for level in THRESHOLDS], axis=-1)
        for name, source in (("memorised_at", "train"), ("generalised_at", "test"))
    }
    steps = own.step.values
    kept = log_spaced(steps, drawn_from, drawn_steps)
    words = {"memorised_at": MEMORISED, "generalised_at": GENERALISED}
    by_step, by_level = ("replicate", "step"), ("replicate", "threshold")
    return xr.Dataset(
        {
            name: (
                by_step,
                values.values[:, kept].astype(float).round(_DIGITS),
                {"long_name": _CURVES[name][1]},
            )
            for name, values in curves.items()
        }
        | {name: (by_level, values, words[name]) for name, values in times.items()}
        | {
            "final_test": ("replicate", final_accuracy(curves["test"]), {"long_name": "final test accuracy"}),
            "stopped_at": ("replicate", own.stopped_at.values.astype(np.int64)),
        },
        coords={
            "step": ("step", steps[kept], {"long_name": "training steps $t$"}),
            "threshold": list(THRESHOLDS),
        },
    )
