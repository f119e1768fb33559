"""How large a network must be to learn modular addition of lists, alone and beside operations that know order.

Easy operations beside a hard one are reported to lower the size from which it is learned (arXiv:2505.18369). Every set
of operations sees the same number of expressions of each operation in every step, so that company costs none of them
exposure; a set with more operations sees more rows.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from companion.analysis.curriculum_times import THRESHOLD, final_accuracy, first_checkpoint
from companion.store.durable import stored
from companion.studies.stream_runs import streamed
from companion.training.list_curricula import ListSpec

SHUFFLED: Final = "shuffled"
_DIGITS: Final = 4  # of the curves that are drawn


@stored(
    device=True,
    calls=lambda spec, companies, widths, replicates, seed, *, block, shuffled: [
        streamed(own.changed(width=width), replicates, seed, block=block)
        for own in company_specs(spec, companies, shuffled).values()
        for width in widths
    ],
)
def list_sizes(
    spec: ListSpec,
    companies: Sequence[str],
    widths: Sequence[int],
    replicates: int,
    seed: int,
    *,
    block: int,
    shuffled: bool = False,
) -> xr.Dataset:
    """Accuracies on the operation of ``spec`` alone and in each of ``companies`` ("MAX", "MAX+MED"), by ``widths``.

    Dims ``company`` ("alone" first; with ``shuffled``, each company once more with another order of the numbers
    for operations that know order), ``width``, ``replicate``. ``reached`` (inf: never) and ``final`` (mean of the last
    three evaluations) also by ``part`` (train, test), of lists of all depths alike; ``final_by_depth`` of test lists by
    ``depth``; ``weight_count``; ``curve`` at the smallest and the largest width by ``size`` and ``step``, test lists,
    mean over depths. Raises ValueError for a ``spec`` of several operations, for widths or companies named twice.
    """
    target = spec.operations[0]
    if len(spec.operations) > 1:
        raise ValueError(
            f"spec: operations {spec.operations} given; allowed: one, whose company is asked for"
        )
    for name, values in (("companies", companies), ("widths", widths)):
        if len(set(values)) < len(values) or (name == "widths" and not values):
            raise ValueError(f"{name}: {list(values)} given; allowed: names that differ, at least one width")
    specs = company_specs(spec, companies, shuffled)
    rows, counts = [], []
    for own in specs.values():
        parts = []
        for width in widths:
            runs = streamed(
                own.changed(width=width),
                replicates,
                seed,
                block=block,
                label=f"transformers, {' + '.join(own.operations)}, width {width}",
            )
            accuracy = runs.accuracy.isel(variation=0).sel(operation=target, drop=True)
            parts.append(_summary(accuracy, runs.stopped_at.isel(variation=0)))
            counts.append(spec_weights(own.changed(width=width)))
        rows.append(xr.concat(parts, dim="width", coords="minimal", compat="equals"))
    found = xr.concat(rows, dim="company", coords="minimal", compat="equals")
    ends = [int(np.argmin(widths)), int(np.argmax(widths))]
    shown = found.curve.isel(width=ends).transpose("company", "width", "replicate", "step")
    names = ("company", "size", "replicate", "step")
    return (
        found.drop_vars("curve")
        .assign(
            weight_count=(("company", "width"), np.reshape(counts, (len(specs), len(widths)))),
            curve=(names, shown.values.round(_DIGITS), {"long_name": f"{target}, test accuracy"}),
        )
        .assign_coords(
            company=list(specs),
            width=list(widths),
            size=[int(widths[end]) for end in ends],
            step=("step", found.step.values, {"long_name": "training steps $t$"}),
        )
        .assign_attrs(
            root_seed=seed,
            target=target,
            steps=spec.steps,
            numbers=spec.numbers,
            depths=spec.depth,
            threshold=THRESHOLD,
        )
    )


def company_specs(spec: ListSpec, companies: Sequence[str], shuffled: bool) -> dict[str, ListSpec]:
    """Specs by the name of the company: alone, each company, and each again with a shuffled order."""
    target = spec.operations[0]
    found = {"alone": spec}
    for company in companies:
        found[f"+ {company}"] = spec.changed(operations=(target, *company.split("+")))
    if shuffled:
        found |= {
            f"{name}, {SHUFFLED}": own.changed(order="shuffled")
            for name, own in found.items()
            if name != "alone"
        }
    return found


def spec_weights(spec: ListSpec) -> int:
    """Number of weights of a network of ``spec``."""
    return spec.network(spec.lists(0)).weight_count


def _summary(accuracy: xr.DataArray, stopped: xr.DataArray) -> xr.Dataset:
    """Times and ends of the replicates of one width."""
    by_step = accuracy.transpose("replicate", "part", "depth", "step")
    overall = by_step.mean("depth")
    words = {"long_name": r"$t_{90}$", "units": "steps"}
    return xr.Dataset(
        {
            "reached": (("replicate", "part"), first_checkpoint(by_step.step, overall.values), words),
            "final": (("replicate", "part"), final_accuracy(overall.values), {"long_name": "final accuracy"}),
            "final_by_depth": (("replicate", "depth"), final_accuracy(by_step.sel(part="test").values)),
            "stopped_at": ("replicate", stopped.values.astype(np.int64)),
            "curve": (("replicate", "step"), overall.sel(part="test").values),
        },
        coords={"part": by_step.part.values, "depth": by_step.depth.values, "step": by_step.step.values},
    )
