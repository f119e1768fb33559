"""Sparse parity and the Hamming mixture against all inputs, at all biases; fresh examples, equal for equal seeds."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compute.seeds import generator
from companion.datasets.sparse_parity import (
    EQUALS,
    HammingMixture,
    SparseParity,
    hamming_mixture,
    sparse_parity,
)

BIASES = st.floats(0.02, 0.98)


def every(bits):
    return np.array(list(product([0, 1], repeat=bits)))


def law(bits, bias):
    """Probability of each input under the product measure."""
    return np.where(every(bits) == 1, bias, 1 - bias).prod(axis=1)


@given(st.integers(1, 8), st.data(), st.integers(0, 1000))
def test_parity_of_the_hidden_bits(bits, data, seed):
    hidden = data.draw(st.integers(1, bits))
    task = sparse_parity(bits, hidden, seed=seed)
    assert len(set(task.hidden)) == hidden
    assert set(task.hidden) <= set(range(bits))
    expected = [sum(row[position] for position in task.hidden) % 2 for row in every(bits).tolist()]
    assert task.answers(every(bits)).tolist() == expected


@given(st.integers(2, 8), st.data(), st.floats(0.01, 0.49), st.integers(0, 1000))
def test_hamming_mixture_case_by_case(bits, data, threshold, seed):
    hidden = data.draw(st.integers(1, bits // 2))
    task = hamming_mixture(bits, hidden, threshold=threshold, seed=seed)
    assert len(set(task.first) | set(task.second)) == 2 * hidden
    for row, answer in zip(every(bits).tolist(), task.answers(every(bits)).tolist(), strict=True):
        ones = sum(row)
        if ones <= threshold * bits:
            counted = task.first
        elif ones <= bits / 2:
            counted = task.second
        else:
            counted = (*task.first, *task.second)
        assert answer == sum(row[position] for position in counted) % 2


@given(BIASES, st.integers(0, 50))
def test_chance_levels_against_all_inputs(bias, seed):
    for task in (
        sparse_parity(7, 3, seed=seed),
        sparse_parity(7, 4, seed=seed),
        hamming_mixture(7, 2, seed=seed),
        hamming_mixture(8, 2, seed=seed),  # with inputs at the threshold itself
        hamming_mixture(8, 3, threshold=0.3, seed=seed),
    ):
        one = law(task.bits, bias) @ task.answers(every(task.bits))
        assert task.chance_level(bias) == pytest.approx(max(one, 1 - one), abs=1e-12)
    assert sparse_parity(12, 4, seed=seed).chance_level() == 0.5


def test_a_hidden_bit_tells_of_the_parity_off_the_uniform_measure_only():
    """Covariance of one hidden sign with the parity is (1 - 2q)^(k-1) 4 q (1 - q): why a curriculum can help."""
    task = sparse_parity(8, 4, seed=0)
    signs, parity = 1 - 2 * every(8), 1 - 2 * task.answers(every(8))
    for bias in (0.5, 0.85):
        weights = law(8, bias)
        means = weights @ signs
        covariance = (weights * parity) @ signs - (weights @ parity) * means
        expected = np.zeros(8)
        expected[list(task.hidden)] = (1 - 2 * bias) ** 3 * 4 * bias * (1 - bias)
        np.testing.assert_allclose(covariance, expected, atol=1e-12)


def test_the_mixture_shows_another_parity_at_another_bias():
    task = hamming_mixture(40, 3, threshold=0.25, seed=0)
    parts = {
        0.05: SparseParity(40, task.first),
        0.38: SparseParity(40, task.second),
        0.8: SparseParity(40, task.first + task.second),
    }
    for bias in parts:
        tokens, answers = task.sample(generator(0, "mixture"), 4000, bias=bias)
        agreement = {key: (other.answers(tokens[:, :-1]) == answers).mean() for key, other in parts.items()}
        assert agreement[bias] > 0.9
        assert max(agreement, key=agreement.__getitem__) == bias


@settings(max_examples=20)
@given(bias=BIASES, seed=st.integers(0, 1000))
def test_examples_are_bits_of_that_bias_and_their_answers(bias, seed):
    for task in (sparse_parity(12, 4, seed=seed), hamming_mixture(12, 3, seed=seed)):
        tokens, answers = task.sample(generator(seed, "bits"), 2000, bias=bias)
        assert tokens.shape == (2000, 13) == (2000, task.positions)
        assert tokens.dtype == answers.dtype == np.int64
        assert (tokens[:, -1] == EQUALS).all()
        bits = tokens[:, :-1]
        assert set(np.unique(bits)) <= {0, 1}
        deviation = np.sqrt(bias * (1 - bias))
        assert abs(bits.mean() - bias) < 6 * deviation / np.sqrt(24000)
        assert np.abs(bits.mean(axis=0) - bias).max() < 6 * deviation / np.sqrt(2000)
        np.testing.assert_array_equal(answers, task.answers(bits))


def test_equal_seeds_equal_bytes_and_fresh_examples():
    task = sparse_parity(12, 4, seed=0)
    first, again = (task.sample(generator(7, "draw"), 50, bias=0.85) for _ in range(2))
    assert [array.tobytes() for array in first] == [array.tobytes() for array in again]
    draws = generator(7, "draw")
    one, two = task.sample(draws, 50)[0], task.sample(draws, 50)[0]
    assert (one != two).any()
    # From one generator, a larger bias turns further bits to 1 and none back.
    low, high = (task.sample(generator(7, "draw"), 50, bias=bias)[0] for bias in (0.5, 0.85))
    assert (high >= low).all()
    assert (high > low).any()


def test_hidden_positions_belong_to_the_seed_and_the_replicate():
    assert sparse_parity(20, 4, seed=1) == sparse_parity(20, 4, seed=1)
    found = {sparse_parity(20, 4, seed=1, replicate=replicate).hidden for replicate in range(20)}
    assert len(found) > 15
    assert set(sparse_parity(20, 3, seed=1).hidden) < set(sparse_parity(20, 4, seed=1).hidden)
    assert hamming_mixture(20, 4, seed=1).first == sparse_parity(20, 4, seed=1).hidden


def test_descriptions_and_sizes():
    task = sparse_parity(12, 4, seed=0)
    assert (task.vocabulary, task.classes, task.positions, task.pad_token) == (3, 2, 13, -1)
    assert task.description() == "parity of 4 hidden of 12 bits"
    assert "by the number of ones among 12" in hamming_mixture(12, 4, seed=0).description()
    assert hash(HammingMixture(4, (0,), (1,))) == hash(HammingMixture(4, (0,), (1,)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sparse_parity(4, 5, seed=0), "hidden: 5 given; allowed: a whole number from 1 to 4"),
        (lambda: sparse_parity(0, 1, seed=0), "bits: 0 given"),
        (lambda: hamming_mixture(5, 3, seed=0), "hidden: 3 given; allowed: a whole number from 1 to 2"),
        (lambda: hamming_mixture(5, 2, threshold=0.5, seed=0), "threshold: 0.5 given"),
        (lambda: sparse_parity(4, 2, seed=0).sample(generator(0), 5, bias=1.0), "bias: 1.0 given"),
        (lambda: sparse_parity(4, 2, seed=0).sample(generator(0), 5, bias=float("nan")), "bias: nan given"),
        (lambda: sparse_parity(4, 2, seed=0).sample(generator(0), 0), "rows: 0 given"),
        (lambda: sparse_parity(4, 2, seed=0).chance_level(0.0), "bias: 0.0 given"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
