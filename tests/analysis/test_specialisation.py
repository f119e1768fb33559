"""Measures of specialisation and forgetting: known values, invariances, missing numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from companion.analysis import specialisation as measures

amounts = arrays(float, (3, 4), elements=st.floats(1e-6, 10.0))
signs = arrays(float, (3, 4), elements=st.sampled_from([-1.0, 1.0]))


def test_contributions_are_readout_times_norm():
    Q = np.array([[4.0, 1.0], [1.0, 9.0]])
    np.testing.assert_allclose(measures.contributions([-0.5, 2.0], Q), [1.0, 6.0])
    stacked = measures.contributions(np.ones((5, 2)), np.broadcast_to(Q, (5, 2, 2)))
    np.testing.assert_allclose(stacked, np.tile([2.0, 3.0], (5, 1)))


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1, 0.0), (4, 0.2781), (9, 0.5310), (16, 0.6772), (1e4, 0.9985)]
)
def test_usage_of_two_units_by_their_ratio(ratio, expected):
    assert measures.usage_specialisation([1.0, ratio]) == pytest.approx(expected, abs=1e-4)


def test_usage_ends_at_one_and_at_zero():
    assert measures.usage_specialisation([0.0, 3.0, 0.0]) == 1.0
    assert measures.usage_specialisation([0.1] * 7) == pytest.approx(0.0, abs=1e-15)
    assert measures.usage_specialisation([0.1] * 7) >= 0.0


@given(amounts)
def test_usage_knows_neither_size_nor_order(found):
    usage = measures.usage_specialisation(found)
    assert usage.shape == (3,)
    assert ((usage >= 0) & (usage <= 1)).all()
    np.testing.assert_allclose(measures.usage_specialisation(7.0 * found[:, ::-1]), usage, atol=1e-12)


@given(amounts)
def test_evening_out_lowers_the_usage(found):
    mixed = 0.7 * found + 0.3 * found.mean(axis=-1, keepdims=True)
    lower, higher = measures.usage_specialisation(mixed), measures.usage_specialisation(found)
    assert (lower <= higher + 1e-12).all()


@given(amounts, signs)
def test_readout_entropy_is_what_is_left_of_usage(found, sign):
    entropy = measures.readout_entropy(found * sign)
    np.testing.assert_allclose(entropy, 1 - measures.usage_specialisation(found), atol=1e-12)


def test_readout_entropies_of_two_units():
    angles = np.array([0, 0.1, 0.2, 0.4, 0.6, np.pi / 4])
    found = measures.readout_entropy(np.stack([np.cos(angles), np.sin(angles)], axis=-1))
    np.testing.assert_allclose(found, [0, 0.44, 0.65, 0.88, 0.97, 1], atol=6e-3)


def test_no_contribution_is_no_number():
    assert np.isnan(measures.usage_specialisation([0.0, 0.0]))
    assert np.isnan(measures.usage_specialisation([1.0]))
    assert np.isnan(measures.selectivity([1.0, 1.0], np.eye(2), np.ones((2, 1))))


def test_negative_contributions_are_refused():
    with pytest.raises(ValueError, match=r"contribution: -1.0 given; allowed: numbers >= 0"):
        measures.usage_specialisation([1.0, -1.0])


def test_selectivity_of_aligned_and_of_averaging_units():
    Q = np.diag([1.0, 4.0])
    assert measures.selectivity([1.0, -1.0], Q, np.diag([1.0, -2.0])) == 1.0
    assert measures.selectivity([1.0, 1.0], Q, np.ones((2, 2))) == pytest.approx(0.0, abs=1e-15)
    # One unit looks at one teacher unit and has a third of the work, the other one averages.
    mixed = measures.selectivity([1.0, 1.0], Q, np.array([[1.0, 0.0], [1.0, 1.0]]))
    assert mixed == pytest.approx(1 / 3)


def test_a_unit_without_overlap_selects_nothing():
    assert measures.selectivity([1.0, 1.0], np.eye(2), np.array([[1.0, 0.0], [0.0, 0.0]])) == 0.5


@given(arrays(float, (4, 3), elements=st.floats(-1.0, 1.0)), arrays(float, 4, elements=st.floats(0.1, 3.0)))
def test_selectivity_knows_neither_signs_nor_names(R, norms):
    readout, Q = np.array([0.3, -1.0, 0.5, 2.0]), np.diag(norms**2)
    found = measures.selectivity(readout, Q, R)
    assert -1e-12 <= found <= 1 + 1e-12
    assert measures.selectivity(-readout, Q, -R[:, ::-1]) == pytest.approx(found, abs=1e-12)
    order = [2, 0, 3, 1]
    same = measures.selectivity(readout[order], Q[np.ix_(order, order)], R[order])
    assert same == pytest.approx(found, abs=1e-12)


def test_forgetting_and_transfer_begin_at_zero():
    error = np.array([[0.1, 0.3, 0.2], [0.0, 0.0, 0.4]])
    np.testing.assert_allclose(measures.forgetting(error), [[0, 0.2, 0.1], [0, 0, 0.4]])
    np.testing.assert_allclose(measures.transfer(error), [[0, -0.2, -0.1], [0, 0, -0.4]])


def test_cost_is_what_both_tasks_cost_on_average():
    assert measures.continual_cost([0.1, 0.3], [0.0, 0.2]) == pytest.approx(0.3)
    by_row = measures.continual_cost([[0.1, 0.3], [0.5, 0.5]], np.zeros((2, 2)), axis=0)
    np.testing.assert_allclose(by_row, [0.3, 0.4])


V = np.linspace(0, 1, 11)
HUMP = np.array([15, 32, 61, 107, 143, 149, 134, 105, 72, 36, 0]) / 1000
SHARED = np.array([345, 312, 279, 246, 212, 178, 144, 109, 74, 37, 0]) / 1000


@pytest.mark.parametrize(
    ("forgetting", "expected"),
    [
        (HUMP, "hump"),
        (SHARED, "monotonic"),
        (HUMP[::-1], "hump"),
        (SHARED[::-1], "other"),
        (HUMP / 20, "other"),
        (np.where(V == 0.2, 0.0, HUMP), "other"),
        (np.where(V == 0.5, 0.178 + 0.003, SHARED), "monotonic"),
        (np.maximum(SHARED, 0.34), "monotonic"),
    ],
)
def test_shapes_of_forgetting(forgetting, expected):
    assert measures.SHAPES[int(measures.forgetting_shape(V, forgetting))] == expected


def test_shapes_are_batched():
    found = measures.forgetting_shape(V, np.stack([HUMP, SHARED]))
    assert [measures.SHAPES[index] for index in found] == ["hump", "monotonic"]


@pytest.mark.parametrize("similarity", [V[::-1], V[:2], V[:5]])
def test_similarities_that_do_not_fit_are_refused(similarity):
    with pytest.raises(ValueError, match="similarity, final_forgetting: shapes"):
        measures.forgetting_shape(similarity, HUMP[: 2 if similarity.size == 2 else 11])


def test_a_slow_rebound_is_no_monotonic_fall_however_fine_the_grid():
    V = np.linspace(0, 1, 101)
    rebound = np.where(V < 0.2, 1 - 2.5 * V, 0.5 + 0.3 * (V - 0.2))
    assert measures.forgetting_shape(V, rebound) == measures.SHAPES.index("other")
    twice = 0.1 + np.interp(V, [0, 0.3, 0.6, 0.8, 1], [0, 0.9, 0.5, 0.7, 0])
    assert measures.forgetting_shape(V, twice) == measures.SHAPES.index("other")


@given(arrays(float, 11, elements=st.floats(0, 1)))
def test_a_shape_does_not_depend_on_the_grid(values):
    coarse, fine = np.linspace(0, 1, 11), np.linspace(0, 1, 101)
    assert measures.forgetting_shape(coarse, values) == measures.forgetting_shape(
        fine, np.interp(fine, coarse, values)
    )
