"""How the β-VAEs of arXiv:2503.02526's experiments are trained and watched here, and on which images.

The paper's data, metric and ranges of imbalance are not in the text that we could read: every setting is ours.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from companion.compute.devices import Precision
from companion.datasets.sprites import Kind, Sprites, sprites
from companion.models.vae import Activation, VAESpec
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_recipe import log_spaced_steps
from companion.training.vae_recipe import Optimiser, VAETraining

_IMPORTANCE_STRIDE = 3
_NAMES = {"adam": "Adam", "sgd": "SGD"}


class VAERecipe(BaseModel):
    """What all runs of a sweep share: images, network, loss, optimiser, and how they are watched.

    ``levels`` are the numbers of values of the factors, those of `datasets.sprites` where empty. Runs are looked at
    after about ``checkpoints`` steps, evenly spaced in log time from ``first_checkpoint`` to ``steps``, on up to
    ``evaluated`` images; at ``importance_looks`` of them, every third counted from the last, importances are found with
    ``trees`` trees.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Kind = "sprites-3"
    side: int = Field(default=16, ge=1)
    levels: tuple[int, ...] = ()
    latents: int = Field(default=5, ge=2)
    widths: tuple[int, ...] = (128, 64)
    activation: Activation = "relu"
    beta: float = Field(default=4.0, ge=0)
    observation_variance: float = Field(default=0.05, gt=0)
    optimiser: Optimiser = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    batch_size: int = Field(default=64, ge=1)
    precision: Precision = "float32"
    steps: int = Field(default=3000, ge=1)
    first_checkpoint: int = Field(default=10, ge=1)
    checkpoints: int = Field(default=48, ge=1)
    evaluated: int = Field(default=4096, ge=2)
    importance_looks: int = Field(default=6, ge=1)
    trees: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _can_be_run(self) -> "VAERecipe":
        _ = self.training, self.images  # refuses networks and images that do not exist
        return self

    @property
    def images(self) -> Sprites:
        """All images of the recipe."""
        return sprites(self.data, self.side, self.levels)

    @property
    def looks(self) -> tuple[int, ...]:
        """Steps at which runs are looked at, 0 first."""
        return log_spaced_steps(min(self.first_checkpoint, self.steps), self.steps, self.checkpoints)

    @property
    def importance_steps(self) -> tuple[int, ...]:
        """Those of `looks` at which importances are found, the last among them."""
        return tuple(sorted(self.looks[::-1][::_IMPORTANCE_STRIDE][: self.importance_looks]))

    @property
    def training(self) -> VAETraining:
        """The recipe for `train_vaes` on one set of images."""
        network = VAESpec(
            dimension=self.side**2, latents=self.latents, widths=self.widths, activation=self.activation
        )
        shared = (
            "optimiser",
            "learning_rate",
            "batch_size",
            "observation_variance",
            "evaluated",
            "precision",
        )
        return VAETraining(
            network=network, checkpoints=self.looks, **{name: getattr(self, name) for name in shared}
        )

    @property
    def label(self) -> str:
        """Optimiser and β, as a legend says it."""
        return rf"{_NAMES[self.optimiser]}, $\beta={self.beta:g}$"

    def changed(self, **fields: Any) -> "VAERecipe":
        """The same recipe with some fields changed, validated anew."""
        return VAERecipe(**(self.model_dump() | fields))


def run_name(replicate: int, seed: int) -> RunName:
    """Where the draws of a run come from: a replicate has one start, up to its gains, and one order of images."""
    return RunName(seed, ("vae", replicate))


def checked_imbalances(imbalances: Sequence[float], replicates: int) -> np.ndarray:
    """``imbalances`` as an array. Raises ValueError for none, repeated or infinite ones, and for no replicates."""
    given = np.asarray(imbalances, dtype=float)
    if given.ndim != 1 or not given.size or not np.isfinite(given).all() or len(set(given)) != given.size:
        raise ValueError(f"imbalances: {list(imbalances)} given; allowed: finite numbers, each once")
    if replicates < 1:
        raise ValueError(f"replicates: {replicates} given; allowed: 1 or more")
    return given
