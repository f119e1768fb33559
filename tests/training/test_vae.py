"""Stacked training: what it converges to, what it conserves, and that no run minds its neighbours."""

import numpy as np
import pytest
import torch

from companion.datasets.sprites import sprites
from companion.models.vae import VAESpec, layers
from companion.training import vae as module
from companion.training.diffusion_draws import RunName
from companion.training.vae import train_vaes
from companion.training.vae_recipe import VAERun, VAETraining, evaluated_rows

SMALL = sprites("sprites-3", 8, (2, 4, 4))
NETWORK = VAESpec(dimension=64, latents=3, widths=(12,))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Cloud:
    """Points (n, d) whose covariance is diagonal, exactly."""

    def __init__(self, variances, count=400, seed=0):
        points = np.random.default_rng(seed).normal(size=(count, len(variances)))
        points -= points.mean(axis=0)
        white = points @ np.linalg.inv(np.linalg.cholesky(points.T @ points / count)).T
        self.points = (white * np.sqrt(variances)).astype(np.float32)
        self.dimension = len(variances)

    def __len__(self):
        return len(self.points)

    def images(self, rows=None):
        return self.points if rows is None else self.points[rows]


def run(seed=0, imbalance=0.0, beta=1.0):
    return VAERun(RunName(0, ("test", seed)), imbalance, beta)


def recipe(*checkpoints, **options):
    return VAETraining(**({"network": NETWORK, "checkpoints": checkpoints, "batch_size": 8} | options))


def final_weights(snapshot):
    return {"weights": (("weight",), snapshot.weights.cpu().numpy())}


def test_a_linear_network_finds_the_principal_components():
    """Lucas et al. 2019 (arXiv:1911.02469): latents with λ > β s² are used, the others are not.

    The error is then Σ λ over unused directions + Σ (β s²)²/λ over used ones, the divergence Σ log(λ/β s²)/2.
    """
    variances, s2 = np.array([4.0, 2.0, 1.0, 0.05, 0.02]), 0.05
    spec = recipe(
        *range(400, 801, 40),
        network=VAESpec(dimension=5, latents=4, widths=(), activation="linear"),
        learning_rate=2e-2,
        batch_size=400,
        observation_variance=s2,
    )
    betas = [4.0, 10.0, 30.0]
    runs = [run(0, 0.0, beta) for beta in betas]
    found = train_vaes(spec, runs, [Cloud(variances)]).isel(set=0).mean("step")
    for place, beta in enumerate(betas):
        level = beta * s2
        used = variances > level
        error = variances[~used].sum() + (level**2 / variances[used]).sum()
        rate = 0.5 * np.log(variances[used] / level)
        each = found.isel(run=place)
        # A finite learning rate leaves some noise in the error, a share of the total variance of 7.
        assert float(each.error) == pytest.approx(error, abs=0.03)
        assert float(each.divergence.sum()) == pytest.approx(rate.sum(), rel=0.02)
        assert int((each.divergence > 0.1).sum()) == (rate > 0.1).sum()


def imbalances(weights):
    """|in|² + bias² - |out|² of each hidden unit of the encoder: conserved where gradients flow."""
    (inside, bias), (outside, _), *_ = layers(NETWORK, torch.as_tensor(weights)[None].double())
    return ((inside**2).sum(1) + bias[:, 0] ** 2 - (outside**2).sum(2))[0].numpy()


def test_gradient_flow_conserves_imbalance_and_adam_does_not():
    def drift(steps, **options):
        spec = recipe(0, steps, **options)
        first, last = [], []

        def both(snapshot):
            (first if snapshot.step == 0 else last).append(snapshot.weights[0].clone())
            return {}

        train_vaes(spec, [run(1, 0.5)], [SMALL], [both])
        moved = float((last[0] - first[0]).norm())
        return np.abs(imbalances(last[0]) - imbalances(first[0])).max() / moved

    coarse = drift(50, optimiser="sgd", learning_rate=1e-3)
    fine = drift(500, optimiser="sgd", learning_rate=1e-4)
    assert fine < 0.2 * coarse < 0.2 * drift(50, optimiser="adam", learning_rate=1e-2)


def test_a_run_does_not_mind_its_neighbours():
    spec = recipe(0, 5, 40)
    runs = [run(0, 0.5, 4.0), run(1, 0.0, 1.0), run(2, -0.5, 2.0)]
    together = train_vaes(spec, runs, [SMALL], final=[final_weights])
    for place, each in enumerate(runs):
        alone = train_vaes(spec, [each], [SMALL], final=[final_weights])
        np.testing.assert_allclose(together.error[place], alone.error[0], rtol=1e-4)
        np.testing.assert_allclose(together.weights[place], alone.weights[0], atol=1e-3)
    assert (together.error.isel(step=-1) < together.error.isel(step=0)).all()


def test_runs_of_one_name_differ_in_gains_and_beta_alone():
    found = train_vaes(recipe(0, 10), [run(3, 0.2), run(3, 0.2), run(3, 0.2, 2.0), run(4, 0.2)], [SMALL])
    first, same, other_beta, other_name = (found.error.isel(run=place).values for place in range(4))
    np.testing.assert_array_equal(first, same)
    assert first[0] == other_beta[0] and first[1] != other_beta[1]
    assert (first != other_name).all()


def test_a_run_that_breaks_stops_alone():
    spec = recipe(0, 20, 300, optimiser="sgd", learning_rate=3e-3)
    found, calm = (train_vaes(spec, [run(0), run(1, imbalance), run(2)], [SMALL]) for imbalance in (3.0, 0.0))
    assert found.stopped_at.values[1] >= 0
    assert found.stopped_at.values[[0, 2]].tolist() == calm.stopped_at.values[[0, 2]].tolist() == [-1, -1]
    assert np.isfinite(found.error[1, 0]).all() and np.isnan(found.error[1, -1]).all()
    assert np.isnan(found.divergence[1, -1]).all()
    np.testing.assert_array_equal(found.error[[0, 2]], calm.error[[0, 2]])


def test_a_second_set_follows_the_first():
    """The first phase is what it would be alone; the second begins with a fresh optimiser and learns the new images."""
    shapes = [sprites("sprites-5", 8, (3, 1, 1, 4, 4)).where(shape=shape) for shape in (0, 1)]
    rate, steps = 5e-3, []

    def watch(snapshot):
        steps.append(snapshot.weights[0].clone())
        return {}

    spec = recipe(0, 99, 100, 101, 250, switches=(100,), learning_rate=rate)
    both = train_vaes(spec, [run(0)], shapes, [watch]).error.isel(run=0)
    only = train_vaes(recipe(0, 100, learning_rate=rate), [run(0)], shapes[:1]).error.isel(run=0)
    np.testing.assert_array_equal(both.sel(step=[0, 100]).isel(set=0), only.isel(set=0))
    assert float(both.sel(step=250)[1]) < 0.8 * float(both.sel(step=100)[1])
    # Adam without memory moves every weight that has a gradient by the learning rate.
    last, first = ((steps[place + 1] - steps[place]).abs() for place in (1, 2))
    moved = first > 0
    torch.testing.assert_close(first[moved], torch.full_like(first[moved], rate), rtol=0.05, atol=0.0)
    assert float(last[moved].median()) < 0.5 * rate


def test_training_goes_on_bit_for_bit(tmp_path, monkeypatch):
    """Killed before and after the switch, and continued, against a run in one go."""
    shapes = [sprites("sprites-5", 8, (3, 1, 1, 3, 3)).where(shape=shape) for shape in (0, 1)]
    spec = recipe(0, 4, 10, 15, 30, switches=(10,))
    runs = [run(0, 0.5), run(1)]
    monkeypatch.setattr(module, "_CHUNK", 8)
    whole = train_vaes(spec, runs, shapes, final=[final_weights])
    monkeypatch.setattr(module, "_SAVE_SECONDS", 0.0)
    for killed_at in (10, 15):

        def kill(snapshot, killed_at=killed_at):
            if snapshot.step == killed_at:
                raise KeyboardInterrupt
            return {}

        with pytest.raises(KeyboardInterrupt):
            train_vaes(spec, runs, shapes, [kill], folder=tmp_path)
    again = train_vaes(spec, runs, shapes, final=[final_weights], folder=tmp_path)
    for name in ("error", "divergence", "weights"):
        np.testing.assert_array_equal(whole[name], again[name])


def test_images_are_rendered_or_looked_up(monkeypatch):
    spec = recipe(0, 12)
    held = train_vaes(spec, [run(0), run(0, 0.3), run(1)], [SMALL])
    monkeypatch.setattr(module, "_HELD_NUMBERS", 0)
    monkeypatch.setattr(module, "_BLOCK_ROWS", 7)
    rendered = train_vaes(spec, [run(0), run(0, 0.3), run(1)], [SMALL])
    np.testing.assert_allclose(held.error, rendered.error, rtol=1e-6)


def test_monitors_see_the_codes():
    seen = []

    def watch(snapshot):
        seen.append((snapshot.step, snapshot.codes[0].shape))
        return {"mean_code": (("latent",), snapshot.codes[0].mean(axis=1))}

    found = train_vaes(recipe(0, 3, evaluated=20), [run(0), run(1)], [SMALL], [watch])
    assert seen == [(0, (2, 20, 3)), (3, (2, 20, 3))]
    assert found.mean_code.dims == ("run", "step", "latent")


def test_evaluated_rows_are_drawn_once():
    rows = evaluated_rows(SMALL, 10)
    assert len(set(rows)) == 10 and (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, evaluated_rows(SMALL, 10))
    assert evaluated_rows(SMALL, 32).tolist() == list(range(32))


@pytest.mark.parametrize(
    ("spec", "runs", "sets", "said"),
    [
        (recipe(1), [], [SMALL], "runs: none given"),
        (recipe(3, 1), [run()], [SMALL], r"checkpoints: \(3, 1\) given"),
        (recipe(1), [run()], [SMALL, SMALL], r"switches: \(\) given for 2 sets"),
        (recipe(1, 2, switches=(2,)), [run()], [SMALL, SMALL], "switches"),
        (recipe(1), [run()], [sprites("sprites-3", 4)], "sets: one with 720 images of 16 pixels given"),
    ],
)
def test_bad_input_is_named(spec, runs, sets, said):
    with pytest.raises(ValueError, match=said):
        train_vaes(spec, runs, sets)
