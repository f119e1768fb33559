"""The stored experiments on digits: the measured profiles, what a penalty costs, and what a draw keeps."""

import numpy as np
import pytest

from companion.analysis.specialisation import SHAPES, forgetting, forgetting_shape
from companion.figures.tables import tidy_csv
from companion.studies.digit_tasks import PROTECTIONS, digit_runs, start_readouts, two_task_digits

SIMILARITIES = [round(0.1 * step, 1) for step in range(11)]
#: Forgetting at those, measured by another program: mean of two seeds.
PROFILES = {
    (2, "specialised"): [0.004, 0.016, 0.028, 0.035, 0.036, 0.034, 0.029, 0.022, 0.014, 0.007, -0.003],
    (2, "shared"): [0.199, 0.231, 0.395, 0.428, 0.382, 0.315, 0.253, 0.193, 0.126, 0.048, -0.003],
    (8, "specialised"): [0.002, 0.002, 0.014, 0.027, 0.035, 0.036, 0.032, 0.025, 0.017, 0.009, -0.002],
    (8, "shared"): [0.051, 0.463, 0.615, 0.592, 0.503, 0.401, 0.305, 0.220, 0.143, 0.078, 0.038],
}
FIRST_ERRORS = {
    (2, "specialised"): 0.125,
    (2, "shared"): 0.134,
    (8, "specialised"): 0.125,
    (8, "shared"): 0.154,
}


def named(students, protections, draws):
    return [
        {"students": students, "protection": protection, "draw": draw}
        for protection in protections
        for draw in range(draws)
    ]


@pytest.mark.parametrize("students", [2, 8])
def test_profiles_are_the_measured_ones(project, students):
    draws = 6
    found = digit_runs(named(students, ("specialised", "shared"), draws), SIMILARITIES, [0.0], 0)
    lost = forgetting(found.second_course[:, 0].sel(task=1).values)[..., -1].reshape(2, draws, -1)
    first = found.first_course[:, 0, 0, -1, 0].values.reshape(2, draws)
    for scheme, samples, errors in zip(("specialised", "shared"), lost, first, strict=True):
        expected = np.array(PROFILES[students, scheme])
        # Both means scatter over draws; the published numbers are rounded.
        error = samples.std(axis=0, ddof=1) * np.sqrt(1 / draws + 1 / 2)
        assert (np.abs(samples.mean(axis=0) - expected) < 4 * error + 5e-4).all()
        assert errors.mean() == pytest.approx(FIRST_ERRORS[students, scheme], abs=1.5e-3)
    specialised, shared = lost.mean(axis=1)
    assert 0.3 <= SIMILARITIES[specialised.argmax()] <= 0.6
    assert specialised[0] < 0.25 * specialised.max()
    assert (np.diff(shared[3:]) < 0).all()
    assert lost[0].mean(axis=1).max() < 0.15 * lost[1].mean(axis=1).min()
    used = found.used.values.reshape(2, draws)
    assert used[0].min() > 0.99
    assert used[1].max() < 0.01


def test_a_penalty_is_cheap_where_one_unit_did_the_task(project):
    strengths = [0.0, 0.3, 1.0, 3.0, 10.0]
    data = two_task_digits([2], [0.0, 0.3, 0.6, 0.9], strengths, 3, 0, shown=[0.0, 3.0])
    cost = data.cost.sel(students=2)
    np.testing.assert_allclose(data.cost, data.mean_forgetting + data.mean_second_error, rtol=1e-12)
    best = cost.min("consolidation")
    assert (best.sel(protection="specialised") < 0.75 * best.sel(protection="shared")).all()
    lost, gained = data.mean_forgetting.sel(students=2), data.mean_second_error.sel(students=2)
    # The Fisher matrix leaves the free unit alone: no forgetting, task 2 as well as it was learned without.
    kept = {"protection": "specialised", "consolidation": 10.0}
    assert (np.abs(lost.sel(**kept)) < 1e-3).all()
    assert (gained.sel(**kept) < gained.sel(protection="specialised", consolidation=0.0) + 0.015).all()
    # The same mean strength on all weights, or a start that uses all units, gives memory for learning.
    for protection in ("shared", "specialised, uniform penalty"):
        spent = gained.sel(protection=protection, consolidation=10.0)
        assert (spent > gained.sel(protection=protection, consolidation=0.0) + 0.03).all()
    np.testing.assert_allclose(
        data.forgetting.sel(shown=0.0, scheme="shared").mean("similarity"),
        data.mean_forgetting.sel(consolidation=0.0, protection="shared"),
        rtol=1e-12,
    )


def test_units_that_stay_alike_forget_monotonically(project):
    V = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    data = two_task_digits([8], V, [0.0], 2, 0, shown=[0.0])
    tied = data.tied_forgetting.sel(students=8)
    assert (tied.diff("similarity") < 0).all()
    assert SHAPES[int(forgetting_shape(V, tied.mean("draw")))] == "monotonic"
    # At the usual scale the units part where the tasks are unlike, and forget less there.
    loose = data.forgetting.sel(students=8, scheme="shared", shown=0.0)
    assert (loose.sel(similarity=0.0) < 0.5 * tied.sel(similarity=0.0)).all()
    np.testing.assert_allclose(loose.sel(similarity=0.8), tied.sel(similarity=0.8), atol=0.01)


def tiny(draws, seed=0, **options):
    return two_task_digits(
        [3, 2], [0.0, 0.5, 1.0], [0.0, 1.0], draws, seed, shown=[0.0, 1.0], steps=40, batch=4, **options
    )


def test_names_stand_beside_their_numbers(project):
    data = tiny(2)
    alone = digit_runs(
        [{"students": 2, "protection": "shared", "draw": 1}], [0.5], [1.0], 0, steps=40, batch=4
    )
    place = {"students": 2, "draw": 1, "similarity": 0.5}
    lost = forgetting(alone.second_course[0, 0, 0, :, 0].values)[-1]
    assert float(data.forgetting.sel(place | {"scheme": "shared", "shown": 1.0})) == lost
    assert float(data.second_error.sel(place | {"scheme": "shared", "shown": 1.0})) == float(
        alone.second_course[0, 0, 0, -1, 1]
    )
    assert float(data.first_error.sel(students=2, draw=1, scheme="shared")) == float(
        alone.first_course[0, 0, 0, -1, 0]
    )
    assert float(data.used.sel(students=2, draw=1, scheme="shared")) == float(alone.used[0])


def test_the_course_runs_through_both_tasks(project):
    data = tiny(2, course_similarity=0.5)
    course = data.course.sel(scheme="specialised", task=1)
    steps = data.course_step.values
    assert (steps[0], steps[-1]) == (0, 80)
    assert (np.diff(steps) > 0).all()
    np.testing.assert_allclose(
        course.sel(course_step=40), data.first_error.sel(students=2, scheme="specialised"), rtol=1e-12
    )
    plain = data.forgetting.sel(students=2, scheme="specialised", shown=0.0, similarity=0.5)
    np.testing.assert_allclose(course.sel(course_step=80) - course.sel(course_step=40), plain, atol=1e-12)


def test_more_draws_keep_the_first_ones(project):
    few, more = tiny(1), tiny(2)
    for name in ("forgetting", "cost", "course", "used"):
        np.testing.assert_array_equal(more[name].sel(draw=[0]), few[name])
    assert (tiny(1, seed=1).first_error != few.first_error).all()


def test_the_table_of_the_laptop_figure_stays_small(project):
    strengths = [0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]
    data = two_task_digits([2, 8], SIMILARITIES, strengths, 2, 0, steps=30, batch=1)
    assert 3 * len(tidy_csv(data)) < 200_000  # six draws


def test_starts():
    for scheme in ("specialised", "shared"):
        heads = start_readouts(scheme, 8, 0.3)
        np.testing.assert_allclose([np.linalg.norm(head) for head in heads], 0.3)
        np.testing.assert_allclose(heads[1], 0.3 / np.sqrt(8))
    assert {scheme for scheme, _ in PROTECTIONS.values()} == {"specialised", "shared"}


def test_bad_requests_are_named(project):
    with pytest.raises(ValueError, match="scheme: 'mixed' given; allowed: 'specialised', 'shared'"):
        start_readouts("mixed", 2, 0.3)
    for change, message in (
        ({"draws": 0}, "draws: 0 given"),
        ({"students": [1, 2]}, r"students: \[1, 2\] given"),
        (
            {"shown": [0.0, 2.0]},
            r"shown: \[0.0, 2.0\] given; allowed: 0 and others, all among consolidations",
        ),
        ({"shown": [1.0]}, r"shown: \[1.0\] given"),
    ):
        options = {"students": [2], "draws": 1, "shown": [0.0]} | change
        with pytest.raises(ValueError, match=message):
            two_task_digits(
                options["students"], [0.5], [0.0, 1.0], options["draws"], 0, shown=options["shown"], steps=1
            )
