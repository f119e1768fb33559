"""mem(z) against planted rows; chance that has no bias where no row is special, also among unlike replicates."""

import numpy as np
import pytest

from companion.analysis.sample_memorisation import (
    drawn_memorisation,
    excess_variance,
    expected_memorisation,
    memorisation,
)

REPLICATES, ROWS = 64, 900


def drawn(noise, first, second, replicates=REPLICATES, rows=ROWS):
    """Answers with these probabilities on training and on other rows, (replicates or 1, rows or 1) each."""
    train = noise.random((replicates, rows)) < 0.5
    probability = np.where(train, first, second)
    return noise.random(train.shape) < probability, train


def test_hand_counted_rows():
    train = np.array([[1, 1, 0, 1], [1, 0, 1, 1], [0, 0, 0, 1]])
    correct = np.array([[1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 0, 1]])
    np.testing.assert_allclose(memorisation(correct, train), [0.5 - 1, 1 - 0.5, 1 - 0.5, np.nan])


def test_networks_that_know_only_their_own_rows_have_mem_one_and_generalisers_none():
    train = np.random.default_rng(0).random((REPLICATES, ROWS)) < 0.5
    np.testing.assert_array_equal(memorisation(train, train), 1)
    np.testing.assert_array_equal(memorisation(np.ones_like(train), train), 0)
    for correct in (train, np.ones_like(train)):
        assert excess_variance(correct, train) == (0, 0)


def test_binomial_variance_where_replicates_are_alike():
    noise = np.random.default_rng(1)
    correct, train = drawn(noise, 0.8, 0.3)
    n1, n0 = train.sum(axis=0), (~train).sum(axis=0)
    wanted = 0.8 * 0.2 / n1 + 0.3 * 0.7 / n0
    np.testing.assert_allclose(expected_memorisation(correct, train).variance, wanted, rtol=0.03)


@pytest.mark.parametrize("unlike", [False, True])
def test_no_excess_where_no_row_is_special(unlike):
    noise = np.random.default_rng(20)
    ratios = []
    for _ in range(100):
        late = noise.random((REPLICATES, 1))
        first, second = (0.5 + 0.5 * late, late) if unlike else (0.9, 0.4)
        observed, chance = excess_variance(*drawn(noise, first, second))
        ratios.append(observed / chance)
    error = np.std(ratios, ddof=1) / np.sqrt(len(ratios))
    assert abs(np.mean(ratios) - 1) < 4 * error and error < 0.01


def test_planted_differences_between_rows_come_back_as_excess():
    noise = np.random.default_rng(3)
    gain = noise.uniform(0.1, 0.5, ROWS)
    found = []
    for _ in range(20):
        observed, chance = excess_variance(*drawn(noise, 0.4 + gain, 0.4))
        found.append(observed - chance)
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    # Exchange of a row among unlike ones has its variance over rows too, which 64 replicates hardly see.
    assert np.mean(found) == pytest.approx(gain.var(ddof=1), abs=3.5 * error + gain.var() / 20)


def test_exchanged_answers_keep_accuracies_and_have_the_expected_variance():
    noise = np.random.default_rng(4)
    late = noise.random((40, 1))
    correct, train = drawn(noise, 0.5 + 0.5 * late, late, 40, 300)
    both = np.stack([correct, train])
    found = drawn_memorisation(both, train, 300, np.random.default_rng(5))
    expected = expected_memorisation(both, train)
    assert found.shape == (300, 2, 300)
    np.testing.assert_array_equal(found[:, 1], 0)
    np.testing.assert_allclose(found[:, 0].var(axis=0).mean(), expected.variance[0].mean(), rtol=0.02)
    assert np.abs(found[:, 0].mean(axis=0)).max() < 5 * np.sqrt(expected.variance[0].max() / 300)


def test_moments_are_leading_axes():
    noise = np.random.default_rng(6)
    correct, train = drawn(noise, 0.8, 0.2, 20, 50)
    both = np.stack([correct, ~correct])
    np.testing.assert_array_equal(memorisation(both, train)[0], memorisation(correct, train))
    np.testing.assert_allclose(memorisation(both, train)[1], -memorisation(correct, train), atol=1e-12)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="correct, train"):
        memorisation(np.zeros((3, 4)), np.zeros((4, 3)))
