"""The recipe of a variational autoencoder's training, the runs that follow it and the images that they see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from companion.compute.devices import Precision
from companion.compute.seeds import generator
from companion.models.vae import VAESpec
from companion.training.diffusion_draws import RunName

Optimiser = Literal["adam", "sgd"]


class Images(Protocol):
    """A set of images that can be asked for rows of it (n, dimension)."""

    @property
    def dimension(self) -> int: ...
    def __len__(self) -> int: ...
    def images(self, rows: ArrayLike | None = None) -> NDArray[np.float32]: ...


class VAETraining(BaseModel):
    """How a stack is trained.

    ``checkpoints`` are the steps at which it is looked at, on up to ``evaluated`` images of each set; the last ends the
    training. At each of ``switches``, which are checkpoints too, it goes on with the next set of images, and the
    optimiser forgets. ``observation_variance`` is s², per pixel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: VAESpec
    checkpoints: tuple[int, ...] = Field(min_length=1)
    switches: tuple[int, ...] = ()
    optimiser: Optimiser = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    batch_size: int = Field(default=64, ge=1)
    observation_variance: float = Field(default=0.05, gt=0)
    evaluated: int = Field(default=4096, ge=1)
    precision: Precision = "float32"


@dataclass(frozen=True)
class VAERun:
    """One run: where its start, batches and noise come from, log10 of its decoder's gain over its encoder's, and β."""

    name: RunName
    imbalance: float
    beta: float


def evaluated_rows(images: Images, most: int) -> NDArray[np.int64]:
    """Rows on which a set is evaluated: all, or ``most`` drawn once and for all, in order."""
    if len(images) <= most:
        return np.arange(len(images))
    drawn = generator(0, "evaluated rows", len(images), most).choice(len(images), most, replace=False)
    return np.sort(drawn)


def check(spec: VAETraining, runs: Sequence[VAERun], sets: Sequence[Images]) -> None:
    """Raise ValueError, naming the parameter, for runs, sets or steps that do not fit."""
    if not runs:
        raise ValueError("runs: none given; allowed: one or more")
    steps = list(spec.checkpoints)
    if steps != sorted(set(steps)) or steps[0] < 0:
        raise ValueError(f"checkpoints: {spec.checkpoints} given; allowed: increasing steps from 0 on")
    if len(sets) != len(spec.switches) + 1 or not set(spec.switches) <= set(steps[:-1]):
        raise ValueError(
            f"switches: {spec.switches} given for {len(sets)} sets; allowed: one checkpoint, not the last, for each "
            "set after the first"
        )
    for each in sets:
        if each.dimension != spec.network.dimension or not len(each):
            raise ValueError(
                f"sets: one with {len(each)} images of {each.dimension} pixels given; allowed: images of "
                f"{spec.network.dimension}"
            )
