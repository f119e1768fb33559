"""Stored trainings of score models on pairs of image classes: the one expensive thing that all figures draw from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.attribution import fit_attribution
from companion.analysis.frechet import FeatureSpace
from companion.compute.devices import torch_device
from companion.compute.sweeps import Condition, sweep
from companion.datasets.fashion_mnist import load
from companion.datasets.image_pairs import ImagePair, exposure_weights
from companion.store.durable import stored, workspace
from companion.studies.unet_recipes import LOSS_INDICES, ImageSetting, Recipe
from companion.training.diffusion import Monitor, Snapshot, train_score_model
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_monitors import (
    FeatureMonitor,
    LossMonitor,
    Record,
    SampleMonitor,
    WatchedRun,
)
from companion.training.diffusion_recipe import TrainingRun

FEATURE_LEVEL = 136
FEATURE_SPACE = 20


@stored(
    device=True,
    work=lambda conditions, recipe, **_: (
        len(conditions) * 3e8  # of a run, whatever its steps
        + len(conditions)
        * (
            3 * recipe.steps * recipe.batch_size
            + recipe.samples * (recipe.checkpoints * recipe.sampler_steps + recipe.check_steps)
            + 14 * recipe.checkpoints * recipe.loss_rows
        )
        * recipe.base**2
        * recipe.blocks
        * sum(m**2 / 4**level for level, m in enumerate(recipe.multipliers))
        * (recipe.side / recipe.patch) ** 2
    ),
    disk=lambda conditions, recipe, **_: (
        len(conditions)
        * (
            recipe.checkpoints
            * (8 * recipe.samples + recipe.shown * recipe.side**2 + recipe.feature_rows * recipe.base * 2)
            + 9 * recipe.base**2 * recipe.blocks * sum(m**2 for m in recipe.multipliers) * 4
        )
    ),
)
def score_runs(conditions: Sequence[Condition], recipe: Recipe, seed: int) -> xr.Dataset:
    """Train one stack of score models, one for each condition (`ImageSetting` and ``replicate``).

    Records of `diffusion_monitors` with dims ``condition`` and ``step``; at the end ``checked_distance`` of samples
    made with ``recipe.check_steps``, and the averaged ``weights`` (condition, weight), from which all else can be
    measured later. Training images are sorted by class: those of class 0 are the first ``first_count``.
    """
    where = torch_device()
    drawn = drawn_runs(conditions, recipe, seed)
    watched = [run.watched for run in drawn]
    runs = [
        TrainingRun(run.pair.train, run.watched.name, run.pair.second_moment, run.probabilities)
        for run in drawn
    ]
    monitors: list[Monitor] = [
        LossMonitor(watched, LOSS_INDICES, recipe.loss_rows, where),
        SampleMonitor(watched, recipe.samples, recipe.sampler_steps, where, shown=recipe.shown),
    ]
    monitors.append(FeatureMonitor(watched, FEATURE_LEVEL, recipe.feature_rows, where))
    checked = SampleMonitor(watched, recipe.samples, recipe.check_steps, where)
    final: list[Monitor] = [_Checked(checked), _weights]
    with workspace() as folder:
        found = train_score_model(
            recipe.training, runs, monitors, final=final, folder=folder, label=_label(drawn)
        )
    return found.rename(run="condition").assign_coords(_coordinates())


def run_name(setting: ImageSetting, replicate: int, seed: int) -> RunName:
    """Where the draws of a run come from: settings of the same classes share images, start and noise."""
    return RunName(seed, (*setting.name, replicate))


@dataclass(frozen=True, eq=False)
class DrawnRun:
    """A condition with the images that it stands for, and what they are measured with."""

    setting: ImageSetting
    pair: ImagePair
    watched: WatchedRun

    @property
    def probabilities(self) -> np.ndarray | None:
        """Law of the images in batches; None where all are drawn alike."""
        if not self.setting.first_share:
            return None
        return exposure_weights(
            self.pair.train_labels, (self.setting.first_share, 1 - self.setting.first_share)
        )


def drawn_runs(conditions: Sequence[Condition], recipe: Recipe, seed: int) -> list[DrawnRun]:
    """Draw the images of each condition and fit their rulers, the same whenever it is done."""
    data, found = load(recipe.data), []
    for condition in conditions:
        setting = ImageSetting(**{name: value for name, value in condition.items() if name != "replicate"})
        name = run_name(setting, condition["replicate"], seed)
        pair = setting.draw(data, recipe.side, name)
        everything = setting.everything(data, recipe.side, name)
        watched = WatchedRun(
            name=name,
            train=pair.train,
            train_labels=pair.train_labels,
            test=pair.test,
            test_labels=pair.test_labels,
            attribution=fit_attribution(everything.train, everything.train_labels),
            space=FeatureSpace.fit(everything.train, min(FEATURE_SPACE, len(everything.train) - 1)),
        )
        found.append(DrawnRun(setting, pair, watched))
    return found


class _Checked:
    """Samples once more with more sampler steps: only their distances are kept, as ``checked_distance``."""

    def __init__(self, monitor: SampleMonitor):
        self.monitor = monitor

    def __call__(self, snapshot: Snapshot) -> Record:
        found = self.monitor(snapshot)
        return {"checked_distance": found["distance"]}


def _label(drawn: Sequence[DrawnRun]) -> str:
    first = drawn[0].setting
    what = f"{first.first}/{first.second}" if first.second else f"{first.first}, dialled"
    counts = f"{first.first_count} + {first.second_count}"
    return f"U-Net, {what}, {counts}" + (f" and {len(drawn) - 1} more" if len(drawn) > 1 else "")


def _weights(snapshot: Snapshot) -> Record:
    return {"weights": (("weight",), snapshot.weights.cpu().numpy())}


def _coordinates() -> dict[str, Any]:
    return {
        "label": [0, 1],
        "diffusion_index": ("diffusion_index", list(LOSS_INDICES), {"long_name": "noise level $t$"}),
        "neighbour_rank": [1, 2],
    }


def trained(
    settings: Sequence[ImageSetting], recipe: Recipe, replicates: int, seed: int, *, block: int
) -> xr.Dataset:
    """All settings, ``replicates`` times each, in stacks of ``block`` runs spread over the cluster.

    Dim ``condition``: settings in the order given, replicates running fastest. Raises ValueError, before any training,
    for more images than there are, and for a ``block`` that does not divide ``replicates``: stacks of two settings
    would be other stacks in another figure, and be trained again.
    """
    if replicates % block:
        raise ValueError(f"block: {block} given for {replicates} replicates; allowed: its divisors")
    data = load(recipe.data)
    for setting in settings:
        for given, there in zip(
            (setting.first_count, setting.second_count), setting.available(data), strict=True
        ):
            if given > there:
                what = setting.first + (f"/{setting.second}" if setting.second else ", each half")
                raise ValueError(
                    f"count: {given} images of {what} given; the data ({recipe.data}) hold {there}"
                )
    conditions = [setting.condition(replicate) for setting in settings for replicate in range(replicates)]
    return sweep(score_runs, conditions, block=block, label="U-Net runs", recipe=recipe, seed=seed)


def train_side_by_side(
    settings: Sequence[ImageSetting], recipe: Recipe, replicates: int, seed: int, *, block: int
) -> None:
    """Train the settings of several figures in one sweep, each once: the figures' studies find the runs stored."""
    trained(list(dict.fromkeys(settings)), recipe, replicates, seed, block=block)


def by_setting(found: xr.Dataset, dim: str, replicates: int, **coordinate: Any) -> xr.Dataset:
    """``condition`` cut into ``dim`` (labelled by ``coordinate``) and ``replicate``."""
    bare = found.drop_vars([name for name in found.coords if found[name].dims == ("condition",)])
    settings, rest = divmod(bare.sizes["condition"], replicates)
    if rest:
        raise ValueError(f"{bare.sizes['condition']} conditions are no multiple of {replicates} replicates")
    cut = {
        name: (
            (dim, "replicate", *values.dims[1:]),
            values.values.reshape(settings, replicates, *values.shape[1:]),
            values.attrs,
        )
        for name, values in bare.transpose("condition", ...).data_vars.items()
        if "condition" in values.dims
    }
    whole = {name: values for name, values in bare.data_vars.items() if "condition" not in values.dims}
    return xr.Dataset(cut | whole, coords=dict(bare.coords) | coordinate)
