"""Stored trainings of score models on Gaussian mixtures with the variances and centroids of pairs of image classes.

The pipeline of the image experiments, with a perceptron in place of the U-Net and with points that the theory of
arXiv:2605.06367 speaks of: isotropic classes, of which nothing but variances and Gram matrix is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from companion.analysis.attribution import fit_attribution
from companion.analysis.frechet import FeatureSpace
from companion.compute.devices import torch_device
from companion.compute.sweeps import Condition, sweep
from companion.datasets.fashion_mnist import Data, load
from companion.datasets.gaussian_mixture import centroids_from_gram, sample
from companion.datasets.image_pairs import ImagePair
from companion.models.score_mlp import ScoreMLPSpec
from companion.store.durable import stored, workspace
from companion.studies.unet_recipes import ImageSetting
from companion.studies.unet_runs import run_name
from companion.studies.unet_summaries import PRIMARY_INDEX
from companion.theory.mixtures import Mixture
from companion.training.diffusion import Monitor, train_score_model
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_monitors import LossMonitor, SampleMonitor, WatchedRun
from companion.training.diffusion_recipe import (
    DiffusionSpec,
    Optimisation,
    TrainingRun,
    log_spaced_steps,
)

#: Noise levels whose losses are stored: t_OU = .1, that of the theory.
MIXTURE_INDICES = (PRIMARY_INDEX,)

CLASSES = 2


class TwinRecipe(Optimisation):
    """What all runs of the twin share: where the mixtures come from, network, optimiser, and how they are watched.

    ``data`` and ``side`` are the images whose variances and Gram matrices are taken; points have ``dimension``
    coordinates. ``samples`` are generated at every checkpoint, none if 0. Of each class ``held_out`` fresh points are
    the test set, and ``ruler`` more fit the classifier and the coordinates of the Fréchet distance.
    """

    data: Data = "embedded"
    side: Literal[16, 28] = 16
    dimension: int = Field(default=32, ge=2)
    width: int = Field(default=256, ge=8, multiple_of=2)
    blocks: int = Field(default=1, ge=1)
    steps: int = Field(default=2000, ge=1)
    first_checkpoint: int = Field(default=10, ge=1)
    checkpoints: int = Field(default=16, ge=1)
    samples: int = Field(default=0, ge=0)
    sampler_steps: int = Field(default=25, ge=1)
    loss_rows: int = Field(default=256, ge=2)
    held_out: int = Field(default=512, ge=2)
    ruler: int = Field(default=1000, ge=21)

    @property
    def training(self) -> DiffusionSpec:
        """The recipe for `train_score_model`."""
        return DiffusionSpec(
            network=ScoreMLPSpec(dimension=self.dimension, width=self.width, blocks=self.blocks),
            checkpoints=log_spaced_steps(
                min(self.first_checkpoint, self.steps), self.steps, self.checkpoints
            ),
            **self.optimisation,
        )

    def changed(self, **fields: Any) -> "TwinRecipe":
        """The same recipe with some fields changed, validated anew."""
        return TwinRecipe(**(self.model_dump() | fields))


@dataclass(frozen=True, eq=False)
class TwinPoints:
    """Training points (n, d), sorted by class, fresh ones to test on, and fresh ones to fit rulers on."""

    train: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    ruler: NDArray[np.float32]
    ruler_labels: NDArray[np.int64]


def image_moments(setting: ImageSetting, recipe: TwinRecipe) -> ImagePair:
    """The pair of image classes of ``setting``, whose variances, Gram matrix and v do not depend on what is drawn."""
    return setting.everything(load(recipe.data), recipe.side, run_name(setting, 0, 0))


def twin_points(setting: ImageSetting, recipe: TwinRecipe, name: RunName) -> TwinPoints:
    """The points of a run: x = μ_c + σ_c z about centroids with the images' Gram matrix, in units of their pixels.

    With one ``name``, settings share the z: a smaller count takes the first points of a larger one, a gain stretches
    the same cloud, and the other class stays as it is.
    """
    pair = image_moments(setting, recipe)
    centroids = centroids_from_gram(pair.gram, recipe.dimension, name.numpy("centroids"))
    deviations = pair.standard_deviations

    def drawn(task: str, counts: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        clouds = []
        for label, count in enumerate(counts):
            alone = Mixture((1.0,), (float(deviations[label]),), ((float(pair.gram[label, label]),),))
            own = centroids[label : label + 1]
            cloud = sample(alone, count, recipe.dimension, name.numpy(task, label), centroids=own)
            clouds.append(cloud.points)
        return np.concatenate(clouds).astype(np.float32), np.repeat(np.arange(CLASSES), counts)

    train = drawn("points", (setting.first_count, setting.second_count))
    return TwinPoints(
        *train, *drawn("held out", [recipe.held_out] * CLASSES), *drawn("ruler", [recipe.ruler] * CLASSES)
    )


def twin_name(replicate: int, seed: int) -> RunName:
    """Where the draws of a run come from: all settings of a replicate share points, start and noise."""
    return RunName(seed, ("mixture twin", replicate))


@stored(
    device=True,
    work=lambda conditions, recipe, **_: (
        len(conditions)
        * (
            3e8
            + (3 * recipe.steps + bool(recipe.samples) * recipe.checkpoints * recipe.sampler_steps) * 2e6
            + (
                3 * recipe.steps * recipe.batch_size
                + recipe.checkpoints * recipe.samples * recipe.sampler_steps
            )
            * recipe.width
            * (recipe.dimension + recipe.blocks * recipe.width)
        )
    ),
    disk=lambda conditions, recipe, **_: len(conditions) * recipe.checkpoints * (recipe.samples + 10),
)
def mixture_runs(conditions: Sequence[Condition], recipe: TwinRecipe, seed: int) -> xr.Dataset:
    """Train one stack of score models on mixtures, one for each condition (`ImageSetting` and ``replicate``).

    Records of `diffusion_monitors` with dims ``condition`` and ``step``: losses, and with ``recipe.samples`` what
    `unet_summaries.curves` reads. Raises ValueError for settings with an exposure of their own: here points are
    drawn alike.
    """
    where = torch_device()
    settings = [
        ImageSetting(**{name: value for name, value in condition.items() if name != "replicate"})
        for condition in conditions
    ]
    if any(setting.first_share for setting in settings):
        raise ValueError("first_share: a share of the batches was given; allowed is 0, points drawn alike")
    names = [twin_name(condition["replicate"], seed) for condition in conditions]
    drawn = [twin_points(setting, recipe, name) for setting, name in zip(settings, names, strict=True)]
    moments = [image_moments(setting, recipe).second_moment for setting in settings]
    watched = [_watched(points, name) for points, name in zip(drawn, names, strict=True)]
    runs = [
        TrainingRun(points.train, name, moment)
        for points, name, moment in zip(drawn, names, moments, strict=True)
    ]
    monitors: list[Monitor] = [LossMonitor(watched, MIXTURE_INDICES, recipe.loss_rows, where)]
    if recipe.samples:
        monitors.append(SampleMonitor(watched, recipe.samples, recipe.sampler_steps, where))
    with workspace() as folder:
        found = train_score_model(
            recipe.training, runs, monitors, folder=folder, label=_label(settings, recipe)
        )
    levels = ("diffusion_index", list(MIXTURE_INDICES), {"long_name": "noise level $t$"})
    coordinates = {"label": [0, 1], "diffusion_index": levels}
    if recipe.samples:
        coordinates["neighbour_rank"] = [1, 2]
    return found.rename(run="condition").assign_coords(coordinates)


def _watched(points: TwinPoints, name: RunName) -> WatchedRun:
    return WatchedRun(
        name=name,
        train=points.train,
        train_labels=points.train_labels,
        test=points.test,
        test_labels=points.test_labels,
        attribution=fit_attribution(points.ruler, points.ruler_labels),
        space=FeatureSpace.fit(points.ruler, min(20, points.ruler.shape[1])),
    )


def _label(settings: Sequence[ImageSetting], recipe: TwinRecipe) -> str:
    first = settings[0]
    counts = f"{first.first_count} + {first.second_count}"
    more = f" and {len(settings) - 1} more" if len(settings) > 1 else ""
    return f"perceptron, {recipe.prediction}, mixture of {counts}{more}"


def twins(
    settings: Sequence[ImageSetting], recipe: TwinRecipe, replicates: int, seed: int, *, block: int
) -> xr.Dataset:
    """All settings, ``replicates`` times each, in stacks of ``block`` runs spread over the cluster.

    Dim ``condition``: settings in the order given, replicates running fastest.
    """
    conditions = [setting.condition(replicate) for setting in settings for replicate in range(replicates)]
    return sweep(mixture_runs, conditions, block=block, label="mixture twin", recipe=recipe, seed=seed)
