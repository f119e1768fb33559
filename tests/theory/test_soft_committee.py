"""Two-task flow: an independent reference, symmetries, batches and threads, failures."""

import itertools

import numba
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from companion.theory.committee_conditions import drawn_start, isotropic_start, two_task_conditions
from companion.theory.erf_integrals import (
    activation_covariance,
    gradient_covariance,
    gradient_field,
    gradient_noise,
)
from companion.theory.soft_committee import penalty_weights, solve_two_tasks

SIMILARITY = np.linspace(0, 1, 11)
R = 0.3
EVEN = np.array([R, R]) / np.sqrt(2)


def _random(seed, K, M, count=3, **change):
    """Conditions that have nothing in common."""
    rng = np.random.default_rng(seed)
    start = drawn_start(K, M, 60, rng.uniform(0.05, 0.8, count), range(count), seed)
    readouts = 0.6 * rng.standard_normal((2, count, K))
    options = {
        "similarity": rng.uniform(-1, 1, count),
        "teacher_readout": rng.uniform(0.5, 1.5, (count, M)),
        "learning_rate": rng.uniform(0.2, 0.8, count),
        "readout_learning_rate": rng.uniform(0.2, 0.8, count),
        "label_noise": rng.uniform(0, 0.1, count),
        "consolidation": rng.uniform(0, 3, count),
    }
    return two_task_conditions(start, *readouts, **options | change)


def _slopes(conditions, which, covariance, readout, task, held):
    """Right-hand side of one condition, term by term; ``held`` is the copies' first field, or None."""
    K, M = conditions.students, conditions.teachers
    rate, gamma = conditions.learning_rate[which], conditions.consolidation[which]
    active = [*range(K), *range(K + task * M, K + (task + 1) * M)]
    signs = np.concatenate([-readout, conditions.teacher_readouts[which, task]])
    pairs = list(itertools.product(zip(active, signs, strict=True), repeat=2))
    C, size = covariance, len(covariance)
    X = np.zeros((K, size))
    for k, n in itertools.product(range(K), range(size)):
        for a, e in zip(active, signs, strict=True):
            X[k, n] += rate * readout[k] * e * gradient_field(C, k, n, a)
        if held is not None:
            first, weights = held
            X[k, n] -= rate * gamma * weights[k] * (C[k, n] - C[first + k, n])
    slope = np.zeros_like(C)
    slope[:K, K:], slope[K:, :K] = X[:, K:], X[:, K:].T
    for i, k in itertools.product(range(K), repeat=2):
        noise = conditions.label_noise[which] * gradient_covariance(C, i, k)
        for (a, e_a), (b, e_b) in pairs:
            noise += e_a * e_b * gradient_noise(C, i, k, a, b)
        slope[i, k] = X[i, k] + X[k, i]
        slope[i, k] += 0 if conditions.gradient_flow else rate**2 * readout[i] * readout[k] * noise
    head = [
        sum(e * activation_covariance(C, k, a) for a, e in zip(active, signs, strict=True)) for k in range(K)
    ]
    return slope, conditions.readout_learning_rate[which] * np.array(head)


def _reference(conditions, which, first_time, second_time):
    """Covariance and readouts at the switch and at the end, by scipy's integrator."""
    K = conditions.students

    def follow(covariance, readout, task, held, time):
        def slopes(_, state):
            C, h = state[:-K].reshape(covariance.shape), state[-K:]
            return np.concatenate([x.ravel() for x in _slopes(conditions, which, C, h, task, held)])

        state = np.concatenate([covariance.ravel(), readout])
        end = solve_ivp(slopes, (0, time), state, "DOP853", rtol=1e-9, atol=1e-11).y[:, -1]
        return end[:-K].reshape(covariance.shape), end[-K:]

    C, first = follow(conditions.covariance[which], conditions.readouts[which, 0], 0, None, first_time)
    weights = penalty_weights(conditions.part([which]), C[None, :K, :K], first[None])[0]
    twice = np.concatenate([C, C[:K]])
    twice = np.concatenate([twice, twice[:, :K]], axis=1)
    begin = first if conditions.copy_readout[which] else conditions.readouts[which, 1]
    end, second = follow(twice, begin, 1, (len(C), weights), second_time)
    return C, first, end[: len(C), : len(C)], second


@pytest.mark.parametrize(
    ("K", "M", "change"),
    [
        (2, 1, {}),
        (2, 1, {"penalty": "uniform", "copy_readout": True}),
        (3, 2, {"penalty": "readout"}),
        (1, 1, {"consolidation": 0.0}),
        (2, 2, {"gradient_flow": True}),
    ],
)
def test_agrees_with_the_plain_equations_and_scipy(K, M, change):
    conditions = _random(K + M, K, M, 1, **change)
    C, first, end, second = _reference(conditions, 0, 3.0, 2.0)
    found = solve_two_tasks(conditions, first_time=3.0, second_time=2.0, step=0.02, times=[])
    for time, covariance, task, readout in ((3.0, C, 1, first), (5.0, end, 2, second)):
        at = found.isel(condition=0).sel(time=time)
        np.testing.assert_allclose(at.Q, covariance[:K, :K], rtol=0, atol=2e-8)
        np.testing.assert_allclose(at.R, covariance[:K, K : K + M], rtol=0, atol=2e-8)
        np.testing.assert_allclose(at.U, covariance[:K, K + M :], rtol=0, atol=2e-8)
        np.testing.assert_allclose(at.readout.sel(task=task), readout, rtol=0, atol=2e-8)
        fields = [*range(K), *range(K + (task - 1) * M, K + task * M)]
        signs = np.concatenate([-readout, conditions.teacher_readouts[0, task - 1]])
        terms = [
            e * f * activation_covariance(covariance, a, b)
            for (a, e), (b, f) in itertools.product(zip(fields, signs, strict=True), repeat=2)
        ]
        assert float(at.error.sel(task=task)) == pytest.approx(sum(terms) / 2, abs=2e-8)


def test_errors_of_the_integrator_fall_with_the_fourth_power():
    conditions = two_task_conditions(isotropic_start(2, 1, 0.3), [0.6, 0.2], EVEN)
    options = {"first_time": 50.0, "second_time": 0.0, "times": []}
    exact = solve_two_tasks(conditions, step=0.01, **options)

    def error(step):
        found = solve_two_tasks(conditions, step=step, **options)
        return max(float(abs(found[name] - exact[name]).max()) for name in ("Q", "R", "U"))

    steps = np.array([0.1, 0.2, 0.4])
    errors = np.array([error(step) for step in steps])
    np.testing.assert_allclose(np.diff(np.log2(errors)), 4.0, atol=0.3)
    assert errors[1] < 1e-7
    assert error(1.0) < 1e-4


def _units_exchanged(conditions, order):
    start = conditions.start[:, order]
    start = np.concatenate(
        [start[..., : conditions.students][..., order], start[..., conditions.students :]], axis=2
    )
    return _with(conditions, start=start, readouts=conditions.readouts[..., order])


def _with(conditions, **change):
    kept = {"start": conditions.start, "readouts": conditions.readouts} | change
    names = ["similarity", "learning_rate", "readout_learning_rate", "label_noise", "consolidation"]
    options = {name: getattr(conditions, name) for name in names}
    options["teacher_readout"] = conditions.teacher_readouts[:, 0]
    heads = kept["readouts"]
    return two_task_conditions(kept["start"], heads[:, 0], heads[:, 1], **options)


sizes = st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(0, 10**6))
SHORT = {"first_time": 4.0, "second_time": 3.0, "times": np.linspace(0, 7, 8)}


@settings(max_examples=15, deadline=None)
@given(sizes)
def test_names_of_units_do_not_matter(drawn):
    K, M, seed = drawn
    conditions = _random(seed, K, M)
    order = np.random.default_rng(seed).permutation(K)
    found, exchanged = (
        solve_two_tasks(each, **SHORT) for each in (conditions, _units_exchanged(conditions, order))
    )
    np.testing.assert_allclose(exchanged.R, found.R[:, :, order], rtol=0, atol=1e-11)
    np.testing.assert_allclose(exchanged.Q, found.Q[:, :, order][..., order], rtol=0, atol=1e-11)
    np.testing.assert_allclose(exchanged.readout, found.readout[..., order], rtol=0, atol=1e-11)
    np.testing.assert_allclose(exchanged.error, found.error, rtol=0, atol=1e-11)


@settings(max_examples=15, deadline=None)
@given(sizes)
def test_the_sign_of_a_unit_does_not_matter(drawn):
    K, M, seed = drawn
    conditions = _random(seed, K, M)
    sign = np.where(np.arange(K) == seed % K, -1.0, 1.0)
    start = conditions.start * sign[:, None]
    start[..., :K] *= sign
    flipped = _with(conditions, start=start, readouts=conditions.readouts * sign)
    a, b = solve_two_tasks(conditions, **SHORT), solve_two_tasks(flipped, **SHORT)
    np.testing.assert_array_equal(b.readout, a.readout * sign)
    np.testing.assert_array_equal(b.U, a.U * sign[:, None])
    np.testing.assert_allclose(b.error, a.error, rtol=0, atol=1e-15)


@settings(max_examples=15, deadline=None)
@given(sizes)
def test_overlaps_stay_those_of_some_weights(drawn):
    K, M, seed = drawn
    conditions = _random(seed, K, M)
    found = solve_two_tasks(conditions, **SHORT)
    np.testing.assert_array_equal(found.Q, found.Q.values.swapaxes(-1, -2))
    rows = np.concatenate([found.Q, found.R, found.U], axis=3)
    whole = np.zeros((*rows.shape[:2], rows.shape[3], rows.shape[3]))
    whole[..., :K, :], whole[..., :, :K] = rows, rows.swapaxes(2, 3)
    whole[..., K:, K:] = conditions.covariance[:, None, K:, K:]
    assert np.linalg.eigvalsh(whole).min() > -1e-7
    assert (found.error >= 0).all()
    inactive = found.readout.sel(task=2, time=slice(0, 4.0))
    np.testing.assert_array_equal(inactive, np.repeat(conditions.readouts[:, None, 1], inactive.shape[1], 1))
    done = found.readout.sel(task=1, time=slice(4.0, None))
    assert (done == done[:, :1]).all()


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.01, 1.0), st.floats(-1, 1), st.floats(0.05, 1.0), st.floats(-1, 1), st.sampled_from([1, 2])
)
def test_equal_units_stay_equal_to_the_last_bit(length, overlap, readout, V, M):
    start = np.zeros((2, 2 + 2 * M))
    start[:, :2] = length
    start[:, 2] = 0.5 * overlap * np.sqrt(length)
    heads = np.array([readout, readout])
    conditions = two_task_conditions(start, heads, 0.5 * heads, V, consolidation=[0.0, 1.0])
    found = solve_two_tasks(conditions, first_time=40.0, second_time=40.0, times=[])
    np.testing.assert_array_equal(found.readout[..., 0], found.readout[..., 1])
    for name in ("R", "U"):
        np.testing.assert_array_equal(found[name][:, :, 0], found[name][:, :, 1])
    np.testing.assert_array_equal(found.Q[..., 0, 0], found.Q[..., 1, 1])


def test_units_that_exchange_places_stay_mirror_images():
    """Orthogonal, not equal: the symmetric manifold on which forgetting is monotonic."""
    conditions = two_task_conditions(isotropic_start(2, 1, 1e-3), EVEN, EVEN, SIMILARITY)
    found = solve_two_tasks(conditions, times=[])
    np.testing.assert_array_equal(found.Q[..., 0, 0], found.Q[..., 1, 1])
    np.testing.assert_array_equal(found.R[:, :, 0], found.R[:, :, 1])


def test_two_equal_tasks_are_one():
    given = _random(3, 3, 2)
    once = two_task_conditions(given.start, given.readouts[:, 0], given.readouts[:, 1], 1.0)
    twice = two_task_conditions(
        given.start, given.readouts[:, 0], given.readouts[:, 1], 1.0, copy_readout=True
    )
    whole = solve_two_tasks(once, first_time=6.0, second_time=0.0, times=[3.0], step=0.1)
    halves = solve_two_tasks(twice, first_time=3.0, second_time=3.0, times=[], step=0.1)
    np.testing.assert_allclose(halves.Q.isel(time=-1), whole.Q.isel(time=-1), rtol=0, atol=1e-13)
    np.testing.assert_allclose(halves.R, halves.U, rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        halves.readout.isel(time=-1)[:, 1], whole.readout.isel(time=-1)[:, 0], rtol=0, atol=1e-13
    )
    at_switch = halves.error.sel(time=3.0)
    np.testing.assert_allclose(at_switch.sel(task=1), at_switch.sel(task=2), rtol=0, atol=1e-14)


def test_small_rates_approach_gradient_flow():
    given = _random(0, 2, 1, consolidation=0.0, label_noise=0.0)
    heads = given.readouts[:, 0]

    def end(rate, flow):
        conditions = two_task_conditions(given.start, heads, heads, learning_rate=rate, gradient_flow=flow)
        found = solve_two_tasks(conditions, first_time=4 / rate, second_time=0, step=0.1 / rate, times=[])
        return found.Q.isel(time=-1).values

    limit = end(1.0, True)
    np.testing.assert_allclose(end(0.01, True), limit, rtol=0, atol=1e-12)
    distance = [np.abs(end(rate, False) - limit).max() for rate in (0.02, 0.01)]
    assert distance[0] / distance[1] == pytest.approx(2.0, rel=0.03)


def test_the_error_falls_along_gradient_flow():
    conditions = _random(1, 3, 2, 8, gradient_flow=True, consolidation=0.0)
    found = solve_two_tasks(conditions, first_time=30.0, second_time=30.0, times=np.linspace(0, 60, 61))
    assert (found.error.sel(task=1, time=slice(0, 30)).diff("time") < 1e-12).all()
    assert (found.error.sel(task=2, time=slice(30, 60)).diff("time") < 1e-12).all()


def test_an_overwhelming_penalty_stops_the_weights():
    conditions = two_task_conditions(
        isotropic_start(2, 1, 0.1), [0.5, 0.3], EVEN, 0.4, consolidation=[0.0, 1e4]
    )
    found = solve_two_tasks(conditions, first_time=30.0, second_time=5.0, step=4e-4, times=[])
    moved = abs(found.Q.isel(time=-1) - found.Q.isel(time=-2)).max(("student", "other_student"))
    assert moved[0] > 0.05 and moved[1] < 1e-3


def test_penalty_weights_are_the_fisher_information():
    conditions = _random(0, 2, 1, 2)
    Q, h = np.array([[[0.5, 0.1], [0.1, 2.0]]] * 2), np.array([[1.0, -2.0], [0.5, 0.0]])
    z = np.random.default_rng(0).standard_normal((2, 1_000_000)) * np.sqrt([[0.5], [2.0]])
    slope = (2 / np.pi) * np.exp(-(z**2)).mean(axis=1)
    fisher = penalty_weights(conditions, Q, h)
    np.testing.assert_allclose(fisher, h**2 * slope, rtol=5e-3)
    uniform = penalty_weights(_random(0, 2, 1, 2, penalty="uniform"), Q, h)
    np.testing.assert_allclose(uniform, np.tile(fisher.mean(axis=1, keepdims=True), (1, 2)))
    np.testing.assert_array_equal(penalty_weights(_random(0, 2, 1, 2, penalty="readout"), Q, h), h**2)


def _equal(a, b):
    for name in a.data_vars:
        np.testing.assert_array_equal(a[name], b[name], err_msg=str(name))


@pytest.mark.parametrize(("K", "M"), [(2, 1), (3, 2)])
def test_a_condition_depends_on_nothing_beside_it(K, M):
    conditions = _random(5, K, M, 19)
    whole = solve_two_tasks(conditions, **SHORT)
    for which in (0, 7, 18):
        _equal(
            solve_two_tasks(conditions.part([which]), **SHORT), whole.isel(condition=slice(which, which + 1))
        )
    order = np.random.default_rng(0).permutation(19)
    _equal(solve_two_tasks(conditions.part(order), **SHORT), whole.isel(condition=order))


def test_conditions_that_share_a_first_task_are_solved_as_if_they_did_not():
    start = drawn_start(2, 1, 100, 0.3, range(3), 0)[:, None]
    conditions = two_task_conditions(start, [0.3, 0.4], EVEN, SIMILARITY, consolidation=0.5)
    whole = solve_two_tasks(conditions, **SHORT)
    for which in (0, 12, 32):
        _equal(
            solve_two_tasks(conditions.part([which]), **SHORT), whole.isel(condition=slice(which, which + 1))
        )


def test_results_do_not_depend_on_the_number_of_threads():
    conditions = _random(6, 2, 1, 40)
    before = numba.get_num_threads()
    try:
        found = []
        for threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(threads)
            found.append(solve_two_tasks(conditions, **SHORT))
    finally:
        numba.set_num_threads(before)
    _equal(*found)


def test_steps_may_differ_between_conditions():
    conditions = _random(7, 2, 1, 4)
    steps = np.array([0.2, 0.05, 0.2, 0.1])
    whole = solve_two_tasks(conditions, **SHORT | {"step": steps})
    for which, step in enumerate(steps):
        alone = solve_two_tasks(conditions.part([which]), **SHORT | {"step": float(step)})
        _equal(alone, whole.isel(condition=slice(which, which + 1)))


def test_dicts_of_arguments_are_conditions():
    start = isotropic_start(2, 1, 0.1)
    each = [
        {"start": start, "first_readout": [R, 0.0], "second_readout": EVEN, "similarity": V} for V in (0, 0.5)
    ]
    _equal(
        solve_two_tasks(each, **SHORT),
        solve_two_tasks(two_task_conditions(start, [R, 0.0], EVEN, [0, 0.5]), **SHORT),
    )
    with pytest.raises(ValueError, match="none given"):
        solve_two_tasks([])
    with pytest.raises(ValueError, match="different keys"):
        solve_two_tasks([each[0], each[0] | {"label_noise": 0.1}])
    with pytest.raises(ValueError, match="several values of penalty"):
        solve_two_tasks([each[0] | {"penalty": name} for name in ("fisher", "uniform")])


def test_what_is_recorded():
    conditions = _random(8, 2, 2)
    found = solve_two_tasks(conditions, first_time=5.0, second_time=3.0, times=[1.0, 6.5, 1.0])
    np.testing.assert_array_equal(found.time, [0.0, 1.0, 5.0, 6.5, 8.0])
    assert found.attrs == {"first_time": 5.0, "second_time": 3.0}
    assert found.sizes == {
        "condition": 3,
        "time": 5,
        "task": 2,
        "student": 2,
        "other_student": 2,
        "unit": 2,
    }
    assert all(found[name].attrs["long_name"] for name in (*found.data_vars, "time"))
    lean = solve_two_tasks(conditions, first_time=5.0, second_time=3.0, times=[1.0, 6.5, 1.0], overlaps=False)
    assert set(lean.data_vars) == {"error", "readout"}
    xr.testing.assert_identical(lean.error, found.error)
    only_first = solve_two_tasks(conditions, first_time=5.0, second_time=0.0)
    assert (only_first.time[0], only_first.time[-1]) == (0.0, 5.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first_time": 0.0}, "first_time: 0.0 given"),
        ({"first_time": -1.0}, "first_time: -1.0 given"),
        ({"second_time": np.nan}, "second_time: nan given"),
        ({"step": 0.0}, "step: 0.0 given; allowed: positive"),
        ({"step": [0.1, 0.1]}, r"step: shape \(2,\) given; allowed: a number or one for each of 1"),
        ({"step": [np.nan]}, "step: nan given"),
        ({"times": [-1.0]}, "times: .* given; allowed: numbers from 0 to 30"),
        ({"times": [31.0]}, "times: .* given; allowed: numbers from 0 to 30"),
        ({"times": [np.nan]}, "times: .* given"),
        ({"times": [[1.0]]}, "times: .* given"),
    ],
)
def test_bad_times_and_steps_are_named(change, message):
    conditions = two_task_conditions(isotropic_start(2, 1, 0.1), EVEN, EVEN)
    with pytest.raises(ValueError, match=message):
        solve_two_tasks(conditions, **{"first_time": 10.0, "second_time": 20.0} | change)


def test_a_step_that_the_penalty_makes_unstable_is_named_with_the_largest_stable_one():
    start, heads = isotropic_start(2, 1, 1e-3), ([R, 0.0], EVEN)
    conditions = two_task_conditions(start, *heads, 0.5, consolidation=[1.0, 100.0])
    with pytest.raises(
        ValueError, match=r"step: 0.2 given, unstable with consolidation 100 \(condition 1"
    ) as e:
        solve_two_tasks(conditions, times=[])
    largest = float(str(e.value).rsplit("below ", 1)[1])
    assert largest == pytest.approx(2.7 / 74, rel=0.03)  # F is .37 for a unit that has learned its teacher
    found = solve_two_tasks(conditions, times=[], step=0.98 * largest)
    fine = solve_two_tasks(conditions, times=[], step=0.2 * largest)
    np.testing.assert_allclose(found.error, fine.error, rtol=0, atol=1e-3)


def test_an_integration_that_breaks_down_names_its_conditions():
    readout = R * np.array([np.cos(0.3), np.sin(0.3)])
    conditions = two_task_conditions(
        isotropic_start(2, 1, 0.1), readout, EVEN, learning_rate=[1.0, 16.0, 1.0, 16.0]
    )
    message = r"broke down in [12] of [234] conditions, first in condition 1 before time 100"
    with pytest.raises(ArithmeticError, match=message):
        solve_two_tasks(conditions, first_time=100.0, second_time=0.0, step=0.5, times=[])
