"""More tasks of one family: when each is generalised, and whether a new task is no more than a new word.

Tasks are α a + β b mod p, each with a word of its own, so that an unknown word says nothing and is answered at chance.
What a network can do with a new task is asked by learning the new word alone, all else frozen, on part of the task's
table; in context, without words, transfer begins with the number of tasks (arXiv:2406.02550).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from companion.analysis.curriculum_times import THRESHOLD, area_in_log_time, final_accuracy, first_checkpoint
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, ScheduleSpec
from companion.training.word_fit import fit_word

_WORD_RATE: Final = 0.02
_DIGITS: Final = 4  # of the curves that are drawn


@stored(
    device=True,
    work=lambda counts, exponents, replicates, word_steps, new_words, **_: (
        ((len(counts) - 1) * len(exponents) + 1) * replicates * word_steps * new_words
    ),
    calls=lambda spec, counts, exponents, replicates, seed, *, block, new_words, **_: [
        trained(
            _with_tasks(spec, [*names[:count], *names[max(counts) :]]),
            replicates,
            seed,
            block=block,
            variations=[
                {"weights": (*map(float, zipf(count, exponent)), *[0.0] * new_words)}
                for exponent in (exponents if count > 1 else exponents[:1])
            ],
        )
        for names in [linear_operations(max(counts) + new_words, spec.tasks.prime, seed)]
        for count in counts
    ],
)
def task_diversity(
    spec: CurriculumSpec,
    counts: Sequence[int],
    exponents: Sequence[float],
    replicates: int,
    seed: int,
    *,
    block: int,
    new_words: int = 2,
    word_steps: int = 200,
) -> xr.Dataset:
    """Times of K tasks α a + β b for each K of ``counts``, met with Zipf weights i^-s, s of ``exponents``; new tasks.

    ``spec`` gives prime, trained share, network, steps and batch; tasks are drawn under ``seed``, the same first ones
    for every K. Each network also has words of ``new_words`` tasks that it never meets; they are learned alone at the
    end, for ``word_steps`` steps.

    Dims ``setting`` (coordinates ``tasks`` K and ``exponent`` s), ``replicate``, ``task`` (by weight, NaN beyond K) and
    ``new``. ``generalised`` in steps, inf where never; ``area`` of test accuracy over log t; ``final_test``; ``share``,
    the task's weight. Of new tasks: ``zero_shot``, accuracy on all rows without any training, and ``learned_word``, on
    test rows with the word learned. ``curve`` by ``step``: mean test accuracy over the K tasks.
    Raises ValueError for a batch of 0, under which words that are never met would be trained on.
    """
    if not spec.batch:
        raise ValueError("spec: batch 0 given; allowed: a whole number >= 1, as new tasks are never met")
    most = max(counts)
    names = linear_operations(most + new_words, spec.tasks.prime, seed)
    parts, settings = [], []
    for count in counts:
        tails = exponents if count > 1 else exponents[:1]
        own = _with_tasks(spec, [*names[:count], *names[most:]])
        weights = [zipf(count, exponent) for exponent in tails]
        runs = trained(
            own,
            replicates,
            seed,
            block=block,
            variations=[{"weights": (*map(float, each), *[0.0] * new_words)} for each in weights],
            label=f"transformers, {count} linear tasks",
        )
        for place, (exponent, shares) in enumerate(zip(tails, weights, strict=True)):
            one = runs.isel(variation=place)
            parts.append(_summary(one, own, shares, most, word_steps))
            settings.append((count, exponent))
    found = xr.concat(parts, dim="setting", coords="minimal", compat="equals")
    return found.assign_coords(
        tasks=("setting", [count for count, _ in settings], {"long_name": "number of tasks $K$"}),
        exponent=("setting", [float(exponent) for _, exponent in settings]),
        task=names[:most],
        new=names[most:],
    ).assign_attrs(
        root_seed=seed,
        steps=spec.steps,
        prime=spec.tasks.prime,
        batch=spec.batch,
        fraction=spec.tasks.fractions[0],
        threshold=THRESHOLD,
    )


def linear_operations(count: int, prime: int, seed: int) -> list[str]:
    """Names of ``count`` tasks α a + β b mod p, of different directions α : β, both from 1 to p - 1, drawn.

    Raises ValueError for more than there are directions.

    >>> len(set(linear_operations(5, 7, 0)))
    5
    """
    if not 1 <= count <= prime - 1:
        raise ValueError(f"count: {count} given; allowed: 1 to {prime - 1}, the directions modulo {prime}")
    draws = generator(seed, "linear tasks", prime)
    ratios = 1 + draws.permutation(prime - 1)[:count]
    scales = draws.integers(1, prime, size=prime - 1)[:count]
    return [f"lin({scale}, {scale * ratio % prime})" for scale, ratio in zip(scales, ratios, strict=True)]


def zipf(count: int, exponent: float) -> np.ndarray:
    """Weights i^-s / sum of ``count`` tasks.

    >>> zipf(2, 1.0).round(3).tolist()
    [0.667, 0.333]
    """
    raw = np.arange(1.0, count + 1) ** -exponent
    return raw / raw.sum()


def _with_tasks(spec: CurriculumSpec, operations: Sequence[str]) -> CurriculumSpec:
    """``spec`` on these operations, its weights kept at the end for the words that are fitted then."""
    tasks = spec.tasks.model_dump() | {"operations": tuple(operations), "held_out": ()}
    return spec.changed(tasks=tasks, schedule=ScheduleSpec().model_dump(), linear_checkpoints=2)


def _summary(
    runs: xr.Dataset, spec: CurriculumSpec, shares: np.ndarray, most: int, word_steps: int
) -> xr.Dataset:
    """Times and ends of one setting, dims replicate, task, new, step."""
    count = len(shares)
    met = runs.test_accuracy.transpose("replicate", "operation", "step")[:, :count]
    every = {
        "generalised": first_checkpoint(runs.step, met.values),
        "area": area_in_log_time(runs.step, met.values),
        "final_test": final_accuracy(met.values),
    }
    words = {
        "generalised": {"long_name": r"$T_\mathrm{gen}$", "units": "steps"},
        "area": {"long_name": r"mean test accuracy over $\log t$"},
        "final_test": {"long_name": "final test accuracy"},
    }
    padded = {name: np.full((len(met), most), np.nan) for name in every}
    for name, values in every.items():
        padded[name][:, :count] = values
    zero, learned = _new_tasks(runs, spec, count, word_steps)
    return xr.Dataset(
        {name: (("replicate", "task"), values, words[name]) for name, values in padded.items()}
        | {
            "share": ("task", np.append(shares, np.full(most - count, np.nan))),
            "zero_shot": (("replicate", "new"), zero, {"long_name": "accuracy, unknown word"}),
            "learned_word": (("replicate", "new"), learned, {"long_name": "test accuracy, word learned"}),
            "stopped_at": ("replicate", runs.stopped_at.values.astype(np.int64)),
            "curve": (
                ("replicate", "step"),
                met.values.mean(axis=1).round(_DIGITS),
                {"long_name": "test accuracy"},
            ),
        },
        coords={"step": ("step", runs.step.values, {"long_name": "training steps $t$"})},
    )


def _new_tasks(
    runs: xr.Dataset, spec: CurriculumSpec, count: int, word_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies on each new task at the end, without training and after learning its word; (replicate, new)."""
    tasks = spec.tasks.tasks(0)  # no shuffled numbers, so that no root matters
    weights = runs.weights.transpose("replicate", "checkpoint", "weight")[:, -1].values
    train = runs.train.transpose("replicate", "row").values.astype(bool)
    zero, learned = [], []
    for operation in tasks.operations[count:]:
        rows = tasks.rows(operation)
        found = fit_word(
            spec.network(tasks),
            weights,
            tasks.tokens[rows],
            tasks.answers[rows],
            train[:, rows],
            known=[int(tasks.tokens[tasks.rows(name)][0, 1]) for name in tasks.operations[:count]],
            steps=word_steps,
            learning_rate=_WORD_RATE,
        )
        zero.append(found.before)
        learned.append(found.after)
    return np.stack(zero, axis=1), np.stack(learned, axis=1)
