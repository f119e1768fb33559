"""When one operation generalises over the share of its table that is trained on and over weight decay.

Few rows and little decay are the phase of memorisation, many rows that of comprehension, with grokking between them
(arXiv:2205.10343); the delay should grow as 1/(weight decay) (arXiv:2210.01117, arXiv:2603.13331).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr

from companion.analysis.curriculum_times import final_accuracy, first_checkpoint
from companion.store.durable import stored
from companion.studies.curriculum_delay import GENERALISED, MEMORISED
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec

_ACCURACIES: Final = {
    "final_train": ("train_accuracy", "final training accuracy"),
    "final_test": ("test_accuracy", "final test accuracy"),
    "final_unseen": ("unseen_accuracy", "final test accuracy, mirror unseen"),
}


@stored(
    device=True,
    calls="body",
)
def phase_diagram(
    spec: CurriculumSpec,
    fractions: Sequence[float],
    weight_decays: Sequence[float],
    replicates: int,
    seed: int,
    *,
    block: int,
) -> xr.Dataset:
    """Times and final accuracies of ``spec``'s one operation on a grid of trained ``fractions`` and ``weight_decays``.

    Dims ``fraction``, ``weight_decay``, ``replicate``: ``memorised_at`` and ``generalised_at`` in steps, inf where not
    reached within the budget; ``final_train``, ``final_test`` and ``final_unseen``, means of the last three
    evaluations; ``stopped_at`` (-1: never). Networks of one replicate share the start, and smaller training sets lie in
    larger ones.

    Raises ValueError for fractions or weight decays that do not ascend, and for several operations.
    """
    _check(spec, fractions, weight_decays)
    grid = [{"fractions": (share,), "weight_decay": decay} for share in fractions for decay in weight_decays]
    # Weights are not looked at here.
    bare = spec.changed(checkpoints=0, linear_checkpoints=0)
    runs = trained(bare, replicates, seed, block=block, variations=grid, label="transformers, phase diagram")
    own = runs.isel(operation=0, drop=True).transpose("variation", "replicate", "step", ...)
    times = {
        "memorised_at": (first_checkpoint(own.step, own.train_accuracy), MEMORISED),
        "generalised_at": (first_checkpoint(own.step, own.test_accuracy), GENERALISED),
    }
    ends = {
        name: (final_accuracy(own[source]), {"long_name": label})
        for name, (source, label) in _ACCURACIES.items()
    }
    stopped = {"stopped_at": (own.stopped_at.values.astype(np.int64), {})}
    shape = (len(fractions), len(weight_decays), replicates)
    return xr.Dataset(
        {
            name: (("fraction", "weight_decay", "replicate"), values.reshape(shape), words)
            for name, (values, words) in (times | ends | stopped).items()
        },
        coords={
            "fraction": ("fraction", list(fractions), {"long_name": "trained share $f$ of the table"}),
            "weight_decay": ("weight_decay", list(weight_decays), {"long_name": r"weight decay $\lambda$"}),
        },
        attrs={
            "root_seed": seed,
            "steps": spec.steps,
            "operation": spec.tasks.operations[0],
            "prime": spec.tasks.prime,
        },
    )


def _check(spec: CurriculumSpec, fractions: Sequence[float], weight_decays: Sequence[float]) -> None:
    for name, values in (("fractions", fractions), ("weight_decays", weight_decays)):
        if not values or any(later <= earlier for earlier, later in pairwise(values)):
            raise ValueError(f"{name}: {list(values)} given; allowed: a list, not empty, that ascends")
    if len(spec.tasks.operations) != 1:
        raise ValueError(f"spec.tasks.operations: {spec.tasks.operations} given; allowed: one operation")
