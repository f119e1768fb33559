"""A study of the tiny learning project: trainings long enough to be warned on the way."""

import xarray as xr

from companion.datasets.sprites import sprites
from companion.models.vae import VAESpec
from companion.store.durable import stored, workspace
from companion.training.diffusion_draws import RunName
from companion.training.vae import train_vaes
from companion.training.vae_recipe import VAERun, VAETraining


@stored
def learned(conditions: tuple[dict[str, int], ...], steps: int, seed: int) -> xr.Dataset:
    """Errors of small autoencoders, one after each start."""
    network = VAESpec(dimension=64, latents=3, widths=(12,))
    spec = VAETraining(network=network, checkpoints=(0, steps // 2, steps), batch_size=8)
    runs = [VAERun(RunName(seed, ("start", condition["start"])), 0.0, 1.0) for condition in conditions]
    with workspace() as folder:
        found = train_vaes(spec, runs, [sprites("sprites-3", 8, (2, 4, 4))], device="cpu", folder=folder)
    return found[["error"]].rename(run="condition").drop_attrs(deep=False)
