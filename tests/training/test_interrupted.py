"""Trainings that are warned by a real signal save, stop, and go on to the same bytes."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from companion.datasets.sprites import sprites
from companion.models.score_mlp import ScoreMLPSpec
from companion.models.vae import VAESpec
from companion.session import interruption
from companion.training.diffusion import train_score_model
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_recipe import DiffusionSpec, TrainingRun
from companion.training.vae import train_vaes
from companion.training.vae_recipe import VAERun, VAETraining

_STEPS = (0, 5, 12)


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    handler, threads = signal.getsignal(signal.SIGUSR1), torch.get_num_threads()
    torch.set_num_threads(1)
    interruption.install()
    yield
    interruption.forget()
    signal.signal(signal.SIGUSR1, handler)
    torch.set_num_threads(threads)


class Warner:
    """A monitor that sends the signal when it first sees the models at step 5; else it records their weights."""

    def __init__(self, at: int | None = None):
        self.at = at

    def __call__(self, snapshot):
        if snapshot.step == self.at:
            self.at = None
            os.kill(os.getpid(), signal.SIGUSR1)
        return {"weights": (("weight",), snapshot.weights.cpu().numpy())}


def score_model(monitor: Warner, folder: Path | None) -> xr.Dataset:
    images = (0.5 * np.random.default_rng(0).standard_normal((12, 64))).astype(np.float32)
    spec = DiffusionSpec(
        network=ScoreMLPSpec(dimension=64, width=16, blocks=1), checkpoints=_STEPS, batch_size=8
    )
    run = TrainingRun(images, RunName(0, ("test", 0)), 0.25)
    return train_score_model(spec, [run], [monitor], device="cpu", folder=folder)


def autoencoder(monitor: Warner, folder: Path | None) -> xr.Dataset:
    spec = VAETraining(
        network=VAESpec(dimension=64, latents=3, widths=(12,)), checkpoints=_STEPS, batch_size=8
    )
    runs = [VAERun(RunName(0, ("test", 0)), 0.0, 1.0)]
    shapes = [sprites("sprites-3", 8, (2, 4, 4))]
    return train_vaes(spec, runs, shapes, [monitor], device="cpu", folder=folder)


@pytest.mark.parametrize("train", [score_model, autoencoder])
def test_a_warned_training_saves_stops_and_goes_on_bit_for_bit(
    train: Callable[[Warner, Path | None], xr.Dataset], tmp_path: Path
):
    whole = train(Warner(), None)
    with pytest.raises(interruption.Resumable):
        train(Warner(5), tmp_path)
    interruption.forget()
    assert train(Warner(), tmp_path).identical(whole)


@pytest.mark.parametrize("train", [score_model, autoencoder])
def test_a_training_without_a_folder_has_nothing_to_go_on_from_and_ends(
    train: Callable[[Warner, Path | None], xr.Dataset],
):
    found = train(Warner(5), None)
    assert interruption.asked() and found.step.values.tolist() == list(_STEPS)
