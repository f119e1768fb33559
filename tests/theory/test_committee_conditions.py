"""Starts and conditions: exact overlaps of drawn weights, frames, broadcasting, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.theory.committee_conditions import (
    drawn_start,
    isotropic_start,
    overlaps_with_teachers,
    start_overlaps,
    teacher_covariance,
    two_task_conditions,
)


def _frame(teachers, dimension, seed=0):
    drawn = np.random.default_rng(seed).standard_normal((dimension, 2 * teachers))
    return np.linalg.qr(drawn)[0].T * np.sqrt(dimension)


def test_isotropic_weights_overlap_with_nothing():
    start = isotropic_start(3, 2, [0.1, 2.0])
    assert start.shape == (2, 3, 7)
    np.testing.assert_allclose(start[..., :3], np.array([0.01, 4.0])[:, None, None] * np.eye(3))
    assert not start[..., 3:].any()


def test_drawn_overlaps_have_the_law_of_drawn_weights():
    K, M, d, count, scale = 3, 2, 12, 4000, 0.7
    found = drawn_start(K, M, d, scale, range(count), 0)
    weights = scale * np.random.default_rng(1).standard_normal((count, K, d))
    expected = start_overlaps(weights, _frame(M, d))
    for moment in (1, 2, 3):
        a, b = found**moment, expected**moment
        error = np.sqrt((a.var(0) + b.var(0)) / count)
        assert (np.abs(a.mean(0) - b.mean(0)) < 5 * error).all()
    mixed = [(values[:, 0, 3] * values[:, 0, 1] * values[:, 1, 3]) for values in (found, expected)]
    assert np.mean(mixed[0]) == pytest.approx(np.mean(mixed[1]), abs=5 * np.std(mixed) / np.sqrt(count / 2))


def test_a_draw_depends_on_its_name_alone():
    whole = drawn_start(2, 1, 100, 0.5, range(4), 7)
    np.testing.assert_array_equal(drawn_start(2, 1, 100, 0.5, [2], 7)[0], whole[2])
    assert not np.array_equal(drawn_start(2, 1, 100, 0.5, [2], 8)[0], whole[2])
    doubled = drawn_start(2, 1, 100, [0.5, 1.0], [2, 2], 7)
    np.testing.assert_allclose(doubled[1, :, :2], 4 * whole[2, :, :2])
    np.testing.assert_allclose(doubled[1, :, 2:], 2 * whole[2, :, 2:])


def test_drawn_overlaps_shrink_with_the_dimension():
    small, large = (drawn_start(2, 1, d, 1.0, range(400), 0) for d in (100, 10_000))
    for column in (1, 2, 3):
        assert small[:, 0, column].std() == pytest.approx(0.1, rel=0.15)
        assert large[:, 0, column].std() == pytest.approx(0.01, rel=0.15)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 8), st.integers(0, 1000))
def test_drawn_overlaps_are_overlaps_of_some_weights(K, M, more, draw):
    start = drawn_start(K, M, K + 2 * M + more, 1.0, [draw], 0)[0]
    across = start[:, :K] - start[:, K:] @ start[:, K:].T
    np.testing.assert_array_equal(start[:, :K], start[:, :K].T)
    assert np.linalg.eigvalsh(across).min() > -1e-12


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.floats(-1, 1), st.integers(0, 1000))
def test_covariance_is_that_of_explicit_fields(K, M, V, seed):
    d = 2 * M + K
    frame, weights = _frame(M, d, seed), np.random.default_rng(seed).standard_normal((K, d))
    second = V * frame[:M] + np.sqrt(1 - V * V) * frame[M:]
    every = np.concatenate([weights, frame[:M], second])
    conditions = two_task_conditions(start_overlaps(weights, frame), np.ones(K), np.ones(K), V)
    np.testing.assert_allclose(conditions.covariance[0], every @ every.T / d, atol=1e-12)
    rows = overlaps_with_teachers(conditions.start, conditions.similarity)
    np.testing.assert_allclose(rows[0], weights @ every.T / d, atol=1e-12)
    np.testing.assert_allclose(teacher_covariance(np.array(V), M), every[K:] @ every[K:].T / d, atol=1e-12)


def test_arguments_broadcast_in_c_order():
    start = drawn_start(2, 1, 50, 0.1, range(3), 0)
    similarity, strength = np.linspace(0, 1, 4), np.array([0.0, 1.0])
    conditions = two_task_conditions(
        start[:, None, None], [1.0, 0.0], [0.5, 0.5], similarity[:, None], consolidation=strength
    )
    assert conditions.shape == (3, 4, 2)
    assert (conditions.size, conditions.students, conditions.teachers) == (24, 2, 1)
    place = np.ravel_multi_index((2, 1, 1), conditions.shape)
    np.testing.assert_array_equal(conditions.start[place], start[2])
    assert conditions.similarity[place] == similarity[1]
    assert conditions.consolidation[place] == 1.0
    np.testing.assert_array_equal(conditions.readouts[place], [[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_array_equal(conditions.teacher_readouts[place], [[1.0], [1.0]])
    one = conditions.part(slice(place, place + 1))
    assert one.shape == (1,)
    np.testing.assert_array_equal(one.covariance[0], conditions.covariance[place])
    assert conditions.part(np.array([3, 3, 5])).size == 3


def test_readouts_learn_at_the_rate_of_the_weights_unless_told():
    start = isotropic_start(2, 1, 0.1)
    same = two_task_conditions(start, [1, 0], [1, 0], learning_rate=[0.5, 2.0])
    np.testing.assert_array_equal(same.readout_learning_rate, [0.5, 2.0])
    other = two_task_conditions(start, [1, 0], [1, 0], learning_rate=0.5, readout_learning_rate=3.0)
    assert (other.learning_rate[0], other.readout_learning_rate[0]) == (0.5, 3.0)


def test_conditions_do_not_share_memory_with_their_arguments():
    start, readout = isotropic_start(2, 1, 0.1), np.array([1.0, 0.0])
    conditions = two_task_conditions(start, readout, readout)
    readout[0] = start[0, 0] = 9.0
    assert conditions.readouts.max() == 1.0
    assert conditions.start.max() < 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": np.eye(2)}, r"start: shape \(2, 2\) given"),
        ({"start": np.ones((2, 5))}, r"start: shape \(2, 5\) given"),
        ({"start": np.full((2, 4), np.nan)}, "start: nan given; allowed: finite"),
        ({"first_readout": [1.0]}, r"first_readout: shape \(1,\) given; allowed: \(..., 2\)"),
        ({"second_readout": [1.0, np.inf]}, "second_readout: inf given"),
        ({"similarity": 1.1}, "similarity: 1.1 given; allowed: finite numbers >= -1 <= 1"),
        ({"teacher_readout": [1.0, 1.0]}, r"teacher_readout: shape \(2,\) given; allowed: \(..., 1\)"),
        ({"learning_rate": 0.0}, "learning_rate: 0.0 given; allowed: finite numbers > 0"),
        ({"readout_learning_rate": -1.0}, "readout_learning_rate: -1.0 given"),
        ({"label_noise": -0.1}, "label_noise: -0.1 given; allowed: finite numbers >= 0"),
        ({"consolidation": -2.0}, "consolidation: -2.0 given"),
        ({"consolidation": np.nan}, "consolidation: nan given"),
        ({"penalty": "fischer"}, "penalty: 'fischer' given; .*fisher"),
        (
            {"similarity": np.zeros(3), "learning_rate": np.ones(2)},
            r"similarity \(3,\), learning_rate \(2,\)",
        ),
    ],
)
def test_bad_conditions_are_named(change, message):
    good = {
        "start": isotropic_start(2, 1, 0.1),
        "first_readout": [1.0, 0.0],
        "second_readout": [1.0, 0.0],
    }
    with pytest.raises(ValueError, match=message):
        two_task_conditions(**good | change)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: isotropic_start(0, 1, 0.1), "students: 0 given"),
        (lambda: isotropic_start(2, 1.5, 0.1), "teachers: 1.5 given"),
        (lambda: isotropic_start(2, 1, -0.1), "weight_scale: -0.1 given"),
        (lambda: drawn_start(0, 1, 9, 0.1, [0], 0), "students: 0 given"),
        (lambda: drawn_start(2, 1, 3, 0.1, [0], 0), r"dimension: 3 given; allowed: at least K \+ 2M = 4"),
        (lambda: drawn_start(2, 1, 9, np.nan, [0], 0), "weight_scale: nan given"),
        (lambda: start_overlaps(np.ones((2, 5)), np.ones((2, 4))), r"shapes \(2, 5\), \(2, 4\)"),
        (lambda: start_overlaps(np.ones((2, 4)), np.ones((3, 4))), r"allowed: \(..., K, d\), \(2M, d\)"),
        (lambda: start_overlaps(np.ones((2, 4)), np.ones((2, 4))), "frame: rows that are not orthogonal"),
    ],
)
def test_bad_starts_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
