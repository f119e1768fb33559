"""Schedules: weights of every step, stages, adaptive memory, yoked replays, and refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from companion.training.adaptive_schedules import ByLoss, ByProgress, Gate
from companion.training.mixtures import stage_weights
from companion.training.schedules import Annealed, Blocked, Cooling, PerNetwork, Recorded, Static

STEPS = 100


def weights(schedule, step, state=None):
    return schedule.mixture(step, STEPS, schedule.start(2) if state is None else state)


@pytest.mark.parametrize(
    "schedule",
    [
        Static((0.2, 0.3, 0.5)),
        Blocked((2, 0, 1)),
        Blocked((0, 1, 2), replay=0.3),
        Annealed(3, first=1, until=0.5),
        Annealed(3, towards=2),
        Cooling((0.0, 1.0, 2.0)),
        ByLoss(3, 2.0),
        ByProgress(3),
        Gate((1, 0, 2), replay=0.1),
    ],
)
@pytest.mark.parametrize("step", [0, 1, 33, 34, 99])
def test_weights_are_a_distribution(schedule, step):
    found = weights(schedule, step)
    assert found.shape[1] == schedule.operations == 3
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)


def test_blocks_follow_their_order_and_ends():
    schedule = Blocked((1, 0), ends=(0.25, 1.0))
    assert schedule.switches(STEPS) == (25,)
    assert weights(schedule, 24).tolist() == [[0.0, 1.0]]
    assert weights(schedule, 25).tolist() == [[1.0, 0.0]]


def test_replay_is_shared_by_the_stages_before():
    found = stage_weights((2, 0, 1), np.array([0, 1, 2]), 0.2)
    np.testing.assert_allclose(found, [[0, 0, 1], [0.8, 0, 0.2], [0.1, 0.8, 0.1]])


def test_annealing_ends_where_it_is_told():
    schedule = Annealed(2, first=0, until=0.5)
    np.testing.assert_allclose(weights(schedule, 0), [[1, 0]])
    np.testing.assert_allclose(weights(schedule, 25), [[0.75, 0.25]])
    np.testing.assert_allclose(weights(schedule, 80), [[0.5, 0.5]])
    np.testing.assert_allclose(weights(Annealed(2, towards=1), 100), [[0, 1]])


def test_cooling_starts_with_the_easy_and_ends_even():
    schedule = Cooling((0.0, 1.0), sharpness=2.0, until=0.5)
    np.testing.assert_allclose(weights(schedule, 0)[0, 0], 1 / (1 + np.exp(-2.0)))
    np.testing.assert_allclose(weights(schedule, 50), [[0.5, 0.5]])


def test_by_loss_turns_to_what_is_hard_in_each_network():
    schedule = ByLoss(2, focus=1.0)
    losses = np.array([[0.0, 1.0], [2.0, 0.0]])
    found = weights(schedule, 1, schedule.observe(1, losses, losses, schedule.start(2)))
    np.testing.assert_allclose(found[:, 1], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(2))])


def test_by_progress_turns_to_what_changes():
    schedule = ByProgress(2, floor=0.1)
    state = schedule.observe(1, np.array([[1.0, 1.0]]), np.zeros((1, 2)), schedule.start(1))
    np.testing.assert_allclose(weights(schedule, 1, state), [[0.5, 0.5]])
    state = schedule.observe(2, np.array([[0.2, 1.0]]), np.zeros((1, 2)), state)
    np.testing.assert_allclose(weights(schedule, 2, state), [[0.9, 0.1]])


def test_a_gate_opens_for_each_network_by_itself():
    schedule = Gate((1, 0), threshold=0.8, looks=2)
    state = schedule.start(2)
    good = np.array([[0.0, 0.9], [0.0, 0.5]])
    state = schedule.observe(10, good, good, state)
    assert weights(schedule, 10, state).tolist() == [[0, 1], [0, 1]]
    state = schedule.observe(20, good, good, state)
    assert weights(schedule, 20, state).tolist() == [[1, 0], [0, 1]]
    np.testing.assert_array_equal(state["advanced"], [[20, np.nan], [np.nan, np.nan]])
    # One good look, interrupted, does not count.
    mixed = np.array([[0.0, 0.0], [0.0, 0.9]])
    for step, seen in ((30, mixed), (40, good * 0), (50, mixed)):
        state = schedule.observe(step, seen, seen, state)
    assert state["stage"].tolist() == [1, 0]


def test_jumps_are_those_of_each_network():
    both = PerNetwork((Static((0.5, 0.5)), Blocked((0, 1)), Blocked((1, 0), ends=(0.2, 1.0))))
    assert both.staged and not Static((1.0,)).staged and not ByLoss(2).staged
    assert [both.jumps(step, STEPS, {}).tolist() for step in (20, 50, 51)] == [
        [False, False, True],
        [False, True, False],
        [False, False, False],
    ]
    gate = Gate((1, 0))
    state = {"advanced": np.array([[20.0, 50.0], [np.nan, np.nan]])}
    # Past its last stage a network goes nowhere.
    assert gate.staged and [gate.jumps(step, STEPS, state).tolist() for step in (20, 50)] == [
        [True, False],
        [False, False],
    ]


@pytest.mark.parametrize(
    ("schedule", "used"),
    [
        (Static((1.0, 0.0)), [True, False]),
        (Blocked((1, 0)), [True, True]),
        (Annealed(3, first=2), [True, True, True]),
        (Annealed(3, first=2, towards=0), [True, False, True]),
        (Recorded(np.array([0]), np.array([[[1.0, 0.0], [1.0, 0.0]]])), [True, False]),
        (PerNetwork((Static((1.0, 0.0, 0.0)), Static((0.0, 1.0, 0.0)))), [True, True, False]),
        (ByProgress(2), [True, True]),
    ],
)
def test_schedules_know_which_operations_they_use(schedule, used):
    assert schedule.used().tolist() == used


def test_a_yoked_control_gets_its_neighbours_weights():
    realised = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.2, 0.8], [0.0, 1.0]]])
    schedule = Recorded(np.array([0, 50]), realised)
    np.testing.assert_array_equal(weights(schedule, 49), realised[0])
    np.testing.assert_array_equal(weights(schedule, 50), realised[1])
    np.testing.assert_array_equal(weights(schedule.yoked(2), 50), realised[1][::-1])


def test_yoking_stays_within_blocks():
    share = np.linspace(0, 1, 6)
    schedule = Recorded(np.array([0]), np.stack([share, 1 - share], axis=-1)[None])
    np.testing.assert_array_equal(weights(schedule.yoked(3), 0)[:, 0], share[[2, 0, 1, 5, 3, 4]])
    for block in (1, 4):
        with pytest.raises(ValueError, match=f"block: {block} given to yoke 6 networks"):
            schedule.yoked(block)


@given(some.permutations(range(4)), some.integers(0, STEPS - 1))
def test_equal_blocks_show_one_operation_at_a_time(order, step):
    found = weights(Blocked(tuple(order)), step)[0]
    assert found.max() == 1.0 and int(found.argmax()) == order[step * 4 // STEPS]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Static((0.5, 0.4)), r"weights: .*sum 0\.9"),
        (lambda: Static((1.5, -0.5)), "weights"),
        (lambda: Blocked((0, 2)), "order"),
        (lambda: Blocked((0, 1), replay=1.0), "replay"),
        (lambda: Blocked((0, 1), ends=(0.5, 0.9)), "ends"),
        (lambda: Annealed(2, first=2), "first"),
        (lambda: Annealed(2, until=0.0), "until"),
        (lambda: Gate((0, 1), threshold=1.0), "threshold"),
        (lambda: ByProgress(2, floor=0.0), "floor"),
        (lambda: ByProgress(0), "operations: 0"),
        (lambda: ByLoss(0), "operations: 0"),
        (lambda: ByLoss(2, focus=np.inf), "focus: inf"),
        (lambda: Annealed(0), "operations: 0"),
        (lambda: Cooling(()), "difficulty"),
        (lambda: Cooling((0.0, np.nan)), "difficulty"),
        (lambda: Cooling((0.0, 1.0), until=0.0), r"until: 0\.0"),
        (lambda: Cooling((0.0, 1.0), sharpness=-1.0), r"sharpness: -1\.0"),
        (lambda: Recorded(np.array([0]), np.full((1, 2), 0.5)), r"shapes \(1,\), \(1, 2\)"),
        (lambda: Recorded(np.array([0]), np.full((2, 1, 2), 0.5)), r"shapes \(1,\), \(2, 1, 2\)"),
        (lambda: Recorded(np.array([], int), np.zeros((0, 1, 2))), "none of them 0"),
        (lambda: Recorded(np.array([0, 9, 9]), np.full((3, 1, 2), 0.5)), r"steps_seen: \[0, 9, 9\]"),
        (lambda: Recorded(np.array([1]), np.full((1, 1, 2), 0.5)), r"steps_seen: \[1\]"),
        (lambda: Recorded(np.array([0]), np.full((1, 1, 2), 0.4)), "realised"),
        (lambda: PerNetwork(()), "schedules: 0 over"),
        (lambda: PerNetwork((Static((1.0,)), Static((0.5, 0.5)))), r"schedules: 2 over \[1, 2\]"),
        (lambda: PerNetwork((Gate((0, 1)),)), "adapts"),
    ],
)
def test_bad_schedules_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()
