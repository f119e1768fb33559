"""The recipe of a score model's training, and the runs that follow it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from companion.compute.devices import Precision
from companion.models.score_mlp import ScoreMLPSpec
from companion.models.score_model import Prediction
from companion.models.unet import UNetSpec
from companion.training.diffusion_draws import IndexLaw, RunName


class Optimisation(BaseModel):
    """How weights are moved and which of them are watched.

    ``averaging`` is the power of the averaged weights that are watched: their horizon is 1/averaging of the elapsed
    steps (rate averaging/(step + 1)); 0 watches the weights themselves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    prediction: Prediction = "preconditioned"
    index_law: IndexLaw = "quadratic"
    averaging: float = Field(default=10.0, ge=0)
    flips: bool = False
    precision: Precision = "float32"
    compile: bool = False

    @property
    def optimisation(self) -> dict[str, Any]:
        """These fields alone, by name."""
        return {name: getattr(self, name) for name in Optimisation.model_fields}


class DiffusionSpec(Optimisation):
    """How a score model is trained; the same for all runs of a stack.

    ``checkpoints`` are the steps at which monitors look; the last of them ends the training.
    """

    network: UNetSpec | ScoreMLPSpec
    checkpoints: tuple[int, ...] = Field(min_length=1)


@dataclass(frozen=True)
class TrainingRun:
    """One run: its images (n, d) in training coordinates, where its draws come from, and the v of its model.

    ``probabilities`` (n,) is the law by which images are drawn into batches, uniform unless given.
    """

    images: NDArray[np.float32]
    name: RunName
    second_moment: float
    probabilities: NDArray[np.float64] | None = None


def log_spaced_steps(first: int, last: int, count: int) -> tuple[int, ...]:
    """Step 0 and about ``count`` steps from ``first`` to ``last``, evenly spaced in log time, without repeats.

    >>> log_spaced_steps(1, 100, 5)
    (0, 1, 3, 10, 32, 100)
    """
    if not 1 <= first <= last or count < 1:
        raise ValueError(
            f"checkpoints: first {first}, last {last}, count {count} given; need 1 <= first <= last"
        )
    spaced = (
        np.unique(np.geomspace(first, last, count).round().astype(int)) if count > 1 else np.array([last])
    )
    return (0, *spaced.tolist())


def check_runs(spec: DiffusionSpec, runs: Sequence[TrainingRun]) -> None:
    """Raise ValueError, naming the run, for runs that the recipe cannot train."""
    if not runs:
        raise ValueError("runs: none given")
    if list(spec.checkpoints) != sorted(set(spec.checkpoints)) or spec.checkpoints[0] < 0:
        raise ValueError(f"checkpoints: {spec.checkpoints} given; allowed: increasing steps from 0 on")
    for run in runs:
        if run.images.ndim != 2 or run.images.shape[1] != spec.network.dimension or not len(run.images):
            raise ValueError(
                f"images of run {run.name.name}: shape {run.images.shape} given; "
                f"the network takes (n, {spec.network.dimension})"
            )
        if not np.isfinite(run.images).all():
            row = int(np.argwhere(~np.isfinite(run.images).all(axis=1))[0, 0])
            raise ValueError(f"images of run {run.name.name}: row {row} holds a number that is not finite")
