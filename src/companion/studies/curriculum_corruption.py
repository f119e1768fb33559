"""Wrong labels that are fitted, and unlearned: rows answered as taught, truly, or as the rule has it.

With a share of the training labels wrong, a transformer can fit them and generalise at once; enough weight decay then
unlearns the wrong ones, and training accuracy falls to the share of right labels (arXiv:2310.13061). What unlearns is
learning rate times weight decay: once the rate falls at the end of a training, wrong labels can be fitted again.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from companion.analysis.checkpoint_grids import nearest
from companion.analysis.curriculum_times import final_accuracy
from companion.store.durable import stored
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec

_ACCURACIES: Final = {
    "clean": ("clean_accuracy", "clean training rows"),
    "wrong": ("wrong_accuracy", "corrupted rows, as taught"),
    "corrected": ("corrected_accuracy", "corrupted rows, true answer"),
    "test": ("test_accuracy", "test rows"),
}
_DIGITS: Final = 4
_POINTS: Final = 70


@stored(
    device=True,
    calls="body",
)
def corrupted_labels(
    spec: CurriculumSpec,
    corruptions: Sequence[float],
    weight_decays: Sequence[float],
    replicates: int,
    seed: int,
    *,
    block: int,
) -> xr.Dataset:
    """Accuracies of ``spec``'s one operation on a grid of ``corruptions`` ξ and ``weight_decays``.

    By ``corruption``, ``weight_decay``, ``replicate`` and ``step``: ``clean``, training rows with their true label;
    ``wrong`` and ``corrected``, corrupted rows answered as taught and truly; ``test``. Each also as ``final_...``, the
    mean of the last three evaluations, and ``before_...``, that of the last three up to the step ``decay_from``, where
    the learning rate begins to fall. ``stopped_at`` (-1: never). A larger ξ corrupts the rows of a
    smaller one and others; all networks of a replicate share start and training rows.

    Raises ValueError for several operations, and for corruptions outside (0, 1) or values that do not ascend.
    """
    _check(spec, corruptions, weight_decays)
    grid = [{"corruption": share, "weight_decay": decay} for share in corruptions for decay in weight_decays]
    runs = trained(
        spec, replicates, seed, block=block, variations=grid, label="transformers, corrupted labels"
    )
    own = runs.isel(operation=0, drop=True).transpose("variation", "replicate", "step", ...)
    last = int(own.step[-1])
    wanted = np.union1d(np.geomspace(1, last, _POINTS // 2), np.linspace(0, last, _POINTS // 2))
    kept = nearest(own.step.values, wanted)
    decay_from = spec.steps - round(spec.decay_share * spec.steps)
    until = int((own.step.values <= decay_from).sum())
    dims, shape = (
        ("corruption", "weight_decay", "replicate"),
        (len(corruptions), len(weight_decays), replicates),
    )
    found = {}
    for name, (source, label) in _ACCURACIES.items():
        values = own[source].values.astype(float)
        curves, ends = values[..., kept].round(_DIGITS), final_accuracy(values)
        found[name] = ((*dims, "step"), curves.reshape(*shape, -1), {"long_name": f"accuracy: {label}"})
        found[f"final_{name}"] = (dims, ends.reshape(shape), {"long_name": label})
        before = final_accuracy(values[..., :until]).reshape(shape)
        found[f"before_{name}"] = (dims, before, {"long_name": label})
    found["stopped_at"] = (dims, own.stopped_at.values.astype(np.int64).reshape(shape), {})
    return xr.Dataset(
        found,
        coords={
            "corruption": ("corruption", list(corruptions), {"long_name": r"corrupted share $\xi$"}),
            "weight_decay": ("weight_decay", list(weight_decays), {"long_name": r"weight decay $\lambda$"}),
            "step": ("step", own.step.values[kept], {"long_name": "training steps $t$"}),
        },
        attrs={
            "root_seed": seed,
            "decay_from": decay_from,
            "steps": spec.steps,
            "operation": spec.tasks.operations[0],
            "prime": spec.tasks.prime,
            "fraction": spec.tasks.fractions[0],
        },
    )


def _check(spec: CurriculumSpec, corruptions: Sequence[float], weight_decays: Sequence[float]) -> None:
    for name, values in (("corruptions", corruptions), ("weight_decays", weight_decays)):
        if not values or list(values) != sorted(set(values)):
            raise ValueError(f"{name}: {list(values)} given; allowed: a list, not empty, that ascends")
    if not 0 < corruptions[0] <= corruptions[-1] < 1:
        raise ValueError(f"corruptions: {list(corruptions)} given; allowed: numbers between 0 and 1")
    if len(spec.tasks.operations) != 1:
        raise ValueError(f"spec.tasks.operations: {spec.tasks.operations} given; allowed: one operation")
