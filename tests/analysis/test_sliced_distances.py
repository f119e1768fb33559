"""Sliced Wasserstein and kernel distances: against brute force and against laws that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance_nd

from companion.analysis.sliced_distances import (
    fixed_directions,
    median_bandwidth,
    mmd_squared,
    sliced_wasserstein,
)
from companion.compute.seeds import generator


def test_directions_are_unit_vectors_and_repeat():
    lines = fixed_directions(30, generator=generator(0, "lines"))
    assert lines.shape == (256, 30)
    np.testing.assert_allclose((lines**2).sum(axis=1), 1.0)
    np.testing.assert_array_equal(lines, fixed_directions(30, generator=generator(0, "lines")))
    # Uniform: the mean of v vᵀ is the identity over d.
    many = fixed_directions(4, 40_000, generator=generator(0, "many"))
    np.testing.assert_allclose(many.T @ many / 40_000, np.eye(4) / 4, atol=0.01)


def test_a_shift_is_its_mean_projection():
    cloud = generator(0, "cloud").standard_normal((50, 6))
    lines = fixed_directions(6, generator=generator(0, "lines"))
    shift = np.array([3.0, 0, 0, 4.0, 0, 0])
    wanted = np.sqrt(((lines @ shift) ** 2).mean())
    np.testing.assert_allclose(sliced_wasserstein(cloud, cloud + shift, lines), wanted, rtol=1e-12)
    assert wanted == pytest.approx(5 / np.sqrt(6), rel=0.1)
    assert sliced_wasserstein(cloud, cloud[::-1], lines) == 0.0


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
def test_clouds_of_different_size_are_coupled_by_quantiles(n, m, seed):
    draws = np.random.default_rng(seed)
    a, b = draws.standard_normal((n, 1)), draws.standard_normal((m, 1))
    # Copies of both up to a common size leave the clouds as they are, and then sorting couples them.
    equal = [np.sort(np.repeat(cloud, copies, axis=0), axis=0) for cloud, copies in ((a, m), (b, n))]
    wanted = np.sqrt(((equal[0] - equal[1]) ** 2).mean())
    np.testing.assert_allclose(sliced_wasserstein(a, b, [[1.0]]), wanted, rtol=1e-10, atol=1e-12)


def test_it_never_exceeds_the_wasserstein_distance():
    draws = generator(0, "bound")
    a, b = draws.standard_normal((20, 3)), draws.standard_normal((20, 3)) + 1
    lines = fixed_directions(3, generator=draws)
    from scipy.optimize import linear_sum_assignment

    costs = ((a[:, None] - b) ** 2).sum(axis=2)
    exact = np.sqrt(costs[linear_sum_assignment(costs)].mean())
    assert wasserstein_distance_nd(a, b) <= exact  # W_1 below W_2: the assignment is the right one
    assert 0 < sliced_wasserstein(a, b, lines) < exact


def test_leading_axes():
    draws = generator(0, "leading")
    a, b = draws.standard_normal((2, 3, 11, 4)), draws.standard_normal((7, 4))
    lines = fixed_directions(4, 16, generator=draws)
    sliced, kernel = sliced_wasserstein(a, b, lines), mmd_squared(a, b, 1.5)
    assert sliced.shape == kernel.shape == (2, 3)
    for place in np.ndindex(2, 3):
        np.testing.assert_allclose(sliced[place], sliced_wasserstein(a[place], b, lines))
        np.testing.assert_allclose(kernel[place], mmd_squared(a[place], b, 1.5), atol=1e-14)


def brute_mmd(a, b, width):
    def kernel(x, y):
        return np.exp(-((x[:, None] - y) ** 2).sum(axis=2) / (2 * width**2))

    within = [
        kernel(x, x)[~np.eye(len(x), dtype=bool)].mean()  # pairs of different points only
        for x in (a, b)
    ]
    return sum(within) - 2 * kernel(a, b).mean()


def test_mmd_is_the_double_sum_far_from_the_origin_too():
    draws = generator(0, "mmd")
    a, b = draws.standard_normal((40, 5)), 1.3 * draws.standard_normal((30, 5)) + 0.3
    for offset in (0.0, 1e3):
        found = mmd_squared(a + offset, b + offset, 2.0)
        assert float(found) == pytest.approx(brute_mmd(a, b, 2.0), rel=1e-8)


def test_mmd_is_unbiased():
    draws = generator(0, "unbiased")
    same = mmd_squared(draws.standard_normal((4000, 12, 2)), draws.standard_normal((4000, 9, 2)), 1.0)
    assert abs(same.mean()) < 4 * same.std() / np.sqrt(same.size)
    assert same.min() < 0
    # Gaussians at distance m: E k = (h²/(h²+2))^(d/2) e^(-m²/2(h²+2)), so that MMD² = 2 (1/3) (1 - e^(-m²/6)).
    there, here = draws.standard_normal((4000, 12, 2)), draws.standard_normal((4000, 9, 2))
    moved = mmd_squared(there, here + np.array([2.0, 0.0]), 1.0)
    wanted = 2 / 3 * (1 - np.exp(-4 / 6))
    assert moved.mean() == pytest.approx(wanted, abs=4 * moved.std() / np.sqrt(moved.size))


def test_blocks_do_not_matter(monkeypatch):
    draws = generator(0, "blocks")
    a, b = draws.standard_normal((31, 3)), draws.standard_normal((20, 3))
    whole = mmd_squared(a, b, 1.0)
    monkeypatch.setattr("companion.analysis.sliced_distances._BLOCK", 40)
    np.testing.assert_allclose(mmd_squared(a, b, 1.0), whole, rtol=1e-12)


def test_median_distance():
    assert median_bandwidth([[0.0], [1.0], [3.0]]) == 2.0
    many = generator(0, "median").standard_normal((5000, 200))
    assert median_bandwidth(many) == pytest.approx(20.0, rel=0.01)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="directions"):
        sliced_wasserstein(np.ones((3, 2)), np.ones((3, 2)), np.ones((5, 3)))
    with pytest.raises(ValueError, match="samples"):
        mmd_squared(np.ones((3, 2)), np.ones((3, 3)), 1.0)
    with pytest.raises(ValueError, match="two points"):
        mmd_squared(np.ones((1, 2)), np.ones((3, 2)), 1.0)
    with pytest.raises(ValueError, match="bandwidth"):
        mmd_squared(np.ones((3, 2)), np.ones((3, 2)), 0.0)
    with pytest.raises(ValueError, match="images"):
        median_bandwidth([[1.0]])
