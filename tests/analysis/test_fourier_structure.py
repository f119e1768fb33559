"""Spectra of embeddings: pure characters, Parseval, random embeddings, and permutations."""

import numpy as np
import pytest

from companion.analysis.fourier_structure import (
    additive_power,
    discrete_powers,
    multiplicative_power,
    participation,
    top_share,
)

P = 31


@pytest.mark.parametrize("frequency", [1, 7, 15])
def test_a_pure_character_has_one_frequency(frequency):
    angle = 2 * np.pi * frequency * np.arange(P) / P
    wave = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    power = additive_power(wave + 3.0)
    assert power[frequency - 1] == pytest.approx(1)
    in_order = np.zeros((P, 2))
    turn = 2 * np.pi * frequency * np.arange(P - 1) / (P - 1)
    in_order[discrete_powers(P)] = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    assert multiplicative_power(in_order)[frequency - 1] == pytest.approx(1)
    assert additive_power(in_order).max() < 0.5


def test_multiplying_numbers_moves_no_multiplicative_power():
    embedding = np.random.default_rng(0).standard_normal((P, 8))
    moved = embedding.copy()
    moved[1:] = embedding[(np.arange(1, P) * 3) % P]
    np.testing.assert_allclose(multiplicative_power(moved), multiplicative_power(embedding), atol=1e-12)
    assert np.abs(additive_power(moved) - additive_power(embedding)).max() > 0.01
    np.testing.assert_allclose(np.sort(additive_power(moved)), np.sort(additive_power(embedding)), atol=1e-12)


@pytest.mark.parametrize("power", [additive_power, multiplicative_power])
def test_shares_sum_to_one_and_random_embeddings_spread(power):
    found = power(np.random.default_rng(1).standard_normal((200, P, 32)))
    assert found.shape == (200, 15)
    np.testing.assert_allclose(found.sum(axis=-1), 1)
    # A frequency is two real waves, but for the last multiplicative one.
    expected = np.full(15, 2 / 30) if power is additive_power else np.append(np.full(14, 2 / 29), 1 / 29)
    np.testing.assert_allclose(found.mean(axis=0), expected, rtol=0.06)


@pytest.mark.parametrize("prime", [3, 5, 7, 31, 97])
def test_powers_of_a_root_are_all_units(prime):
    assert sorted(discrete_powers(prime)) == list(range(1, prime))


def test_summaries_of_flat_and_single_spectra():
    flat, single = np.full(15, 1 / 15), np.eye(15)[4]
    assert participation(flat) == pytest.approx(15) and participation(single) == 1
    assert top_share(flat) == pytest.approx(1 / 3) and top_share(single) == 1


@pytest.mark.parametrize(
    ("call", "size"), [(additive_power, 10), (multiplicative_power, 15), (discrete_powers, 1)]
)
def test_bad_sizes_are_named(call, size):
    with pytest.raises(ValueError, match=str(size)):
        call(size if call is discrete_powers else np.zeros((size, 3)))
