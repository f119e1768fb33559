"""One-pass SGD of two tasks: the plain rule, the flow as its limit, streams of inputs, bad inputs."""

import math

import numba
import numpy as np
import pytest

from companion.compute.seeds import generator
from companion.theory.committee_conditions import (
    drawn_start,
    isotropic_start,
    start_overlaps,
    two_task_conditions,
)
from companion.theory.committee_record import recorded_times
from companion.theory.soft_committee import penalty_weights, solve_two_tasks
from companion.training.online_sgd import run_two_tasks, weights_of_overlaps

R = 0.3
EVEN = [R / math.sqrt(2), R / math.sqrt(2)]


def _random(K, M, count, **change):
    rng = np.random.default_rng(K)
    options = {
        "similarity": rng.uniform(-1, 1, count),
        "teacher_readout": rng.uniform(0.5, 1.5, (count, M)),
        "learning_rate": rng.uniform(0.2, 0.8, count),
        "readout_learning_rate": rng.uniform(0.2, 0.8, count),
        "label_noise": rng.uniform(0, 0.1, count),
        "consolidation": rng.uniform(0, 3, count),
        "copy_readout": rng.integers(0, 2, count) > 0,
    }
    start = drawn_start(K, M, 60, 0.5, range(count), 0)
    return two_task_conditions(start, *rng.standard_normal((2, count, K)), **options | change)


def _g(u):
    return np.array([math.erf(value / math.sqrt(2)) for value in u])


def _slope(u):
    return np.sqrt(2 / np.pi) * np.exp(-(u**2) / 2)


@pytest.mark.parametrize(("K", "M", "penalty"), [(2, 1, "fisher"), (3, 2, "uniform")])
def test_follows_the_rule(K, M, penalty):
    d, first, second = 11, 1.0, 2.0
    conditions = _random(K, M, 4, penalty=penalty)
    found = run_two_tasks(conditions, d, [5], 3, first_time=first, second_time=second, times=[10 / d])
    for c in range(conditions.size):
        random = generator(3, "online_sgd", d, 5)
        w, V = weights_of_overlaps(conditions.start[c], d), conditions.similarity[c]
        frame = math.sqrt(d) * np.eye(2 * M, d)
        teachers = (frame[:M], V * frame[:M] + math.sqrt(1 - V * V) * frame[M:])
        heads, pull, held = conditions.readouts[c].copy(), np.zeros(K), w
        for step in range(round((first + second) * d)):
            task = int(step >= first * d)
            if step == first * d:
                if conditions.copy_readout[c]:
                    heads[1] = heads[0]
                weights = penalty_weights(conditions.part([c]), (w @ w.T / d)[None], heads[:1])[0]
                pull, held = conditions.learning_rate[c] * conditions.consolidation[c] * weights, w
            x, noise = random.standard_normal(d), random.standard_normal()
            u, h = w @ x / math.sqrt(d), heads[task].copy()
            label = conditions.teacher_readouts[c, task] @ _g(teachers[task] @ x / math.sqrt(d))
            error = h @ _g(u) - label - math.sqrt(conditions.label_noise[c]) * noise
            step_w = conditions.learning_rate[c] / math.sqrt(d) * (h * _slope(u) * error)[:, None] * x
            w = w - step_w - pull[:, None] / d * (w - held)
            heads[task] -= conditions.readout_learning_rate[c] / d * _g(u) * error
        end = found.isel(condition=c, draw=0, time=-1)
        np.testing.assert_allclose(end.Q, w @ w.T / d, rtol=0, atol=1e-11)
        np.testing.assert_allclose(end.R, w @ teachers[0].T / d, rtol=0, atol=1e-11)
        np.testing.assert_allclose(end.U, w @ teachers[1].T / d, rtol=0, atol=1e-11)
        np.testing.assert_allclose(end.readout, heads, rtol=0, atol=1e-11)


def _deviations(conditions, times, first_time, second_time, draws, dimension):
    """Largest difference, over time, of the mean over draws from the flow: Q, (R, U), h, ε."""
    options = {"first_time": first_time, "second_time": second_time, "times": times}
    runs = run_two_tasks(conditions, dimension, range(draws), 0, **options)
    flow = solve_two_tasks(conditions, **options)
    away = {name: float(abs(runs[name].mean("draw") - flow[name]).max()) for name in flow.data_vars}
    return away["Q"], max(away["R"], away["U"]), away["readout"], away["error"]


@pytest.mark.parametrize(
    ("K", "M", "rate", "consolidation", "allowed"),
    [(2, 1, 1.0, [0.0, 2.0], (0.04, 0.04, 0.04, 0.02)), (4, 2, 0.5, [0.0], (0.05, 0.05, 0.05, 0.02))],
)
def test_the_flow_is_its_mean_at_large_d(K, M, rate, consolidation, allowed):
    start = drawn_start(K, M, 1000, 0.3, [0], 0)[0]
    readouts = 0.5 * np.random.default_rng(0).standard_normal((2, K))
    conditions = two_task_conditions(start, *readouts, 0.5, learning_rate=rate, consolidation=consolidation)
    away = _deviations(conditions, np.linspace(0, 120, 61), 60.0, 60.0, 2, 1000)
    assert (np.array(away) < allowed).all()


def test_canonical_starts_follow_the_flow_with_and_without_consolidation():
    conditions = two_task_conditions(
        isotropic_start(2, 1, 1e-3), [[[R, 0.0]], [EVEN]], EVEN, 0.5, consolidation=[0.0, 1.0]
    )
    away = _deviations(conditions, np.linspace(0, 80, 41), 40.0, 40.0, 2, 500)
    assert away[3] < 0.02


def test_runs_scatter_around_the_flow_as_one_over_the_root_of_d():
    start = drawn_start(2, 1, 1000, 0.3, [0], 0)[0]
    conditions = two_task_conditions(start, [0.5, 0.1], [0.2, 0.4], 0.5)
    options = {"first_time": 10.0, "second_time": 10.0, "times": np.linspace(0, 20, 11)}
    flow = solve_two_tasks(conditions, **options)
    spread = []
    for d in (50, 200, 800):
        runs = run_two_tasks(conditions, d, range(24), 0, **options)
        spread.append(float(np.sqrt(((runs.R - flow.R) ** 2).mean())))
    slope = np.polyfit(np.log([50, 200, 800]), np.log(spread), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.08)


def test_label_noise_has_its_variance():
    start = isotropic_start(2, 1, 0.3)
    conditions = two_task_conditions(start, [0.5, 0.1], EVEN, label_noise=[0.0, 0.3])
    options = {"first_time": 40.0, "second_time": 0.0, "times": [20.0, 30.0]}
    runs = run_two_tasks(conditions, 400, range(6), 0, **options).error.sel(task=1).isel(time=[1, 2, 3])
    flow = solve_two_tasks(conditions, **options).error.sel(task=1).isel(time=[1, 2, 3])
    np.testing.assert_allclose(runs.mean(("draw", "time")), flow.mean("time"), rtol=0.12, atol=2e-3)
    assert flow[1].mean() > 10 * flow[0].mean()


def test_the_start_is_exactly_that_of_the_conditions():
    conditions = _random(3, 2, 5)
    found = run_two_tasks(conditions, 9, [0, 1], 0, first_time=1.0, second_time=0.0)
    np.testing.assert_allclose(found.start, conditions.start, rtol=0, atol=1e-13)
    begin = found.isel(time=0)
    np.testing.assert_allclose(begin.Q[:, 1], conditions.covariance[:, :3, :3], rtol=0, atol=1e-13)
    np.testing.assert_allclose(begin.U[:, 1], conditions.covariance[:, :3, 5:], rtol=0, atol=1e-13)
    np.testing.assert_array_equal(found.readout[:, :, 0], np.repeat(conditions.readouts[:, None], 2, axis=1))
    assert found.attrs == {"first_time": 1.0, "second_time": 0.0}


def test_weights_are_made_to_any_overlaps():
    frame = math.sqrt(12) * np.eye(4, 12)
    start = drawn_start(3, 2, 40, 0.7, range(4), 0)
    np.testing.assert_allclose(start_overlaps(weights_of_overlaps(start, 12), frame), start, atol=1e-13)
    equal = np.ones((2, 4)) * [1.0, 1.0, 0.5, 0.2]
    np.testing.assert_allclose(
        start_overlaps(weights_of_overlaps(equal, 7), math.sqrt(7) * np.eye(2, 7)), equal, atol=1e-7
    )
    with pytest.raises(ValueError, match="start: overlaps given that no weights have"):
        weights_of_overlaps(np.array([[1.0, 2.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.0]]), 5)


def test_a_run_depends_on_its_stream_alone():
    conditions = _random(2, 1, 30)
    options = {"first_time": 1.0, "second_time": 2.0, "times": [0.5, 2.0]}
    whole = run_two_tasks(conditions, 20, range(3), 1, **options)
    alone = run_two_tasks(conditions.part([17]), 20, [2], 1, **options)
    before = numba.get_num_threads()
    try:
        for threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(threads)
            again = run_two_tasks(conditions, 20, range(3), 1, **options)
            for name in ("Q", "R", "U", "readout", "error"):
                np.testing.assert_array_equal(again[name], whole[name])
                np.testing.assert_array_equal(alone[name][0, 0], whole[name][17, 2])
    finally:
        numba.set_num_threads(before)
    assert not np.array_equal(whole.Q[0, 0], whole.Q[0, 1])
    assert not np.array_equal(whole.Q[0], run_two_tasks(conditions, 20, range(3), 2, **options).Q[0])


def test_conditions_share_the_inputs_of_a_draw():
    conditions = two_task_conditions(isotropic_start(2, 1, 0.1), [0.4, 0.2], EVEN, [0.0, 0.5, 1.0])
    found = run_two_tasks(conditions, 30, [4], 0, first_time=2.0, second_time=2.0)
    at_switch = found.sel(time=2.0)
    np.testing.assert_array_equal(at_switch.Q[0], at_switch.Q[2])
    assert not np.array_equal(found.Q[0, 0, -1], found.Q[2, 0, -1])


def test_learning_that_diverges_names_its_conditions():
    conditions = two_task_conditions(isotropic_start(2, 1, 0.1), EVEN, EVEN, learning_rate=[1.0, 1e200])
    with pytest.raises(ArithmeticError, match="1 of 2 conditions, first in condition 1"):
        run_two_tasks(conditions, 10, [0], 0, first_time=20.0, second_time=0.0)


def test_recorded_times_hold_the_switch_and_the_end():
    np.testing.assert_array_equal(recorded_times([3.0, 1.0], 2.0, 4.0), [0.0, 1.0, 2.0, 3.0, 6.0])
    np.testing.assert_array_equal(recorded_times(None, 2.0, 0.0), [0.0, 2.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dimension": 3}, r"dimension: 3 given; allowed: a whole number >= K \+ 2M = 4"),
        ({"dimension": 10.5}, "dimension: 10.5 given"),
        ({"draws": []}, "draws: none given"),
        ({"first_time": 0.0}, "first_time: 0.0 given"),
        ({"second_time": -1.0}, "second_time: -1.0 given"),
        ({"times": [9.0]}, "times: .* given; allowed: numbers from 0 to 2"),
        (
            {"conditions": two_task_conditions(isotropic_start(2, 1, 0.1), EVEN, EVEN, gradient_flow=True)},
            "gradient_flow=True given; allowed: False",
        ),
    ],
)
def test_bad_inputs_are_named(change, message):
    good = {
        "conditions": two_task_conditions(isotropic_start(2, 1, 0.1), EVEN, EVEN),
        "dimension": 10,
        "draws": [0],
        "seed": 0,
        "first_time": 1.0,
        "second_time": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        run_two_tasks(**good | change)


def test_weights_that_lie_in_the_teachers_frame_are_weights_too():
    inside = np.random.default_rng(0).standard_normal((50, 2, 2)) * 0.3
    start = np.concatenate([inside @ inside.swapaxes(1, 2), inside], axis=2)
    weights = weights_of_overlaps(start, 40)
    np.testing.assert_allclose(weights @ weights.swapaxes(1, 2) / 40, start[..., :2], rtol=0, atol=1e-7)
