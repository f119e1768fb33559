"""Stored experiment: how the gains at the start of a β-VAE change what its latents stand for (arXiv:2503.02526).

Every encoder matrix starts 10^(-L/2) times, every decoder matrix 10^(L/2) times its Xavier-normal draw. Measures of
disentanglement are compared where runs fit equally well, because gains also change how fast they learn.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from companion.analysis.disentanglement import active_latents, importances, mutual_information_gap
from companion.analysis.equal_fit import common_error, distance_to, value_at
from companion.compute.sweeps import Condition, sweep
from companion.models.vae import decode
from companion.store.durable import stored, workspace
from companion.studies.vae_recipes import VAERecipe, checked_imbalances, run_name
from companion.training.vae import Record, Snapshot, train_vaes
from companion.training.vae_recipe import VAERun, evaluated_rows

#: Imbalances of either sign that are compared with the balanced start, where they were run.
CONTRASTS = (0.5, 1.0)
SIDES = ("encoder-heavy", "balanced", "decoder-heavy")
#: Values that a latent takes in a traversal, in standard deviations of the prior.
TRAVERSED = np.linspace(-2, 2, 7)

IMBALANCE = {"long_name": r"$L=\log_{10}$(decoder gain/encoder gain)"}
ERROR = {"long_name": "squared error per image"}
GAP = {"long_name": "mutual information gap"}
_MEASURES = {
    "disentanglement": "disentanglement $D$ (DCI)",
    "completeness": "completeness $C$ (DCI)",
    "informativeness": "informativeness $I$ (DCI)",
}


@stored(
    device=True,
    work=lambda conditions, recipe, **_: (
        len(conditions)
        * (
            recipe.steps
            * recipe.batch_size
            * sum(
                a * b
                for a, b in zip(
                    (recipe.side**2, *recipe.widths), (*recipe.widths, 2 * recipe.latents), strict=True
                )
            )
            + len(recipe.importance_steps) * recipe.evaluated * recipe.trees * 1e3
        )
    ),
)
def vae_runs(conditions: Sequence[Condition], recipe: VAERecipe, seed: int) -> xr.Dataset:
    """Train one stack of β-VAEs, one for each condition (``replicate`` and ``imbalance``).

    Over (condition, step): ``error``, ``gap``, ``active`` and ``divergence`` (.., latent), and at the recipe's
    importance steps (condition, measured) the three numbers of DCI. At the end ``traversal`` (condition, latent, value,
    pixel): decoded images around the code of the middle image, one latent moved at a time.
    """
    images = recipe.images
    rows = evaluated_rows(images, recipe.evaluated)
    factors = images.factors(rows)
    runs = [
        VAERun(run_name(condition["replicate"], seed), condition["imbalance"], recipe.beta)
        for condition in conditions
    ]
    names = ", ".join(sorted({str(condition["replicate"]) for condition in conditions}))

    def gap(snapshot: Snapshot) -> Record:
        return {"gap": ((), mutual_information_gap(snapshot.codes[0], factors))}

    def measures(snapshot: Snapshot) -> Record:
        found = np.full((len(runs), len(_MEASURES)), np.nan)
        if snapshot.step in recipe.importance_steps:
            for place, (run, codes) in enumerate(zip(runs, snapshot.codes[0], strict=True)):
                draws = run.name.numpy("importances", snapshot.step)
                each = importances(codes, factors, draws, trees=recipe.trees)
                found[place] = [getattr(each, name) for name in _MEASURES]
        return {name: ((), found[:, place]) for place, name in enumerate(_MEASURES)}

    with workspace() as folder:
        found = train_vaes(
            recipe.training,
            runs,
            [images],
            [gap, measures],
            final=[_traversal],
            folder=folder,
            label=f"{recipe.optimiser} VAE, β = {recipe.beta:g}, replicate {names}",
        )
    found = found.isel(set=0).rename(run="condition")
    found["active"] = (("condition", "step"), active_latents(found.divergence.values))
    dci = found[list(_MEASURES)].sel(step=list(recipe.importance_steps)).rename(step="measured")
    return xr.merge([found.drop_vars(list(_MEASURES)), dci], combine_attrs="override")


def _traversal(snapshot: Snapshot) -> Record:
    codes = snapshot.codes[0]
    middle = torch.from_numpy(codes[:, codes.shape[1] // 2]).to(snapshot.weights)
    latents, values = middle.shape[1], torch.from_numpy(TRAVERSED).to(middle)
    moved = middle[:, None, None].repeat(1, latents, len(values), 1)
    for latent in range(latents):
        moved[:, latent, :, latent] = values
    shown = decode(snapshot.spec, snapshot.weights, moved.flatten(1, 2)).unflatten(1, (latents, len(values)))
    return {"traversal": (("latent", "value", "pixel"), shown.cpu().numpy())}


@stored(
    device=True,
    calls=lambda imbalances, recipes, replicates, seed: [
        sweep(
            vae_runs,
            [
                {"replicate": replicate, "imbalance": float(value)}
                for replicate in range(replicates)
                for value in checked_imbalances(imbalances, replicates)
            ],
            block=len(imbalances),
            recipe=recipe,
            seed=seed,
        )
        for recipe in recipes
    ],
)
def initialisation(
    imbalances: Sequence[float], recipes: Sequence[VAERecipe], replicates: int, seed: int
) -> xr.Dataset:
    """All imbalances L of every recipe, ``replicates`` times each; a stack is all L of one replicate.

    The first recipe is the one that is judged and shown; the others may differ from it in all but images and numbers of
    latents and checkpoints. Over (setting, replicate, imbalance): ``error``, ``gap`` and ``active`` (.., checkpoint)
    with their ``step`` (setting, checkpoint); the three numbers of DCI (.., measurement) with their ``measured_step``;
    ``divergence`` (.., latent) at the end. At equal fit, over (setting, contrast, replicate): ``common_error``, the
    lowest that L = 0 and L of either sign all reach, and there, over (.., side), ``matched_gap`` and
    ``matched_disentanglement``, and the relative distance ``off`` to the nearest checkpoint's error. ``oracle_gap`` is
    that of the factors themselves, ``variance`` the total one of the pixels. ``traversal`` (imbalance,
    latent, value, pixel) is of the first recipe and replicate. Raises ValueError for recipes, imbalances or replicates
    that do not fit.
    """
    given = checked_imbalances(imbalances, replicates)
    _check_recipes(recipes)
    conditions = [
        {"replicate": replicate, "imbalance": float(value)}
        for replicate in range(replicates)
        for value in given
    ]
    shape = (replicates, len(given))
    settings = []
    for recipe in recipes:
        found = sweep(
            vae_runs,
            conditions,
            block=len(given),
            label=f"β-VAE, {recipe.optimiser}, β = {recipe.beta:g}",
            recipe=recipe,
            seed=seed,
        )
        settings.append(_regrouped(found, shape))
    first = settings[0]
    images = recipes[0].images
    rows = evaluated_rows(images, recipes[0].evaluated)
    factors = images.factors(rows)
    cells, dims = {name: np.stack([each[name] for each in settings]) for name in first}, _DIMS
    traversal = cells.pop("traversal")[0, 0]
    variables: dict[str, Any] = {name: (dims[name], values, _words(name)) for name, values in cells.items()}
    variables |= _at_equal_fit(given, cells)
    variables["traversal"] = (("imbalance", "latent", "value", "pixel"), traversal)
    variables["oracle_gap"] = ((), float(mutual_information_gap(factors, factors)), GAP)
    variables["variance"] = (
        (),
        float(images.images(rows).var(axis=0, dtype=np.float64).sum()),
        {"long_name": "total variance of the pixels"},
    )
    return xr.Dataset(
        variables,
        coords={
            "setting": [recipe.label for recipe in recipes],
            "imbalance": ("imbalance", given, IMBALANCE),
            "contrast": ("contrast", list(CONTRASTS), {"long_name": "$|L|$"}),
            "side": list(SIDES),
            "value": ("value", TRAVERSED, {"long_name": "latent"}),
        },
        attrs={
            "root_seed": seed,
            "images": images.description,
            "data": recipes[0].data,
            "optimiser": recipes[0].optimiser,
            "beta": recipes[0].beta,
            "steps": recipes[0].steps,
        },
    )


_RUN = ("setting", "replicate", "imbalance")
_DIMS = {
    **dict.fromkeys(("error", "gap", "active"), (*_RUN, "checkpoint")),
    **dict.fromkeys(_MEASURES, (*_RUN, "measurement")),
    "divergence": (*_RUN, "latent"),
    "stopped_at": _RUN,
    "step": ("setting", "checkpoint"),
    "measured_step": ("setting", "measurement"),
}


def _words(name: str) -> dict[str, str]:
    steps = {"long_name": r"training steps $\tau$"}
    known: dict[str, dict[str, str]] = {
        "error": ERROR,
        "gap": GAP,
        "active": {"long_name": "active latents"},
        "divergence": {"long_name": "mean divergence from the prior", "units": "nats"},
        "stopped_at": {"long_name": "step at which a run broke (-1: never)"},
        "step": steps,
        "measured_step": steps,
    }
    return known.get(name) or {"long_name": _MEASURES[name]}


def _regrouped(found: xr.Dataset, shape: tuple[int, int]) -> Mapping[str, np.ndarray]:
    """One recipe's runs as arrays that begin with (replicate, imbalance)."""

    def cut(name: str) -> np.ndarray:
        values = found[name].transpose("condition", ...).values
        return values.reshape(*shape, *values.shape[1:])

    names = ("error", "gap", "active", *_MEASURES, "stopped_at", "traversal")
    parts = {name: cut(name) for name in names}
    parts["divergence"] = cut("divergence")[:, :, -1]
    return parts | {"step": found.step.values, "measured_step": found.measured.values}


def _at_equal_fit(imbalances: np.ndarray, cells: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Measures at the common error of each contrast; NaN where one of its imbalances was not run."""
    settings, replicates = cells["error"].shape[:2]
    sizes = (settings, len(CONTRASTS), replicates)
    common = np.full(sizes, np.nan)
    gap, disentanglement, off = (np.full((*sizes, len(SIDES)), np.nan) for _ in range(3))
    # Importances are found at some of the checkpoints only.
    everywhere = np.full(cells["gap"].shape, np.nan)
    for setting, (steps, measured) in enumerate(zip(cells["step"], cells["measured_step"], strict=True)):
        everywhere[setting][..., np.searchsorted(steps, measured)] = cells["disentanglement"][setting]
    for place, size in enumerate(CONTRASTS):
        chosen = [np.flatnonzero(np.isclose(imbalances, value)) for value in (-size, 0.0, size)]
        if not all(len(each) for each in chosen):
            continue
        runs = np.concatenate(chosen)
        errors = cells["error"][:, :, runs]
        common[:, place] = common_error(errors)
        target = np.broadcast_to(common[:, place, :, None], errors.shape[:-1])
        gap[:, place] = value_at(errors, cells["gap"][:, :, runs], target)
        disentanglement[:, place] = value_at(errors, everywhere[:, :, runs], target)
        off[:, place] = distance_to(errors, target)
    dims = ("setting", "contrast", "replicate")
    fit = "at equal error"
    return {
        "common_error": (dims, common, {"long_name": "squared error that all three reach"}),
        "matched_gap": ((*dims, "side"), gap, {"long_name": f"mutual information gap {fit}"}),
        "matched_disentanglement": (
            (*dims, "side"),
            disentanglement,
            {"long_name": f"disentanglement $D$ {fit}"},
        ),
        "off": ((*dims, "side"), off, {"long_name": "relative distance of the nearest checkpoint"}),
    }


def _check_recipes(recipes: Sequence[VAERecipe]) -> None:
    if not recipes:
        raise ValueError("recipes: none given; allowed: one or more")
    shapes = {
        (each.images.description, each.evaluated, each.latents, len(each.looks), len(each.importance_steps))
        for each in recipes
    }
    labels = [each.label for each in recipes]
    if len(shapes) > 1 or len(set(labels)) != len(labels):
        raise ValueError(
            f"recipes: {labels} given; allowed: different optimisers or β, the same images and the same numbers of "
            "latents and checkpoints"
        )
