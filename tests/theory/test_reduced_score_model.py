"""The reduced model: exact against a matrix exponential, and the limit of the full equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from companion.analysis.timescales import gen_passage
from companion.theory.mixtures import Mixture
from companion.theory.reduced_score_model import (
    ReducedModel,
    gain_overlaps,
    passage_times,
    reduced_losses,
)
from companion.theory.score_losses import flow_losses

THREE = Mixture((0.5, 0.3, 0.2), (1.3, 1.0, 0.6), ((1, 0.2, 0), (0.2, 2, 0.3), (0, 0.3, 0.5)))


def equal_norms(
    share: float, deviations=(1.2, 0.8), norm: float = 16.0, cosine: float = 0.0, time: float = 0.5
):
    off = norm * cosine
    return Mixture((share, 1 - share), deviations, ((norm, off), (off, norm)), time)


@pytest.mark.parametrize("class_weights", [None, (0.1, 0.1, 0.8), (1.0, 0.0, 0.5)])
def test_losses_are_those_of_the_linear_equations(class_weights):
    weights = THREE.pi if class_weights is None else np.array(class_weights)
    target = np.sqrt(THREE.noise_variance) / THREE.total_variances
    generator = -16 * gain_overlaps(THREE) * (weights * THREE.total_variances)
    for time in (0.03, 0.5, 20.0):
        theta = target - expm(time * generator) @ target
        expected = 1 - 2 * np.sqrt(THREE.noise_variance) * theta + THREE.total_variances * theta**2
        found = reduced_losses([time], THREE, 16, class_weights=class_weights)[0]
        np.testing.assert_allclose(found, expected, atol=1e-8)


def test_ends_of_training():
    start, end = reduced_losses([0.0, np.inf], THREE, 16)
    np.testing.assert_allclose(start, 1.0, rtol=1e-12)
    np.testing.assert_allclose(end, THREE.bayes_losses, rtol=1e-12)


def test_without_centroids_one_map_serves_all_classes():
    # One mode alone relaxes: θ is common to all classes and ends where it is best on average.
    mixture = Mixture((0.5, 0.5), (1.5, 0.5))
    gains, root = np.sqrt(np.diag(gain_overlaps(mixture))), np.sqrt(mixture.noise_variance)
    pull = mixture.pi * gains
    theta = gains * root * pull.sum() / (pull * gains @ mixture.total_variances)
    expected = 1 - 2 * root * theta + mixture.total_variances * theta**2
    np.testing.assert_allclose(reduced_losses([np.inf], mixture, 16)[0], expected, rtol=1e-9)
    assert passage_times(mixture, 16, 0.9)[1] == np.inf


@pytest.mark.parametrize("activation", ["tanh", "erf", "relu"])
def test_overlaps_agree_with_sampling(activation):
    mixture = Mixture((0.5, 0.5), (1.5, 0.5), ((4, 1.5), (1.5, 1)), 0.2, activation)
    rng = np.random.default_rng(1)
    size = 400_000
    shared = rng.multivariate_normal([0, 0], mixture.contraction**2 * mixture.gram, size)
    own = [
        shared[:, c, None] + np.sqrt(mixture.total_variances[c]) * rng.standard_normal((size, 2))
        for c in (0, 1)
    ]
    slope = {
        "tanh": lambda x: 1 - np.tanh(x) ** 2,
        "erf": lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2)),
        "relu": lambda x: (x > 0).astype(float),
    }[activation]
    exact = gain_overlaps(mixture)
    for a, b in ((0, 0), (0, 1), (1, 1)):
        draws = slope(own[a][:, 0]) * slope(own[b][:, 1])
        assert abs(draws.mean() - exact[a, b]) < 5 * draws.std() / np.sqrt(size)


def test_relu_overlaps_are_angles():
    mixture = Mixture((0.5, 0.5), (1.5, 0.5), ((4, 1.5), (1.5, 1)), 0.2, "relu")
    fields = mixture.contraction**2 * mixture.gram
    deviations = np.sqrt(np.diag(fields) + mixture.total_variances)
    angles = np.arccos(fields / np.outer(deviations, deviations))
    np.testing.assert_allclose(gain_overlaps(mixture), (np.pi - angles) / (2 * np.pi), rtol=1e-9)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_passage_times_are_where_the_losses_are(share):
    times = passage_times(THREE, 16, share)
    goal = 1 - share * (1 - THREE.bayes_losses)
    np.testing.assert_allclose(np.diag(reduced_losses(times, THREE, 16)), goal, rtol=1e-10)
    # They are the first such times.
    grid = np.geomspace(1e-4, 100, 4001)
    coarse = gen_passage(grid, reduced_losses(grid, THREE, 16).T, 1 - THREE.bayes_losses, share)
    np.testing.assert_allclose(times, coarse, rtol=1e-4)


def test_many_mixtures_at_once_are_each_on_their_own():
    many = [equal_norms(share) for share in (0.5, 0.2, 0.1, 0.05)]
    together = ReducedModel(many, 16)
    for index, mixture in enumerate(many):
        np.testing.assert_array_equal(together.passage_times()[index], passage_times(mixture, 16))
        np.testing.assert_array_equal(
            together.losses([0.1, 1.0])[index], reduced_losses([0.1, 1.0], mixture, 16)
        )


def test_the_order_reverses_where_exposure_is_low_and_profiles_are_distinct():
    first = ReducedModel([equal_norms(share) for share in (0.5, 0.1)], 16).passage_times()
    assert first[0, 0] < first[0, 1]
    assert first[1, 0] > first[1, 1]
    # Not without centroids, nor with antipodal ones.
    for mixture in (equal_norms(0.1, norm=0.0), equal_norms(0.1, cosine=-1.0)):
        times = passage_times(mixture, 16)
        assert times[0] < times[1]


def test_full_equations_with_much_data_and_many_features_come_near():
    mixture = equal_norms(0.3)
    times = np.geomspace(1e-3, 1.0, 9)
    distance = []
    for ratio in (32, 128):
        _, test = flow_losses(times * 16 / ratio, mixture, 40 * ratio, ratio)
        distance.append(np.abs(test - reduced_losses(times * 16 / ratio, mixture, ratio)).max())
    assert distance[1] < 0.4 * distance[0]
    assert distance[1] < 0.02


@settings(max_examples=20, deadline=None)
@given(
    st.floats(0.05, 0.95),
    st.floats(0.2, 2.0),
    st.floats(0.0, 9.0),
    st.floats(-1.0, 1.0),
    st.floats(0.02, 1.0),
)
def test_swapping_classes_swaps_losses_and_more_features_only_speed_up(share, other, norm, cosine, time):
    one = equal_norms(share, (1.0, other), norm, cosine, time)
    two = equal_norms(1 - share, (other, 1.0), norm, cosine, time)
    times = [0.01, 0.3, 7.0]
    losses = reduced_losses(times, one, 8)
    np.testing.assert_allclose(losses, reduced_losses(times, two, 8)[:, ::-1], atol=1e-7)
    np.testing.assert_allclose(losses, reduced_losses(np.array(times) / 4, one, 32), atol=1e-10)
    total = reduced_losses(np.geomspace(1e-3, 100, 60), one, 8) @ one.pi
    assert (np.diff(total) < 1e-9).all()


def test_directions_of_one_kind_make_no_difference():
    plain = equal_norms(0.3)
    spread = Mixture(
        plain.weights, plain.standard_deviations, plain.centroid_gram, 0.5, spectrum=((2, 2), (2, 2))
    )
    times = [0.1, 1.0]
    np.testing.assert_allclose(
        reduced_losses(times, spread, 16), reduced_losses(times, plain, 16), rtol=1e-12
    )
    wide = Mixture(
        plain.weights, plain.standard_deviations, plain.centroid_gram, 0.5, spectrum=((3, 1), (1, 1))
    )
    end = reduced_losses([np.inf], wide, 16)[0]
    np.testing.assert_allclose(end, wide.bayes_losses, rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reduced_losses([-1.0], THREE, 16), "times"),
        (lambda: reduced_losses([1.0], THREE, 0), "feature_ratio: 0"),
        (lambda: reduced_losses([1.0], THREE, 16, class_weights=(1, 1)), "class_weights"),
        (lambda: reduced_losses([1.0], THREE, 16, class_weights=(0, 0, 0)), "class_weights"),
        (lambda: passage_times(THREE, 16, 1.0), "share: 1.0"),
        (lambda: ReducedModel([THREE, equal_norms(0.5)], 16), "mixtures"),
        (lambda: ReducedModel([], 16), "mixtures"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
