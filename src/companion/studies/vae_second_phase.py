"""Stored experiment: a β-VAE learns squares and goes on with ellipses (stand-in of a figure of arXiv:2503.02526)."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.sweeps import Condition, sweep
from companion.datasets.sprites import SHAPES
from companion.store.durable import stored, workspace
from companion.studies.vae_initialisation import ERROR, IMBALANCE
from companion.studies.vae_recipes import VAERecipe, checked_imbalances, run_name
from companion.training.diffusion_recipe import log_spaced_steps
from companion.training.vae import train_vaes
from companion.training.vae_recipe import VAERun

#: Shapes of the first and of the second phase.
FIRST, SECOND = "square", "ellipse"


@stored(
    device=True,
    work=lambda conditions, recipe, second_steps, **_: (
        len(conditions)
        * (recipe.steps + second_steps)
        * recipe.batch_size
        * sum(
            a * b
            for a, b in zip(
                (recipe.side**2, *recipe.widths), (*recipe.widths, 2 * recipe.latents), strict=True
            )
        )
    ),
)
def two_phase_runs(
    conditions: Sequence[Condition], recipe: VAERecipe, second_steps: int, seed: int
) -> xr.Dataset:
    """Train one stack, one network for each condition (``replicate`` and ``imbalance``), on one shape after the other.

    ``error`` and ``divergence`` (.., latent) over (condition, step, set), set 0 being the first phase's images.
    """
    later = log_spaced_steps(1, second_steps, recipe.checkpoints)[1:]
    spec = recipe.training.model_copy(
        update={
            "checkpoints": (*recipe.looks, *(recipe.steps + step for step in later)),
            "switches": (recipe.steps,),
        }
    )
    sets = [recipe.images.where(shape=SHAPES.index(shape)) for shape in (FIRST, SECOND)]
    runs = [
        VAERun(run_name(condition["replicate"], seed), condition["imbalance"], recipe.beta)
        for condition in conditions
    ]
    with workspace() as folder:
        label = f"VAE, {FIRST}s then {SECOND}s, replicate {conditions[0]['replicate']}"
        return train_vaes(spec, runs, sets, folder=folder, label=label).rename(run="condition")


@stored(
    device=True,
    calls="body",
)
def second_phase(
    imbalances: Sequence[float], recipe: VAERecipe, second_steps: int, replicates: int, seed: int
) -> xr.Dataset:
    """``recipe.steps`` steps on squares, then ``second_steps`` on ellipses, all imbalances L of a replicate in a stack.

    ``error`` (replicate, imbalance, step, phase) is that on the images of each ``phase`` (first, second), steps counted
    on through the switch, which is ``attrs["switch"]``. ``forgetting`` (replicate, imbalance) is the rise of the first
    error from the switch to the end. Raises ValueError for images without shapes, and for imbalances, steps or
    replicates that do not fit.
    """
    given = checked_imbalances(imbalances, replicates)
    if recipe.data != "sprites-5":
        raise ValueError(f"recipe.data: {recipe.data!r} given; allowed: 'sprites-5', which has shapes")
    if second_steps < 1:
        raise ValueError(f"second_steps: {second_steps} given; allowed: 1 or more")
    conditions = [
        {"replicate": replicate, "imbalance": float(value)}
        for replicate in range(replicates)
        for value in given
    ]
    found = sweep(
        two_phase_runs,
        conditions,
        block=len(given),
        label="β-VAE, second phase",
        recipe=recipe,
        second_steps=second_steps,
        seed=seed,
    )
    error = found.error.transpose("condition", "step", "set").values
    error = error.reshape(replicates, len(given), *error.shape[1:])
    at_switch = int(np.flatnonzero(found.step.values == recipe.steps)[0])
    rise = error[:, :, -1, 0] - error[:, :, at_switch, 0]
    return xr.Dataset(
        {
            "error": (("replicate", "imbalance", "step", "phase"), error, ERROR),
            "forgetting": (("replicate", "imbalance"), rise, {"long_name": "rise of the old error"}),
        },
        coords={
            "imbalance": ("imbalance", given, IMBALANCE),
            "step": ("step", found.step.values, found.step.attrs),
            "phase": [f"{FIRST}s", f"{SECOND}s"],
        },
        attrs={
            "root_seed": seed,
            "switch": recipe.steps,
            "beta": recipe.beta,
            "images": recipe.images.description,
        },
    )
