"""Attribution curves: limits, detailed balance, and points drawn in all d coordinates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compute.seeds import generator
from companion.theory.attribution import Attribution, normalised
from companion.theory.class_posterior import GaussianClasses

TIMES = np.array([0.05, 0.6, 1.1, 1.7, 2.5, 9.0])
RARE = GaussianClasses((0.49, 0.49, 0.02), (1.2, 0.8, 1.0), np.sqrt(32) * np.eye(3, 32))


def test_curves_fall_from_certainty_to_the_weights():
    far = GaussianClasses(RARE.weights, RARE.standard_deviations, 3 * RARE.centroids)
    curves = Attribution(far, generator(1, "limits")).curves(np.array([1e-4, *TIMES, 30.0]))
    np.testing.assert_allclose(curves[0], 1.0, atol=1e-12)
    np.testing.assert_allclose(curves[-1], far.weights, atol=1e-12)
    assert (np.diff(curves, axis=0) < 1e-4).all()
    assert (curves >= far.weights - 1e-4).all()


def test_reduced_points_have_the_law_of_whole_points():
    found = Attribution(RARE, generator(2, "whole")).matrix(TIMES)
    draws = generator(3, "whole")
    for place, time in enumerate(TIMES):
        for label in range(3):
            points = RARE.noised(label, time, draws.standard_normal((40_000, 32)))
            posterior = RARE.posterior(points, time)
            error = posterior.std(axis=0) / np.sqrt(len(posterior))
            assert (np.abs(posterior.mean(axis=0) - found[place, label]) < 4 * error + 1e-3).all()


def test_two_classes_share_one_normalised_curve():
    two = GaussianClasses((0.9, 0.1), (1.3, 0.8), 8 * np.eye(2, 64))
    curves = Attribution(two, generator(4, "balance"), 2**16).curves(np.linspace(0.3, 3.0, 12))
    both = normalised(curves, two.weights)
    np.testing.assert_allclose(both[:, 0], both[:, 1], atol=2e-3)


def test_detailed_balance_needs_no_imposing_but_saves_the_rare():
    attribution = Attribution(RARE, generator(5, "balance"), 2**15)
    plain, balanced = attribution.matrix(TIMES), attribution.balanced_matrix(TIMES)
    joint = RARE.weights[:, None] * plain
    np.testing.assert_allclose(joint, np.swapaxes(joint, 1, 2), atol=2e-4)
    np.testing.assert_allclose(balanced, plain, atol=1e-2)
    joint = RARE.weights[:, None] * balanced
    np.testing.assert_allclose(joint, np.swapaxes(joint, 1, 2), rtol=1e-12)
    np.testing.assert_allclose(balanced.sum(axis=2), 1.0, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_only_the_geometry_counts(seed):
    draws = np.random.default_rng(seed)
    rotation = np.linalg.qr(draws.normal(size=(6, 6)))[0]
    centres = draws.normal(size=(3, 6))
    weights, deviations = draws.dirichlet(np.full(3, 5.0)), draws.uniform(0.3, 2.0, 3)
    moved = GaussianClasses(weights, deviations, centres @ rotation + draws.normal(size=6))
    still = GaussianClasses(weights, deviations, centres)
    curves = [Attribution(each, generator(6, "geometry"), 2**12).curves(TIMES) for each in (moved, still)]
    np.testing.assert_allclose(*curves, atol=0.02)


def test_dimension_costs_nothing():
    wide = GaussianClasses((0.5, 0.5), (1.0, 1.0), 1e3 * np.eye(2, 1_000))
    thin = GaussianClasses((0.5, 0.5), (1.0, 1.0), 1e3 * np.eye(2, 2))
    wide, thin = (Attribution(each, generator(7, "d"), 2**14).curves([6.0, 6.5]) for each in (wide, thin))
    np.testing.assert_allclose(wide, thin, atol=2e-3)


def test_one_place_for_all_classes_is_allowed():
    nested = GaussianClasses((0.5, 0.5), (1.3, 0.7), np.zeros((2, 64)))
    curves = Attribution(nested, generator(8, "nested")).curves([0.01, 0.645, 8.0])
    np.testing.assert_allclose(curves[:, 0], [1.0, 0.75, 0.5], atol=0.01)


def test_points_come_in_powers_of_two():
    with pytest.raises(ValueError, match="samples: 1000 given"):
        Attribution(RARE, generator(0, "x"), 1000)
