"""A loss that is no number in one network of a stack."""

import json

import numpy as np
import pytest
import xarray as xr

pytestmark = pytest.mark.faults

_STUDY = '''
"""Trainings of two networks at once."""

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.models.score_mlp import ScoreMLPSpec
from companion.store.durable import stored, workspace
from companion.training.diffusion import train_score_model
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_recipe import DiffusionSpec, TrainingRun


@stored
def pair(scale: float) -> xr.Dataset:
    """Two networks on images of their own; those of the second are ``scale`` times as large."""
    network = ScoreMLPSpec(dimension=64, width=16, blocks=1)
    spec = DiffusionSpec(network=network, checkpoints=(0, 5, 12), batch_size=8)
    runs = []
    for index, factor in enumerate((1.0, scale)):
        drawn = generator(0, "images", index).standard_normal((12, 64))
        runs.append(TrainingRun((factor * drawn).astype(np.float32), RunName(0, ("pair", index)), 0.25))
    with workspace() as folder:
        trained = train_score_model(spec, runs, [Weights()], device="cpu", folder=folder)
    return trained


class Weights:
    """Records the weights."""

    def __call__(self, snapshot):
        return {"weights": (("weight",), snapshot.weights.numpy())}
'''


def test_the_others_train_on_and_the_user_is_told_which_one_stopped(finished, undisturbed):
    (finished.root / "tiny_training.py").write_text(_STUDY)
    finished.add_notebook(
        "zebra",
        """
        # %%
        import tiny_training

        calm, broken = tiny_training.pair(1.0), tiny_training.pair(1.0e+30)
        """,
    )
    ended = finished.run()
    assert ended.code == 0, ended.said
    assert (
        "zebra: run pair 1, root seed 0: the loss of step 0 is no finite number; this run stops" in ended.said
    )
    assert "run pair 0" not in ended.said
    found = {}
    for folder in (finished.root / "build/store/tiny_training.pair").iterdir():
        manifest = json.loads((folder / "manifest.json").read_text())
        scale = float.fromhex(manifest["arguments"]["scale"]["float"])
        found[scale] = xr.load_dataset(folder / "result.nc", engine="h5netcdf")
    calm, broken = found[1.0], found[1e30]
    assert calm.stopped_at.values.tolist() == [-1, -1] and broken.stopped_at.values.tolist() == [-1, 0]
    assert broken.isel(run=0).identical(calm.isel(run=0))
    assert (
        np.isnan(broken.training_loss.values[1]).all()
        and not np.isnan(calm.training_loss.values[:, 1:]).any()
    )
    assert undisturbed.lasting.items() <= finished.lasting().items()
