"""What forms before a network generalises: spectrum of the embedding, circuit in the logits, weights that shrink.

Small transformers learn modular addition by a few characters of Z_p (arXiv:2301.05217), multiplication by those of the
group of units (arXiv:2402.16726). Both kinds of spectrum are followed for every operation, so that each has the wrong
basis as its control; so has too small a training set, which is only memorised. Principal components of the weights'
trajectories stand beside those of random walks (arXiv:1806.08805).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
import xarray as xr

from companion.analysis.checkpoint_grids import nearest
from companion.analysis.curriculum_times import THRESHOLD, first_checkpoint
from companion.analysis.fourier_structure import participation, top_share
from companion.analysis.progress_measures import (
    BASES,
    frequency_shares,
    group_elements,
    half_rise,
    progress_losses,
    strongest,
)
from companion.analysis.trajectory_components import (
    explained_shares,
    flipped_walks,
    inner_products,
    steps_between,
    walk_gram,
    walked,
)
from companion.compute.seeds import generator
from companion.models.transformer import TransformerStack
from companion.store.durable import stored
from companion.studies.curriculum_runs import recorded_settings, trained
from companion.training.curriculum_spec import CurriculumSpec

#: The setting that is trained on too few rows to generalise.
FEW_ROWS: Final = "few rows"
#: A spectrum counts as concentrated where the share of its strongest frequencies has risen by more than this.
LEAST_RISE: Final = 0.2
#: Accuracies on test rows with unseen mirrors, where knowing that operands may be exchanged helps nothing.
LEVELS: Final = (0.5, 0.75, THRESHOLD)
_COMPONENTS: Final = 6
_WALKS: Final = 500
_DIGITS: Final = 4  # of what is drawn

_SPECTRA: Final = {"additive": "additive_power", "multiplicative": "multiplicative_power"}


@stored(
    device=True,
    calls=lambda spec, operations, replicates, seed, *, block, few_rows, **_: [
        trained(own, replicates, seed, block=block)
        for own in spectrum_settings(spec, operations, few_rows).values()
    ],
)
def spectral_progress(
    spec: CurriculumSpec,
    operations: Sequence[str],
    replicates: int,
    seed: int,
    *,
    block: int,
    few_rows: float = 0.25,
    key_count: int = 5,
) -> xr.Dataset:
    """Spectra, progress measures and times of single ``operations`` (add, sub, mul) under ``spec``.

    Dim ``setting``: each operation by its name, and ``FEW_ROWS``, the first of them with the share ``few_rows`` of its
    table. Dim ``basis``: characters of Z_p or of its units; ``own_basis`` of a setting is the one of its operation.
    Evenly spaced weights are kept of the first operation alone, in the trainings that `generalisation_delay` of the
    same ``spec`` makes too.

    - By setting, replicate and ``step``: accuracies ``train`` and ``test``; ``additive_share`` and
      ``multiplicative_share`` of the 5 strongest frequencies in the power of the number embedding;
      ``participation``, 1/Σ P_k², in the own basis; ``weight_norm``. ``power`` (map, step, frequency): P_k of the
      first replicate of the first and the last operation in their own basis, and of the last in the wrong one.
    - Of the first operation, by replicate and ``checkpoint``: ``key_share``, how much of the logits'
      variance the ``key_count`` frequencies explain that are the strongest in the end; cross-entropies
      ``restricted_loss`` (test rows) and ``excluded_loss`` (training rows).
    - ``concentrated_at`` (setting, basis, replicate), the first step with half of the share's final ``rise``, inf where
      that is not above ``LEAST_RISE``; ``generalised_at`` and ``memorised_at`` (setting, replicate), 90 % of test and
      training rows; ``understood_at`` (setting, level, replicate), the share ``level`` of the test rows whose mirror
      was not trained on; ``spacing``, the largest distance of evaluations in steps.
    - ``component_share`` (replicate, component): shares of variance of the principal components of each run of the
      first operation at the ``linear_checkpoints`` of ``spec``; ``flipped_low`` and ``flipped_high``, between which
      95 % of walks lie that take the run's own steps forwards or backwards by a toss; ``walk_share`` (component,),
      shares of a random walk with equal steps in infinitely many dimensions. NaN for weights that are no numbers.

    Raises ValueError for an operation of no known group, for none, and for a ``spec`` without checkpoints or with fewer
    than 4 evenly spaced ones.
    """
    _check(spec, operations)
    settings = spectrum_settings(spec, operations, few_rows)
    parts = [_followed(own, replicates, seed, block) for own in settings.values()]
    found = xr.concat(parts, dim="setting", join="exact", coords="minimal", compat="equals")
    names, specs = list(settings), list(settings.values())
    followed = _replicated(specs[0], replicates, seed, block)
    first, last = operations[0], operations[-1]
    wrong = next(basis for basis in _SPECTRA if basis != BASES[last])
    maps = list(dict.fromkeys([(first, BASES[first]), (last, BASES[last]), (last, wrong)]))
    power = np.stack([found[_SPECTRA[basis]].isel(setting=names.index(name)).values for name, basis in maps])
    labels = {"long_name": "share of power $P_k$"}
    return (
        found.drop_vars(list(_SPECTRA.values()))
        .assign(power=(("map", "step", "frequency"), power.round(_DIGITS - 1), labels))
        .assign(_measures(specs[0], followed, seed, key_count))
        .assign(_components(specs[0], followed, seed))
        .assign_coords(
            setting=names,
            operation=("setting", [own.tasks.operations[0] for own in specs]),
            fraction=("setting", [own.tasks.fractions[0] for own in specs]),
            own_basis=("setting", [BASES[own.tasks.operations[0]] for own in specs]),
            map=[f"{name}, {basis}" for name, basis in maps],
            frequency=("frequency", np.arange(1, power.shape[-1] + 1), {"long_name": "frequency $k$"}),
        )
        .assign_attrs(
            recorded_settings(spec),
            root_seed=seed,
            steps=spec.steps,
            key_count=key_count,
            least_rise=LEAST_RISE,
        )
    )


def _check(spec: CurriculumSpec, operations: Sequence[str]) -> None:
    unknown = [name for name in operations if name not in BASES]
    if not operations or unknown:
        raise ValueError(f"operations: {list(operations)} given; allowed: one or more of {', '.join(BASES)}")
    for name, least in (("checkpoints", 1), ("linear_checkpoints", 4)):
        if getattr(spec, name) < least:
            raise ValueError(f"spec.{name}: {getattr(spec, name)} given; allowed: at least {least}")


def spectrum_settings(
    spec: CurriculumSpec, operations: Sequence[str], few_rows: float = 0.25
) -> dict[str, CurriculumSpec]:
    """Specs of all settings by name, operations first; the very ones of `delay_settings` where names agree."""
    tasks, bare = spec.tasks.model_dump(), spec.changed(linear_checkpoints=0)
    found = {name: bare.changed(tasks=tasks | {"operations": (name,)}) for name in operations}
    found[operations[0]] = spec.changed(tasks=tasks | {"operations": (operations[0],)})
    few = tasks | {"operations": (operations[0],), "fractions": (few_rows,)}
    return found | {FEW_ROWS: bare.changed(tasks=few)}


def _followed(spec: CurriculumSpec, replicates: int, seed: int, block: int) -> xr.Dataset:
    """What is recorded of one setting; all but spectra with dim replicate."""
    operation = spec.tasks.operations[0]
    own = _replicated(spec, replicates, seed, block)
    shares = {basis: top_share(own[name]) for basis, name in _SPECTRA.items()}
    spectral = [half_rise(own.step, share, LEAST_RISE) for share in shares.values()]
    curves = {
        "train": (own.train_accuracy, "accuracy on training rows"),
        "test": (own.test_accuracy, "accuracy on test rows"),
        "additive_share": (shares["additive"], "top-5 share, additive"),
        "multiplicative_share": (shares["multiplicative"], "top-5 share, multiplicative"),
        "participation": (participation(own[_SPECTRA[BASES[operation]]]), r"participation $1/\sum_k P_k^2$"),
        "weight_norm": (own.weight_norm, r"weight norm $\|\theta\|$"),
    }
    kept = drawn_steps(own.step.values)
    found: dict[str, Any] = {
        name: (
            ("replicate", "step"),
            np.asarray(values)[:, kept].astype(float).round(_DIGITS),
            {"long_name": label},
        )
        for name, (values, label) in curves.items()
    }
    found |= {name: (("step", "frequency"), own[name].values[0][kept]) for name in _SPECTRA.values()}
    words = {"long_name": r"$T_\mathrm{spec}$", "units": "steps"}
    found["concentrated_at"] = ("basis", "replicate"), np.stack([times for times, _ in spectral]), words
    found["rise"] = ("basis", "replicate"), np.stack([rise for _, rise in spectral])
    for name, source, label in (("memorised_at", "train", "mem"), ("generalised_at", "test", "gen")):
        times = first_checkpoint(own.step, own[f"{source}_accuracy"], THRESHOLD)
        found[name] = "replicate", times, {"long_name": rf"$T_\mathrm{{{label}}}$", "units": "steps"}
    unseen = np.stack([first_checkpoint(own.step, own.unseen_accuracy, level) for level in LEVELS])
    found["understood_at"] = ("level", "replicate"), unseen, {"units": "steps"}
    found["spacing"] = (), float(np.diff(own.step.values).max())
    found["stopped_at"] = "replicate", own.stopped_at.values.astype(np.int64)
    return xr.Dataset(
        found,
        coords={
            "step": ("step", own.step.values[kept], {"long_name": "training steps $t$"}),
            "basis": list(_SPECTRA),
            "level": list(LEVELS),
        },
    )


def _replicated(spec: CurriculumSpec, replicates: int, seed: int, block: int) -> xr.Dataset:
    """All runs of a spec with one operation, replicates first."""
    runs = trained(spec, replicates, seed, block=block, label=f"transformers, {spec.tasks.operations[0]}")
    return runs.isel(variation=0, operation=0, drop=True).transpose("replicate", ...)


def drawn_steps(steps: np.ndarray) -> np.ndarray:
    """Which of ``steps`` are drawn: from a hundredth of the last one on, some evenly in log t, some evenly in t."""
    last = float(steps[-1])
    wanted = np.union1d(np.geomspace(last / 100, last, 10), np.linspace(last / 16, last, 16))
    return nearest(steps, wanted)


def _measures(spec: CurriculumSpec, runs: xr.Dataset, seed: int, key_count: int) -> dict[str, Any]:
    """Progress measures of the logits at the checkpoints that are evenly spaced in log t."""
    moments = np.rint(np.geomspace(1, spec.steps, spec.checkpoints)).astype(int)
    runs = runs.sel(checkpoint=np.unique([0, *moments]))
    tasks = spec.tasks.tasks(seed)
    elements, order = group_elements(spec.tasks.operations[0], tasks.operands, spec.tasks.prime)
    stack = TransformerStack(spec.network(tasks))
    train, tokens = runs.train.values.astype(bool), torch.from_numpy(tasks.tokens)

    def logits(place: int) -> np.ndarray:
        weights = torch.from_numpy(np.ascontiguousarray(runs.weights.values[:, place]))
        with torch.no_grad():
            return stack.logits(weights, tokens.expand(len(weights), -1, -1)).double().numpy()

    # A network that stopped has no numbers in the end, and no keys: then any will do.
    keys = strongest(np.nan_to_num(frequency_shares(logits(-1), elements, order)), key_count)
    parts: dict[str, list[np.ndarray]] = {}
    for place in range(runs.sizes["checkpoint"]):
        values = logits(place)
        power = frequency_shares(values, elements, order)
        restricted, excluded = progress_losses(values, elements, order, keys, tasks.answers, train)
        rows = {
            "key_share": np.take_along_axis(power, keys - 1, axis=1).sum(axis=1),
            "restricted_loss": restricted,
            "excluded_loss": excluded,
        }
        for name, found in rows.items():
            parts.setdefault(name, []).append(found)
    labels = {
        "key_share": "variance of logits at keys",
        "restricted_loss": "restricted loss, test rows",
        "excluded_loss": "excluded loss, training rows",
    }
    steps = ("checkpoint", runs.checkpoint.values, {"long_name": "training steps $t$"})
    return {"checkpoint": steps} | {
        name: (
            ("replicate", "checkpoint"),
            np.stack(values, axis=1).round(_DIGITS),
            {"long_name": labels[name]},
        )
        for name, values in parts.items()
    }


def _components(spec: CurriculumSpec, runs: xr.Dataset, seed: int) -> dict[str, Any]:
    """Principal components of the trajectory of every run, and of walks."""
    moments = np.unique(np.rint(np.linspace(0, spec.steps, spec.linear_checkpoints)).astype(int))
    names = ("component_share", "flipped_low", "flipped_high")
    found = {name: np.full((runs.sizes["replicate"], _COMPONENTS), np.nan) for name in names}
    for replicate, weights in enumerate(runs.weights.sel(checkpoint=moments).values):
        steps = inner_products(steps_between(weights))
        if not np.isfinite(steps).all():
            continue
        noise = generator(seed, "spectrum", "flipped walks", replicate)
        drawn = explained_shares(flipped_walks(steps, 1, _WALKS, noise), _COMPONENTS)
        shares = (explained_shares(walked(steps), _COMPONENTS), *np.quantile(drawn, [0.025, 0.975], axis=0))
        for name, values in zip(names, shares, strict=True):
            found[name][replicate] = values
    equal = explained_shares(walk_gram(np.ones((1, len(moments) - 1))), _COMPONENTS)
    label = {"long_name": "share of variance"}
    return {name: (("replicate", "component"), values, label) for name, values in found.items()} | {
        "walk_share": ("component", equal, label),
        "component": ("component", np.arange(1, _COMPONENTS + 1), {"long_name": "principal component"}),
    }
