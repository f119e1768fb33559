"""Two tasks on a finite data set: the plain rule, the theory on Gaussian inputs, consolidation, names of runs."""

import numba
import numpy as np
import pytest
from scipy.special import erf

from companion.compute.seeds import generator
from companion.theory.committee_conditions import start_overlaps, two_task_conditions
from companion.theory.soft_committee import solve_two_tasks
from companion.training.digit_tasks import drawn_weights, learn_two_tasks

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.standard_normal((23, 5))
TARGETS = RANDOM.standard_normal((2, 23))
FIRST, SECOND = np.array([0.8, 0.3]), np.array([0.4, 0.6])


def learn(similarity=(0.3,), consolidation=0.0, runs=(4,), students=2, **options):
    weights = drawn_weights(students, 5, 0.7, runs, 1)
    heads = (np.resize(FIRST, students), np.resize(SECOND, students))
    options = {"steps": 20, "batch": 3, "learning_rate": 0.5} | options
    return learn_two_tasks(INPUTS, TARGETS, weights, *heads, similarity, consolidation, runs, 1, **options)


def output(w, h, x):
    return erf(x @ w.T / np.sqrt(2 * x.shape[-1])) @ h


def numerical_gradient(function, values, step=1e-6):
    found = np.empty_like(values)
    for place in np.ndindex(values.shape):
        moved = [values.copy(), values.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        found[place] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return found


@pytest.mark.parametrize("penalty", ["fisher", "uniform"])
def test_follows_the_rule(penalty):
    gamma, V = 1.5, 0.3
    ours = learn([V], gamma, marks=[0, 7, 20], penalty=penalty)
    w, heads = drawn_weights(2, 5, 0.7, [4], 1)[0], [FIRST.copy(), SECOND.copy()]
    y = [TARGETS[0], V * TARGETS[0] + np.sqrt(1 - V**2) * TARGETS[1]]

    def errors():
        return [np.mean((output(w, heads[task], INPUTS) - y[task]) ** 2) / 2 for task in (0, 1)]

    anchor, stiffness = w, np.zeros_like(w)
    for task, path in ((0, ours.first[0, 0]), (1, ours.second[0, 0])):
        rows = generator(1, "digit tasks", "batches", 4, task + 1).integers(23, size=(20, 3))
        h = heads[task]
        np.testing.assert_allclose(path[0], errors(), rtol=1e-9)
        for step, row in enumerate(rows):
            x, target = INPUTS[row], y[task][row]
            by_weights = numerical_gradient(
                lambda v, x=x, t=target, h=h: np.mean((output(v, h, x) - t) ** 2) / 2, w
            )
            activity = erf(x @ w.T / np.sqrt(10))
            residual = activity @ h - target
            w = anchor + (w - anchor - 0.5 * by_weights) / (1 + 0.5 * stiffness)
            h -= 0.5 / 5 * np.mean(residual[:, None] * activity, axis=0)
            if step == 6:
                np.testing.assert_allclose(path[1], errors(), rtol=1e-7)
        np.testing.assert_allclose(path[2], errors(), rtol=1e-7)
        if task == 0:
            np.testing.assert_allclose(ours.readouts[0], h, rtol=1e-7)
            np.testing.assert_allclose(ours.overlaps[0], w @ w.T / 5, rtol=1e-7)
            squares = [numerical_gradient(lambda v, x=x: output(v, heads[0], x), w) ** 2 for x in INPUTS]
            importance = np.mean(squares, axis=0)
            anchor = w
            stiffness = gamma * (importance if penalty == "fisher" else np.full((2, 5), importance.mean()))


def test_on_gaussian_inputs_it_is_the_theory_with_its_penalty():
    d, count, time = 200, 20000, 20.0
    random = np.random.default_rng(3)
    inputs = random.standard_normal((count, d))
    frame = np.linalg.qr(random.standard_normal((d, 2)))[0].T * np.sqrt(d)
    targets = erf(inputs @ frame.T / np.sqrt(2 * d)).T
    weights = 0.3 * random.standard_normal((2, 2, d))
    first, second, gamma = np.array([0.5, 0.2]), np.array([0.1, 0.4]), np.array([0.0, 2.0, 20.0])
    moments = [0.0, 2.0, 5.0, 10.0, 20.0]
    marks = [round(d * moment) for moment in moments]
    ours = learn_two_tasks(
        inputs,
        targets,
        weights,
        first,
        second,
        0.0,
        gamma,
        [0, 1],
        0,
        steps=marks[-1],
        batch=1,
        learning_rate=1.0,
        marks=marks,
    )
    start = start_overlaps(weights, frame)[:, None]
    theory = solve_two_tasks(
        two_task_conditions(start, first, second, 0.0, consolidation=gamma),
        first_time=time,
        second_time=time,
        step=0.1,
        times=[*moments, *(time + moment for moment in moments[1:])],
    )
    error = theory.error.values.reshape(2, 3, 9, 2)
    assert np.abs((ours.first - error[:, :, :5]).mean(axis=0)).max() < 0.01
    assert np.abs((ours.second - error[:, :, 4:]).mean(axis=0)).max() < 0.01
    # What is compared is far from standing still, and the penalty tells.
    assert (error[:, :, 0, 0] > 0.1).all()
    assert (np.diff(error[:, :, -1, 1], axis=1) > 0.005).all()


def test_consolidation_takes_plasticity_for_memory():
    strengths = [0.0, 1.0, 10.0, 100.0, 1e4, 1e12]
    found = learn(0.2, strengths, runs=range(6), students=3, steps=300).second.mean(axis=0)
    moved = np.abs(found[:, -1, 0] - found[:, 0, 0])
    assert (np.diff(moved) < 0).all()
    assert moved[-1] < 1e-8
    assert np.isfinite(found).all()
    # Head 2 goes on learning on features that stand still.
    assert found[-1, -1, 1] < found[-1, 0, 1]


def test_a_run_depends_on_nothing_beside_it():
    whole = learn([0.0, 0.3, 1.0], [0.0, 2.0, 5.0], runs=range(4))
    alone = learn([0.3], [2.0], runs=[2])
    np.testing.assert_array_equal(alone.second[0, 0], whole.second[2, 1])
    np.testing.assert_array_equal(alone.overlaps[0], whole.overlaps[2])
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        again = learn([0.0, 0.3, 1.0], [0.0, 2.0, 5.0], runs=range(4))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(again.second, whole.second)
    assert len(np.unique(whole.first[:, 0, -1, 0])) == 4


def test_task_one_ends_where_task_two_begins():
    found = learn([0.0, 0.5, 1.0], [0.0, 1.0, 3.0], runs=range(3))
    np.testing.assert_array_equal(found.first[:, :, -1], found.second[:, :, 0])
    np.testing.assert_array_equal(found.first[:, :1, :, 0], found.first[:, 1:2, :, 0])


def test_order_and_signs_of_units_are_names():
    weights = drawn_weights(3, 5, 0.7, [0], 0)
    heads = np.array([[0.8, 0.3, -0.2], [0.4, 0.6, 0.1]])
    order, sign = [2, 0, 1], np.array([1.0, -1.0, 1.0])

    def errors(w, h):
        found = learn_two_tasks(INPUTS, TARGETS, w, *h, [0.4], 2.0, [0], 0, steps=30, batch=4)
        return found.second

    expected = errors(weights, heads)
    np.testing.assert_allclose(errors(weights[:, order], heads[:, order]), expected, rtol=1e-10)
    np.testing.assert_allclose(errors(weights * sign[:, None], heads * sign), expected, rtol=1e-10)


def test_units_that_start_alike_stay_alike():
    weights = np.repeat(drawn_weights(1, 5, 0.7, [0], 0), 2, axis=1)
    found = learn_two_tasks(INPUTS, TARGETS, weights, [0.3, 0.3], [0.2, 0.2], [0.4], 0.0, [0], 0, steps=50)
    assert found.readouts[0, 0] == found.readouts[0, 1]
    assert np.ptp(found.overlaps) == 0.0
    # Two units of readout h / 2 each are one of readout h, whose head learns at twice the rate: not the same run.
    single = learn_two_tasks(INPUTS, TARGETS, weights[:, :1], [0.6], [0.4], [0.4], 0.0, [0], 0, steps=50)
    assert np.abs(single.first - found.first).max() > 1e-4


def test_weights_belong_to_draws():
    few, more = drawn_weights(2, 5, 0.1, [0, 1], 3), drawn_weights(8, 5, 0.1, [1], 3)
    np.testing.assert_array_equal(few[1], more[0, :2])
    assert drawn_weights(50, 400, 0.1, [0], 3).std() == pytest.approx(0.1, rel=0.02)
    assert drawn_weights(2, 5, 0.1, [], 3).shape == (0, 2, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"similarity": [1.2]}, "similarity: 1.2 given; allowed: numbers from 0 to 1"),
        ({"consolidation": -1.0}, "consolidation: -1.0 given"),
        ({"consolidation": np.inf}, "consolidation: inf given"),
        ({"similarity": [0.1, 0.2], "consolidation": [1.0, 2.0, 3.0]}, "shapes that broadcast"),
        ({"similarity": []}, "one entry for each branch"),
        ({"steps": 0}, "steps: 0 given; allowed: a whole number from 1 on"),
        ({"batch": 0}, "batch: 0 given"),
        ({"learning_rate": 0.0}, "learning_rate: 0.0 given; allowed: a positive number"),
        ({"penalty": "quadratic"}, "penalty: 'quadratic' given; allowed: 'fisher', 'uniform'"),
        ({"marks": [0, 21]}, r"marks: \[0, 21\] given; allowed: rising numbers of steps from 0 to 20"),
        ({"marks": [3, 3]}, "marks: "),
    ],
)
def test_bad_requests_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        learn(**change)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, np.zeros(3), r"inputs: shape \(3,\) given; allowed: a matrix"),
        (1, np.zeros((3, 23)), r"targets: shape \(3, 23\) given; allowed: \(2, 23\)"),
        (2, np.zeros((2, 2, 5)), r"weights: shape \(2, 2, 5\) given; allowed: \(1, K, 5\)"),
        (3, np.zeros(3), r"readout: shape \(3,\) given; allowed: \(2,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(place, value, message):
    arguments = [INPUTS, TARGETS, np.zeros((1, 2, 5)), FIRST, SECOND]
    arguments[place] = value
    with pytest.raises(ValueError, match=message):
        learn_two_tasks(*arguments, [0.1], 0.0, [0], 0)


def test_draws_need_sizes():
    for arguments, message in (((0, 5, 1.0), "students: 0"), ((2, 0, 1.0), "dimension: 0")):
        with pytest.raises(ValueError, match=message):
            drawn_weights(*arguments, [0], 0)
    with pytest.raises(ValueError, match="weight_scale: 0"):
        drawn_weights(2, 5, 0, [0], 0)
