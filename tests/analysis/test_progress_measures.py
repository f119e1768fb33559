"""Key components against planted circuits, dense projections, and symmetries of the groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.analysis.progress_measures import (
    cross_entropy,
    frequency_shares,
    group_elements,
    half_rise,
    key_component,
    progress_losses,
    strongest,
)

P = 11
TABLE = np.stack(np.meshgrid(np.arange(P), np.arange(P), indexing="ij"), axis=-1).reshape(-1, 2)
RESULTS = {
    "add": (TABLE.sum(axis=1)) % P,
    "sub": (TABLE[:, 0] - TABLE[:, 1]) % P,
    "mul": TABLE.prod(axis=1) % P,
}


def circuit(operation, keys, amplitude=3.0):
    """Logits of a network that knows the operation through cosines at ``keys`` alone: right on every row."""
    elements, order = group_elements(operation, TABLE, P)
    place = np.full(P, -1)
    place[RESULTS[operation]] = elements  # the element of each class
    difference = elements[:, None] - place
    waves = sum(np.cos(2 * np.pi * key * difference / order) for key in keys)
    return np.where((elements[:, None] >= 0) & (place >= 0), amplitude * waves, 0.0)


@pytest.mark.parametrize("operation", ["add", "sub", "mul"])
def test_elements_name_the_answers_one_to_one(operation):
    elements, order = group_elements(operation, TABLE, P)
    there = elements >= 0
    pairs = set(zip(elements[there].tolist(), RESULTS[operation][there].tolist(), strict=True))
    assert len(pairs) == order == len({answer for _, answer in pairs})
    assert np.array_equal(there, (TABLE > 0).all(axis=1) if operation == "mul" else np.ones(len(TABLE), bool))
    assert np.bincount(elements[there]).tolist() == [order] * order


@pytest.mark.parametrize("operation", ["add", "sub", "mul"])
def test_a_planted_circuit_is_found_and_taken_out(operation):
    logits = circuit(operation, [2, 4])
    elements, order = group_elements(operation, TABLE, P)
    shares = frequency_shares(logits, elements, order)
    np.testing.assert_allclose(shares[[1, 3]], 0.5, atol=0.02)
    assert shares.sum() == pytest.approx(1)
    assert strongest(shares, 2).tolist() == [2, 4]
    part = key_component(logits, elements, order, [2, 4])
    there = elements >= 0
    rest = (logits - part)[there]
    np.testing.assert_allclose(rest - rest.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_array_equal(part[~there], 0)


def test_the_component_is_the_projection_on_cosines_and_sines():
    logits = np.random.default_rng(0).standard_normal((3, len(TABLE), P))
    elements, order = group_elements("add", TABLE, P)
    keys = np.array([[1, 5], [2, 3], [4, 5]])
    angle = 2 * np.pi * keys[:, None] * elements[:, None] / order  # (network, row, key)
    basis = np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)
    solution = np.stack(
        [np.linalg.lstsq(b, values, rcond=None)[0] for b, values in zip(basis, logits, strict=True)]
    )
    np.testing.assert_allclose(key_component(logits, elements, order, keys), basis @ solution, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["add", "sub", "mul"]))
def test_components_add_up_and_shares_ignore_what_no_answer_depends_on(seed, operation):
    noise = np.random.default_rng(seed)
    logits = noise.standard_normal((len(TABLE), P))
    elements, order = group_elements(operation, TABLE, P)
    keys = np.arange(1, order // 2 + 1)
    parts = [key_component(logits, elements, order, [key]) for key in keys]
    np.testing.assert_allclose(sum(parts), key_component(logits, elements, order, keys), atol=1e-10)
    shares = frequency_shares(logits, elements, order)
    shifted = logits + noise.standard_normal((len(TABLE), 1)) + noise.standard_normal(P)
    np.testing.assert_allclose(frequency_shares(shifted, elements, order), shares, atol=1e-10)
    # Noise has no business with s: n - 1 of the rows' degrees of freedom are functions of it.
    assert 0 < shares.sum() < 0.35


def test_restricted_and_excluded_losses_tell_a_circuit_from_rows_learned_by_heart():
    elements, order = group_elements("add", TABLE, P)
    train = np.random.default_rng(1).random(len(TABLE)) < 0.5
    by_heart = np.where(train[:, None], 20.0 * np.eye(P)[RESULTS["add"]], 0.0)
    rule = circuit("add", [1, 2, 3, 4, 5])
    logits = np.stack([rule, by_heart, rule + by_heart])
    keys = [1, 2, 3, 4, 5]
    restricted, excluded = progress_losses(logits, elements, order, keys, RESULTS["add"], train)
    assert restricted[0] < 1e-3 and restricted[2] < 1e-3
    # Without the keys nothing is left of the rule, and what was learned by heart is still there.
    assert excluded[0] == pytest.approx(np.log(P), abs=1e-6)
    assert excluded[1] < excluded[0] and cross_entropy(by_heart, RESULTS["add"])[train].max() < 1e-6


def test_losses_are_means_over_their_own_rows():
    elements, order = group_elements("mul", TABLE, P)
    logits = np.random.default_rng(2).standard_normal((len(TABLE), P))
    train = np.arange(len(TABLE)) % 3 == 0
    there = elements >= 0
    part = key_component(logits, elements, order, [3])
    found = progress_losses(logits, elements, order, [3], RESULTS["mul"], train)
    restricted = cross_entropy(logits[there].mean(axis=0) + part, RESULTS["mul"])[there & ~train].mean()
    excluded = cross_entropy(logits - part, RESULTS["mul"])[there & train].mean()
    np.testing.assert_allclose(found, [restricted, excluded])


def test_cross_entropy_of_even_and_of_huge_logits():
    assert cross_entropy(np.zeros((2, 7)), [3, 0]) == pytest.approx(np.log(7))
    assert cross_entropy([[1000.0, 0.0]], [1]) == pytest.approx(1000)


def test_half_of_the_rise():
    steps = [0, 10, 20, 30, 40, 50]
    rising = [0.4, 0.45, 0.65, 0.8, 0.8, 0.8]
    flat, falling, lost = [0.4] * 6, [0.4, 0.9, 0.4, 0.3, 0.3, 0.3], [0.4, np.nan, 0.8, 0.8, 0.8, 0.8]
    found, rise = half_rise(steps, [rising, flat, falling, lost], 0.2)
    np.testing.assert_array_equal(found, [20, np.inf, np.inf, np.nan])
    np.testing.assert_allclose(rise, [0.4, 0, -0.1, 0.4], atol=1e-12)
    assert half_rise(steps, rising, 0.39)[0] == 20 and half_rise(steps, rising, 0.41)[0] == np.inf


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: group_elements("max", TABLE, P), "operation"),
        (lambda: strongest([0.5, 0.5], 3), "power, count"),
        (lambda: strongest([0.5, np.nan], 1), "power, count"),
        (lambda: key_component(np.zeros((4, 2)), [0, 1, 2, 2], 3, [1]), "elements"),
        (lambda: key_component(np.zeros((3, 2)), [0, 1, 2], 3, [2]), "keys"),
        (lambda: frequency_shares(np.zeros((3, 2)), [0, 1], 2), "logits, elements"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
