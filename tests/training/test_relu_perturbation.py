"""Perturbation of fixed points: contraction, return, escape from split points."""

import numpy as np
import pytest

from companion.theory.relu_landscape import family, known_families, loss_gradient
from companion.theory.relu_splitting import global_minimum, split
from companion.training.relu_perturbation import perturb


@pytest.fixture(scope="module")
def one_flipped():
    return family("I", 1, 10).weights


@pytest.fixture(scope="module")
def around(one_flipped):
    return perturb(one_flipped, np.eye(10), [1e-3, 1e-2, 0.1, 1.0], 6, 0, families=known_families(10))


def test_a_minimum_contracts_small_noise_in_the_published_time(around):
    np.testing.assert_allclose(around.start.mean(axis=1), around.sigma, rtol=0.05)
    np.testing.assert_allclose((around.published / around.start)[:3].mean(axis=1), 0.4, atol=0.05)
    assert (around.published < around.start).all()


def test_a_minimum_is_returned_to_at_convergence(around):
    assert around.converged.all()
    assert around.returned[:3].all()
    assert (around.final[:3] < 1e-12).all()
    assert (around.label[:3] == "I(1)").all()
    assert not around.returned[3].any()
    assert (around.final[3] > 0.1).all()
    assert (around.label[3] == "global").any()
    for loss, label in zip(around.loss.ravel(), around.label.ravel(), strict=True):
        assert (loss < 1e-3) == (label == "global")


def test_the_published_time_is_a_thousand_small_steps(one_flipped):
    fate = perturb(one_flipped, np.eye(10), [0.1], 1, 3, steps=20, step=0.02, maximum_steps=5)
    assert fate.label.tolist() == [["unconverged"]]
    assert not fate.returned.any()
    whole = perturb(one_flipped, np.eye(10), [0.1], 1, 3, steps=20, step=0.02)
    np.testing.assert_array_equal(fate.published, whole.published)
    W = whole.weights[0, 0]
    assert np.linalg.norm(loss_gradient(W, np.eye(10))) < 1e-12
    assert whole.final[0, 0] == pytest.approx(np.sqrt(np.mean((W - one_flipped) ** 2)))


@pytest.mark.parametrize(("neuron", "loss", "label"), [(0, 0.0, "global"), (9, 0.017892655, "unmatched")])
def test_split_points_are_left(one_flipped, neuron, loss, label):
    fate = perturb(
        split(one_flipped, neuron, 0.5), np.eye(10), [1e-3, 1e-2], 3, 0, families=known_families(10)
    )
    assert (fate.label == label).all()
    np.testing.assert_allclose(fate.loss, loss, rtol=0, atol=1e-7)
    assert not fate.returned.any()
    assert (fate.final > 0.02).all()


def test_an_added_silent_unit_grows(one_flipped):
    fate = perturb(np.vstack([one_flipped, np.zeros(10)]), np.eye(10), [1e-4, 1e-2], 3, 0)
    assert (fate.published > 1.5 * fate.start).all()
    assert not fate.returned.any()


def test_flat_global_minima_keep_a_trace_of_the_noise():
    W = global_minimum(np.eye(4), [[0.4, 0.6], [1.0], [1.0], [1.0]])
    fate = perturb(W, np.eye(4), [1e-2], 4, 0)
    assert (fate.label == "global").all()
    assert (fate.final > 1e-4).all()
    assert (fate.final < 2e-2).all()


def test_noise_belongs_to_names(around, one_flipped):
    alone = perturb(one_flipped, np.eye(10), [0.1, 1e-2], 2, 0, families=known_families(10))
    for name in ("start", "published", "final", "loss", "label", "weights"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(around, name)[[2, 1], :2])
    other = perturb(one_flipped, np.eye(10), [1e-2], 2, 1)
    assert not np.array_equal(other.start[0], alone.start[1])


@pytest.mark.parametrize(
    ("weights", "teacher", "options", "message"),
    [
        (np.ones(3), np.eye(3), {}, "W must be a matrix"),
        (np.eye(3), np.full((3, 3), np.nan), {}, "V must be finite"),
        (np.eye(3), np.eye(4), {}, "same D"),
        (np.eye(3), np.eye(3), {"sigma": [0.0]}, "sigma must be positive"),
        (np.eye(3), np.eye(3), {"sigma": []}, "sigma must be positive"),
        (np.eye(3), np.eye(3), {"repeats": 0}, "repeats must be at least 1"),
        (np.eye(3), np.eye(3), {"steps": 0}, "steps must be at least 1"),
        (np.eye(3), np.eye(3), {"step": -1.0}, "step must be positive"),
    ],
)
def test_bad_arguments_are_named(weights, teacher, options, message):
    with pytest.raises(ValueError, match=message):
        perturb(
            **{"weights": weights, "teacher": teacher, "sigma": [0.1], "repeats": 1, "seed": 0, **options}
        )
