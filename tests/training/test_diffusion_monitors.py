import numpy as np
import pytest
import torch

from companion.analysis.attribution import fit_attribution
from companion.analysis.frechet import FeatureSpace
from companion.analysis.memorisation import distance_ratio
from companion.models.score_mlp import ScoreMLPSpec
from companion.models.score_model import ScoreModel
from companion.theory.noise_schedule import NoiseSchedule
from companion.training.diffusion import Snapshot
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_monitors import (
    FeatureMonitor,
    LossMonitor,
    SampleMonitor,
    SpeciationMonitor,
    WatchedRun,
)
from companion.training.diffusion_sampler import exact_predicted_noise

CPU = torch.device("cpu")
DIMENSION = 8
SCHEDULE = NoiseSchedule()


def clouds(count, seed):
    """Two classes far apart: means ±4, variance .25."""
    noise = np.random.default_rng(seed)
    labels = np.repeat([0, 1], count)
    points = 0.5 * noise.standard_normal((2 * count, DIMENSION)) + np.where(labels == 0, 4.0, -4.0)[:, None]
    return points.astype(np.float32), labels


def watched(seed=0, count=6):
    train, labels = clouds(count, seed)
    test, test_labels = clouds(300, seed + 100)
    return WatchedRun(
        RunName(0, ("run", seed)),
        train,
        labels,
        test,
        test_labels,
        fit_attribution(test, test_labels),
        FeatureSpace.fit(test, 4),
    )


class Exact:
    """A snapshot whose noise is that of the exact score of each run's training set."""

    def __init__(self, runs):
        self.predict = [exact_predicted_noise(torch.from_numpy(run.train), SCHEDULE) for run in runs]
        self.model = ScoreModel(ScoreMLPSpec(dimension=DIMENSION, width=8), np.ones(len(runs)))
        self.step = 0

    def predicted_noise(self, x, index):
        parts = zip(self.predict, x, index, strict=True)
        return torch.stack([predict(own, level) for predict, own, level in parts])


def untrained(runs, moment):
    model = ScoreModel(ScoreMLPSpec(dimension=DIMENSION, width=8), np.full(len(runs), moment))
    weights = model.draw_weights([run.name.torch("weights") for run in runs])
    return Snapshot(0, model, weights)


def test_losses_of_the_untrained_model_are_those_of_a_gaussian():
    runs = [watched(0), watched(1)]
    v = 16.25
    found = LossMonitor(runs, [136, 500], 300, CPU)(untrained(runs, v))
    dims, losses = found["test_loss"]
    assert dims == ("diffusion_index", "label") and losses.shape == (2, 2, 2)
    for place, level in enumerate((136, 500)):
        a2, s2 = SCHEDULE.signal[level] ** 2, SCHEDULE.noise[level] ** 2
        q = a2 * v + s2
        expected = 1 - 2 * s2 / q + s2 * (a2 * v + s2) / q**2  # E|x|^2 = v per coordinate
        np.testing.assert_allclose(losses[:, place], expected, rtol=0.05)


def test_a_class_with_few_images_counts_each_of_them_alike():
    run = watched(count=3)
    images, weights = run.rows("train", 1, 64)
    assert len(images) == 64
    np.testing.assert_allclose(weights.sum(), 1)
    shares = [weights[(images == row).all(axis=1)].sum() for row in run.train[run.train_labels == 1]]
    np.testing.assert_allclose(shares, 1 / 3)


def test_the_exact_score_copies_and_its_copies_are_found():
    runs = [watched(0), watched(1)]
    found = SampleMonitor(runs, 200, 25, CPU, shown=3)(Exact(runs))
    ratio = distance_ratio(found["distance"][1])
    assert ratio.shape == (2, 200) and (ratio < 1 / 3).mean() > 0.95
    kinds, nearest = found["sample_class"][1], found["neighbour_class"][1]
    assert (kinds == nearest).mean() > 0.99
    assert found["image"][1].shape == (2, 3, DIMENSION)
    # Half of a Gaussian latent goes to each of two balanced classes.
    assert abs((kinds == 0).mean() - 0.5) < 0.12


def test_samples_repeat_and_do_not_depend_on_the_run_beside():
    runs = [watched(0), watched(1)]
    both = SampleMonitor(runs, 50, 10, CPU)(Exact(runs))["distance"][1]
    alone = SampleMonitor(runs[1:], 50, 10, CPU)(Exact(runs[1:]))["distance"][1]
    np.testing.assert_allclose(both[1], alone[0], rtol=1e-4, atol=1e-6)


def test_a_model_that_is_no_number_leaves_blanks():
    runs = [watched(0)]
    broken = untrained(runs, 1.0)
    broken.weights.fill_(float("nan"))
    found = SampleMonitor(runs, 40, 3, CPU)(broken)
    assert np.isnan(found["distance"][1]).all() and (found["sample_class"][1] == -1).all()


def test_noised_images_come_back_from_low_levels_and_not_from_high_ones():
    runs = [watched(0)]
    dims, shares = SpeciationMonitor(runs, [40, 400, 999], 200, 12, CPU)(Exact(runs))["returned"]
    assert dims == ("level", "label") and shares.shape == (1, 3, 2)
    assert (shares[0, 0] == 1).all()
    np.testing.assert_allclose(shares[0, 2].sum(), 1, atol=0.15)


def test_features_are_those_of_held_out_images():
    runs = [watched(0), watched(1)]
    dims, features = FeatureMonitor(runs, 136, 10, CPU)(untrained(runs, 1.0))["features"]
    assert dims == ("held_out", "unit") and features.shape == (2, 20, 8)


@pytest.mark.parametrize("steps", [1, 7])
def test_the_sampler_grid_is_used_whole(steps):
    seen = []

    class Counting(Exact):
        def predicted_noise(self, x, index):
            seen.append(int(index[0, 0]))
            return super().predicted_noise(x, index)

    runs = [watched(0)]
    SampleMonitor(runs, 30, steps, CPU)(Counting(runs))
    assert seen == SCHEDULE.sampling_grid(steps).tolist()
