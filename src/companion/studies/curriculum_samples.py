"""Which rows of an operation are memorised: what being trained on a row does to the answer to it.

Every replicate draws its own half of the table, so that each row is trained on by some and not by others. Rows may
differ in what that does, and those met rarely may be memorised late; the first is judged against chance
(`analysis.sample_memorisation`), the second by the rank of the first operand (arXiv:1906.05271).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr

from companion.analysis.sample_memorisation import (
    drawn_memorisation,
    excess_variance,
    expected_memorisation,
    memorisation,
)
from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec

#: Edges of the histogram of mem(z).
EDGES: Final = np.linspace(-1.0, 1.0, 41)
_MOMENT: Final = {"long_name": "training steps $t$"}
_DIGITS: Final = 5


@stored(
    device=True,
    work=lambda spec, replicates, draws, **_: (
        len(spec.moments) * draws * replicates * spec.tasks.prime**2 + 5e7
    ),
    calls=lambda spec, replicates, seed, *, block, exponent, exponent_replicates, exponent_batch, **_: [
        lambda: _runs(spec, replicates, seed, block),
        lambda: (
            exponent_replicates
            and operand_frequency(
                spec.changed(
                    batch=exponent_batch, tasks=spec.tasks.model_dump() | {"operand_exponent": exponent}
                ),
                exponent_replicates,
                seed,
                block=block,
            )
        ),
    ],
)
def sample_memorisation(
    spec: CurriculumSpec,
    replicates: int,
    seed: int,
    *,
    block: int,
    shown: Sequence[int],
    draws: int = 400,
    exponent: float = 1.0,
    exponent_replicates: int = 0,
    exponent_batch: int = 256,
) -> xr.Dataset:
    """mem(z) of every row of ``spec``'s one operation over ``replicates``, at the spec's ``moments``.

    By ``moment``: accuracies ``train`` and ``test``, ``mean`` over rows of mem(z); ``variance`` over rows of mem(z)
    less what its replicates' accuracies make of it, and ``chance``, what is expected of that if no row is special;
    ``chance_low`` and ``chance_high``, between which 95 % of ``draws`` lie in which answers change rows within their
    side. ``same_operands`` and ``other_rows``: means of mem(z) over rows (a, a) and over the others.

    At the steps ``shown`` (three of the moments, or so): ``histogram`` of mem(z) over ``bin`` (left edges, counts of
    rows), ``chance_histogram``, the mean over draws; and ``memorised`` (shown, first, second), mem(z) over the table.

    With ``exponent_replicates``, also what `operand_frequency` says of so many replicates where first operands are met
    unevenly, in batches of ``exponent_batch`` rows: by ``shown`` and ``rank``, means over replicates of
    ``train_by_rank``, ``test_by_rank`` and their difference ``mem_by_rank``, each with its 95 % bootstrap interval over
    replicates, ``..._low`` and ``..._high``.

    Raises ValueError for several operations, fewer than 2 replicates and ``shown`` steps that are no moments.
    """
    tasks = spec.tasks.tasks(seed)
    unknown = [step for step in shown if step not in spec.moments]
    if unknown or not shown:
        raise ValueError(f"shown: {list(shown)} given; allowed: some of the moments {list(spec.moments)}")
    if len(tasks.operations) != 1 or replicates < 2:
        raise ValueError(
            f"spec.tasks.operations, replicates: {tasks.operations}, {replicates} given; "
            "allowed: one operation, 2 or more"
        )
    runs = _runs(spec, replicates, seed, block)
    correct, train = runs.correct.values, runs.train.values.astype(bool)
    mem, expected = memorisation(correct, train), expected_memorisation(correct, train)
    variance, chance = excess_variance(correct, train)
    noise = generator(seed, "sample memorisation", "exchanged answers")
    drawn = drawn_memorisation(correct, train, draws, noise)
    low, high = np.quantile(np.nanvar(drawn, axis=-1, ddof=1), [0.025, 0.975], axis=0)
    same = tasks.operands[:, 0] == tasks.operands[:, 1]
    by_moment = {
        "train": (_accuracy(correct, train), "training rows"),
        "test": (_accuracy(correct, ~train), "test rows"),
        "mean": (np.nanmean(mem, axis=-1), "mean of mem$(z)$"),
        "variance": (variance, "variance over rows"),
        "chance": (chance, "variance by chance"),
        "chance_low": (low, "lower end of chance"),
        "chance_high": (high, "upper end of chance"),
        "same_operands": (np.nanmean(mem[:, same], axis=-1), "mem$(z)$ of rows $(a,a)$"),
        "other_rows": (np.nanmean(mem[:, ~same], axis=-1), "mem$(z)$ of other rows"),
    }
    places = [runs.moment.values.tolist().index(step) for step in shown]
    by_chance = (drawn + expected.mean)[:, places]
    found: dict[str, Any] = {
        name: ("moment", np.asarray(values).round(_DIGITS + 2), {"long_name": label})
        for name, (values, label) in by_moment.items()
    }
    counts = np.stack([_counts(mem[place]) for place in places])
    nulls = np.stack([_counts(by_chance[:, at]) / draws for at in range(len(places))])
    found["histogram"] = ("shown", "bin"), counts, {"long_name": "rows $z$"}
    found["chance_histogram"] = ("shown", "bin"), nulls.round(3), {"long_name": "rows $z$ by chance"}
    tables = (tasks.operands.max(axis=0) + 1).tolist()
    table = np.full((len(places), *tables), np.nan)
    table[:, *tasks.operands.T] = mem[places]
    found["memorised"] = ("shown", "first", "second"), table.round(3), {"long_name": "mem$(z)$"}
    if exponent_replicates:
        own = spec.tasks.model_dump() | {"operand_exponent": exponent}
        uneven = spec.changed(batch=exponent_batch, tasks=own)
        by_rank = operand_frequency(uneven, exponent_replicates, seed, block=block)
        found |= _bands(by_rank.sel(moment=list(shown)), seed)
        found["exposure"] = "rank", by_rank.exposure.values, by_rank.exposure.attrs
        found["rank"] = "rank", by_rank["rank"].values, by_rank["rank"].attrs
    return xr.Dataset(
        found,
        coords={
            "moment": ("moment", runs.moment.values, _MOMENT),
            "shown": list(shown),
            "bin": ("bin", EDGES[:-1].round(3), {"long_name": "mem$(z)$"}),
            "first": ("first", np.arange(tables[0]), {"long_name": "first operand $a$"}),
            "second": ("second", np.arange(tables[1]), {"long_name": "second operand $b$"}),
        },
        attrs={
            "root_seed": seed,
            "replicates": len(train),
            "operation": tasks.operations[0],
            "fraction": spec.tasks.fractions[0],
            "exponent": exponent,
        },
    )


@stored(
    device=True,
    calls="body",
)
def operand_frequency(spec: CurriculumSpec, replicates: int, seed: int, *, block: int) -> xr.Dataset:
    """Accuracies by the rank of the first operand, where rows of rank r are met in proportion to r to the power -s.

    ``spec`` has one operation, batches, and ``tasks.operand_exponent`` s > 0. By ``replicate``, ``moment`` and ``rank``
    (1: met most often): ``train_by_rank`` and ``test_by_rank``; ``exposure`` (rank,): how often a training row of that
    rank is met beside the mean row. Ranks are a random order of operands, drawn by each replicate. Raises ValueError
    for another spec.
    """
    tasks = spec.tasks.tasks(seed)
    if len(tasks.operations) != 1 or not spec.tasks.operand_exponent > 0 or not spec.batch:
        raise ValueError(
            f"spec: {len(tasks.operations)} operations, operand_exponent {spec.tasks.operand_exponent:g}, "
            f"batch {spec.batch} given; allowed: one operation, a positive exponent, batches"
        )
    runs = _runs(spec, replicates, seed, block)
    weights = np.stack(
        [spec.tasks.drawn(tasks, seed, replicate).row_weights for replicate in runs.replicate.values.tolist()]
    )
    # Weights fall with the rank, and are equal for all rows of an operand.
    rank = np.stack([np.unique(-own, return_inverse=True)[1] for own in weights.round(12)])
    train = runs.train.values.astype(bool)
    member = rank[:, None] == np.arange(rank.max() + 1)[:, None]  # (replicate, rank, row)
    found: dict[str, Any] = {}
    for name, side, label in (("train", train, "training rows"), ("test", ~train, "test rows")):
        mask = (member & side[:, None]).astype(float)
        with np.errstate(invalid="ignore"):
            share = np.einsum("msr,skr->smk", runs.correct.values.astype(float), mask) / mask.sum(-1)[:, None]
        words = {"long_name": f"accuracy on {label}"}
        found[f"{name}_by_rank"] = ("replicate", "moment", "rank"), share.round(_DIGITS), words
    exposure = (member * weights[:, None]).sum(axis=(0, 2)) / member.sum(axis=(0, 2))
    found["exposure"] = "rank", exposure.round(_DIGITS), {"long_name": "relative exposure"}
    return xr.Dataset(
        found,
        coords={
            "moment": ("moment", runs.moment.values, _MOMENT),
            "rank": ("rank", np.arange(1, len(exposure) + 1), {"long_name": "rank of the first operand"}),
        },
        attrs={
            "root_seed": seed,
            "exponent": spec.tasks.operand_exponent,
        },
    )


def _bands(by_rank: xr.Dataset, seed: int) -> dict[str, Any]:
    """Means over replicates of accuracies by rank and of their difference, with bootstrap intervals."""
    sides = {name: by_rank[f"{name}_by_rank"] for name in ("train", "test")}
    words = {name: str(values.attrs["long_name"]) for name, values in sides.items()}
    sides["mem"] = sides["train"] - sides["test"]
    words["mem"] = "training less test accuracy"
    found: dict[str, Any] = {}
    for name, values in sides.items():
        samples = values.transpose("moment", "rank", "replicate").values
        low, high = bootstrap_band(samples, generator=generator(seed, "sample memorisation", "ranks"))
        for ending, numbers in (("", samples.mean(axis=-1)), ("_low", low), ("_high", high)):
            found[f"{name}_by_rank{ending}"] = ("shown", "rank"), numbers.round(4), {"long_name": words[name]}
    return found


def _runs(spec: CurriculumSpec, replicates: int, seed: int, block: int) -> xr.Dataset:
    """Answers (moment, replicate, row) and training rows of the replicates that went through to the end."""
    runs = trained(spec, replicates, seed, block=block, label="transformers, row by row")
    own = runs.isel(variation=0, drop=True).assign_coords(replicate=np.arange(replicates))
    return (
        own[["correct", "train"]]
        .isel(replicate=own.stopped_at.values < 0)
        .transpose("moment", "replicate", "row")
    )


def _accuracy(correct: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over replicates and the rows in ``mask``, (moment,)."""
    return (correct * mask).sum(axis=(-2, -1)) / mask.sum()


def _counts(values: np.ndarray) -> np.ndarray:
    return np.histogram(values[np.isfinite(values)], EDGES)[0]
