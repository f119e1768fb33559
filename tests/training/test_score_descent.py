"""Descent on drawn noises: closed forms of its means, the gradient flow at small steps, stability, bad inputs."""

import numpy as np
import pytest

from companion.datasets.gaussian_mixture import sample
from companion.models.feature_learning_curves import ScoreFlow
from companion.models.random_features import draw_features
from companion.theory.mixtures import Mixture
from companion.training.score_descent import (
    descend_score,
    eigen_time_per_step,
    largest_stable_step,
    log_spaced_steps,
)

PAIR = Mixture((0.5, 0.5), (1.5, 0.5), ((1.0, 0.0), (0.0, 1.0)))


def random(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def problem():
    generator = random(1)
    samples = sample(PAIR, 96, 12, generator)
    model = draw_features(PAIR, 48, 12, generator)
    return model, samples, model.train_matrices(samples), model.population_matrices(PAIR, samples.centroids)


def explicit(U, V, step, steps):
    """B after ``steps`` of B <- B - step (B U + Vᵀ), by the geometric series in the modes of U."""
    values, vectors = np.linalg.eigh(U)
    response = (1 - (1 - step * values) ** steps) / values
    return -(V.T @ vectors * response) @ vectors.T


@pytest.mark.parametrize("class_weights", [None, (0.1, 0.9)])
def test_small_steps_follow_the_gradient_flow(problem, class_weights):
    run = descend_score(
        *problem,
        step=0.004,
        steps=1000,
        generator=random(),
        draws=8,
        class_weights=class_weights,
        records=8,
    )
    curves = ScoreFlow(*problem[2:], class_weights).learning_curves(run.times)
    np.testing.assert_allclose(run.train, curves.train, atol=2e-3)
    np.testing.assert_allclose(run.test, curves.test, atol=2e-3)
    assert run.train[-1].min() < 0.95
    assert run.drawn is None
    if class_weights is not None:
        plain = ScoreFlow(*problem[2:]).learning_curves(run.times)
        assert np.abs(plain.train - run.train).max() > 0.02


@pytest.mark.parametrize(("draws", "batch_size"), [(1, None), (2, 24)])
def test_mean_over_fresh_noises_is_descent_on_the_exact_matrices(problem, draws, batch_size):
    U, V = problem[2].weighted()
    ends = [
        descend_score(
            *problem,
            step=0.1,
            steps=12,
            generator=random(seed),
            draws=draws,
            batch_size=batch_size,
            records=1,
        ).coefficients
        for seed in range(200)
    ]
    error = np.std(ends, axis=0) / np.sqrt(200)
    off = (np.mean(ends, axis=0) - explicit(U, V, 0.1, 12)) / error
    # Noise is fresh in each step; batches of one epoch are not independent, which is of second order.
    assert np.abs(off.mean()) < 0.2
    assert off.std() < (1.2 if batch_size is None else 1.5)


def test_fixed_noises_are_learned_by_heart(problem):
    model, samples, train, population = problem
    run = descend_score(*problem, step=0.2, steps=4000, generator=random(3), draws=2, fresh=False, records=20)
    noises = random(3).standard_normal((2, *samples.points.shape))
    points = PAIR.contraction * samples.points + np.sqrt(PAIR.noise_variance) * noises
    features = model.features(points).reshape(-1, 48)
    U = features.T @ features / len(features)
    V = features.T @ noises.reshape(-1, 12) / len(features)
    np.testing.assert_allclose(run.coefficients, explicit(U, V, 0.2, 4000), atol=1e-8)
    residuals = model.features(points) @ run.coefficients.T + noises
    by_class = [np.square(residuals[:, samples.labels == label]).mean() for label in range(2)]
    assert run.drawn is not None
    np.testing.assert_allclose(run.drawn[-1], by_class, rtol=1e-10)
    np.testing.assert_allclose(run.train[-1], train.losses(run.coefficients), rtol=1e-12)
    np.testing.assert_allclose(run.test[-1], population.losses(run.coefficients), rtol=1e-12)
    assert (run.drawn[-1] < run.train[-1] - 0.1).all()
    assert (np.diff(run.drawn.mean(axis=1)) < 0).all()


def test_fixed_noises_in_batches_reach_the_same_end(problem):
    run = descend_score(
        *problem, step=0.05, steps=3000, generator=random(3), draws=2, fresh=False, batch_size=32, records=5
    )
    whole = descend_score(
        *problem, step=0.05, steps=3000, generator=random(3), draws=2, fresh=False, records=5
    )
    np.testing.assert_allclose(run.train, whole.train, atol=0.03)
    np.testing.assert_allclose(run.drawn, whole.drawn, atol=0.03)
    assert not np.allclose(run.coefficients, whole.coefficients, atol=1e-4)


def test_a_run_repeats(problem):
    first, again = (
        descend_score(*problem, step=0.1, steps=30, generator=random(5), batch_size=16, records=5)
        for _ in "ab"
    )
    np.testing.assert_array_equal(first.coefficients, again.coefficients)
    np.testing.assert_array_equal(first.test, again.test)
    assert first.steps.tolist() == [1, 2, 5, 13, 30]
    np.testing.assert_allclose(first.times, 0.1 * first.steps)


def test_published_rates_in_eigen_time(problem):
    model = problem[0]
    delta = PAIR.noise_variance
    # The public default η = .01 d/Δ is .02 of T per step.
    assert eigen_time_per_step(0.01 * 12 / delta, model) == pytest.approx(0.02)
    assert eigen_time_per_step(3.0, model, "scaled") == pytest.approx(2 * delta * 3 / (12 * 48))
    assert eigen_time_per_step(3.0, model, "flow") == pytest.approx(2 * delta * 3 / (48 / 12))
    # One step on A itself, s = A σ(W x/√d)/√p: A <- -η ∇L, and B = √(Δ/p) A.
    _, V = problem[2].weighted()
    gradient = 2 * np.sqrt(delta / 48) * V.T / 12
    step = eigen_time_per_step(5.0, model, "scaled")
    np.testing.assert_allclose(np.sqrt(delta / 48) * -5.0 * gradient, -step * V.T, rtol=1e-12)


def test_the_stability_limit_is_sharp(problem):
    U, V = problem[2].weighted()
    limit = largest_stable_step(problem[2])
    assert limit == pytest.approx(2 / np.linalg.eigvalsh(U)[-1])
    assert np.abs(explicit(U, V, 0.999 * limit, 20_001)).max() < 20
    top = np.linalg.eigh(U)[1][:, -1]
    growth = top - 1.001 * limit * (U @ top)
    assert np.linalg.norm(growth) > 1
    assert largest_stable_step(problem[2], None, 10) < 0.9 * limit
    assert largest_stable_step(problem[2], (0.1, 0.9), 10) < largest_stable_step(problem[2], None, 10)


@pytest.mark.parametrize("keywords", [{}, {"fresh": False}, {"batch_size": 4}])
def test_unstable_steps_are_refused_before_work(problem, keywords):
    with pytest.raises(
        ValueError, match=r"^step: 0\.3 of eigen-time given; descent is stable between 0 and 0\."
    ):
        descend_score(*problem, step=0.3, steps=10**9, generator=random(), **keywords)


def test_steps_evenly_in_the_logarithm():
    assert log_spaced_steps(1, 1).tolist() == [1]
    assert log_spaced_steps(1000, 1).tolist() == [1000]
    assert log_spaced_steps(10, 50).tolist() == list(range(1, 11))


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"steps": 0}, "steps"),
        ({"draws": 0}, "draws"),
        ({"records": 0}, "records"),
        ({"batch_size": 97}, "batch_size"),
        ({"batch_size": 0}, "batch_size"),
        ({"step": 0.0}, "step"),
        ({"step": float("nan")}, "step"),
        ({"class_weights": (1.0,)}, "class_weights"),
    ],
)
def test_bad_inputs_name_the_argument(problem, keywords, name):
    arguments = {"step": 0.1, "steps": 5, "generator": random()} | keywords
    with pytest.raises(ValueError, match=f"^{name}:"):
        descend_score(*problem, **arguments)


def test_bad_rates(problem):
    with pytest.raises(ValueError, match=r"^learning_rate:"):
        eigen_time_per_step(0.0, problem[0])
    with pytest.raises(
        ValueError, match=r"^normalisation: 'plain' given; allowed are unscaled, scaled, flow"
    ):
        eigen_time_per_step(1.0, problem[0], "plain")
