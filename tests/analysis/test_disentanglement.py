"""Measures of disentanglement know perfect codes, turned ones and useless ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from companion.analysis.disentanglement import (
    Importances,
    active_latents,
    factor_information,
    importances,
    mutual_information_gap,
)
from companion.datasets.sprites import sprites


@pytest.fixture(scope="module")
def factors():
    return sprites("sprites-3").factors()


@pytest.fixture(scope="module")
def oracle(factors):
    return (factors - factors.mean(axis=0)) / factors.std(axis=0)


def score(codes, factors, seed=0):
    return importances(codes, factors, np.random.default_rng(seed))


def test_the_oracle_code_is_perfect(oracle, factors):
    assert float(mutual_information_gap(oracle, factors)) == pytest.approx(1.0, abs=1e-9)
    found = score(oracle, factors)
    assert (found.disentanglement, found.completeness, found.informativeness) == pytest.approx((1, 1, 1))


def test_latents_beside_a_perfect_code_change_little(oracle, factors):
    noise = np.random.default_rng(0).normal(size=(720, 2))
    found = score(np.hstack([oracle, noise]), factors)
    assert found.disentanglement > 0.99 and found.completeness > 0.99 and found.informativeness > 0.99
    assert float(mutual_information_gap(np.hstack([oracle, noise]), factors)) > 0.85


@pytest.mark.parametrize("seed", range(5))
def test_a_turned_code_is_entangled(oracle, factors, seed):
    turned = oracle @ ortho_group.rvs(3, random_state=np.random.default_rng(seed))
    assert float(mutual_information_gap(turned, factors)) < 0.6
    found = score(turned, factors)
    assert found.disentanglement < 0.4
    # It still tells the factors better than a guess.
    assert found.informativeness > 0.4


def test_noise_tells_nothing(factors):
    codes = np.random.default_rng(1).normal(size=(720, 4))
    assert float(mutual_information_gap(codes, factors)) < 0.03
    found = score(codes, factors)
    assert found.informativeness < 0.2 and found.disentanglement < 0.05


def test_information_against_a_direct_sum(factors):
    """Two latents, one factor of two values: counts made by hand."""
    code = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    truth = np.array([[0], [0], [1], [1]])
    np.testing.assert_allclose(factor_information(code, truth, bins=2), [[1.0], [0.0]], atol=1e-12)
    three = np.array([[0.0], [0.0], [0.0], [1.0]])
    joint = 0.5 * np.log(0.5 / (0.75 * 0.5)) + 0.25 * np.log(0.25 / (0.75 * 0.5)) + 0.25 * np.log(2)
    np.testing.assert_allclose(factor_information(three, truth, bins=2), [[joint / np.log(2)]], rtol=1e-12)


@given(st.permutations(range(3)), st.lists(st.sampled_from([-2.0, -0.5, 3.0]), min_size=3, max_size=3))
def test_order_sign_and_scale_of_latents_do_not_matter(order, scales):
    rng = np.random.default_rng(0)
    truth = sprites("sprites-3", 4, (3, 4, 4)).factors()
    codes = truth @ rng.normal(size=(3, 3)) + 0.1 * rng.normal(size=(48, 3))
    whole = float(mutual_information_gap(codes, truth))
    # Equal bins turn over with the sign, up to the codes that lie on an edge.
    assert float(mutual_information_gap(codes[:, order] * scales, truth)) == pytest.approx(whole, abs=0.05)


def test_leading_axes_are_free(oracle, factors):
    rng = np.random.default_rng(2)
    codes = oracle @ rng.normal(size=(2, 4, 3, 5))
    found = mutual_information_gap(codes, factors)
    assert found.shape == (2, 4)
    assert factor_information(codes, factors).shape == (2, 4, 5, 3)
    assert found[1, 2] == mutual_information_gap(codes[1, 2], factors)


def test_missing_and_dead_codes(oracle, factors):
    codes = np.stack([oracle, np.full_like(oracle, np.nan), np.zeros_like(oracle)])
    codes[1, 0] = 0.0
    gap = mutual_information_gap(codes, factors)
    assert gap[0] == pytest.approx(1) and np.isnan(gap[1]) and gap[2] == 0
    broken = score(codes[1], factors)
    assert np.isnan([broken.disentanglement, broken.completeness, broken.informativeness]).all()
    dead = score(codes[2], factors)
    assert np.isnan(dead.disentanglement) and dead.informativeness < 0.25


def test_matrices_whose_measures_are_known():
    accuracy = np.ones(2)
    even = Importances(np.full((2, 2), 0.5), accuracy)
    assert (even.disentanglement, even.completeness) == pytest.approx((0, 0))
    # One latent knows all: each factor has a single latent, that latent has both factors.
    single = Importances(np.array([[1.0, 1.0], [0.0, 0.0]]), accuracy)
    assert (single.disentanglement, single.completeness) == pytest.approx((0, 1))
    # Weights: a latent of weight 3/4 with H/log 2 = 0, one of 1/4 with both alike.
    mixed = Importances(np.array([[1.5, 0.0], [0.25, 0.25]]), accuracy)
    assert mixed.disentanglement == pytest.approx(0.75)


def test_the_generator_decides(oracle, factors):
    codes = oracle @ np.random.default_rng(3).normal(size=(3, 3))
    first, again, other = (score(codes, factors, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.matrix, again.matrix)
    assert (first.matrix != other.matrix).any()


def test_active_latents_are_counted():
    found = active_latents([[0.2, 0.05, 0.11], [0.0, 0.0, 0.1], [0.2, np.nan, 0.2]])
    np.testing.assert_array_equal(found, [2, 0, np.nan])


@pytest.mark.parametrize(
    ("codes", "truth", "options", "said"),
    [
        (np.zeros((3, 2)), [[0], [1]], {}, r"codes: shape \(3, 2\) given; allowed: \(..., 2, latents\)"),
        (np.zeros(2), [[0], [1]], {}, "codes"),
        (np.zeros((2, 2)), [0, 1], {}, "factors"),
        (np.zeros((2, 2)), [[0.5], [1.0]], {}, "factors"),
        (np.zeros((2, 2)), [[-1], [1]], {}, "factors"),
        (np.zeros((2, 2)), [[0], [1]], {"bins": 1}, "bins: 1 given"),
    ],
)
def test_bad_input_is_named(codes, truth, options, said):
    with pytest.raises(ValueError, match=said):
        factor_information(codes, truth, **options)


def test_bad_forests_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="trees, depth: 0, 10 given"):
        importances(np.zeros((4, 2)), np.zeros((4, 1), int), rng, trees=0)
    with pytest.raises(ValueError, match="codes: shape"):
        importances(np.zeros((2, 4, 2)), np.zeros((4, 1), int), rng)
