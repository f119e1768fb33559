"""The figure of two tasks on digits draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import digit_tasks as figures
from companion.figures.style import PALETTE


def dataset(students=(2, 8)):
    """A dataset as the study returns it, every number unlike every other one."""
    random = np.random.default_rng(0)
    sizes = {
        "draw": 3,
        "students": len(students),
        "scheme": 2,
        "protection": 3,
        "shown": 3,
        "similarity": 4,
        "consolidation": 4,
        "course_step": 5,
        "task": 2,
    }
    dims = {
        "forgetting": ("draw", "students", "scheme", "shown", "similarity"),
        "second_error": ("draw", "students", "scheme", "shown", "similarity"),
        "tied_forgetting": ("draw", "students", "similarity"),
        "cost": ("draw", "students", "protection", "consolidation"),
        "first_error": ("draw", "students", "scheme"),
        "course": ("draw", "scheme", "course_step", "task"),
    }
    return xr.Dataset(
        {
            name: (along, random.uniform(0.01, 0.5, [sizes[dim] for dim in along]), {"long_name": name})
            for name, along in dims.items()
        },
        coords={
            "students": list(students),
            "scheme": ["specialised", "shared"],
            "protection": ["specialised", "shared", "specialised, uniform penalty"],
            "shown": [0.0, 0.3, 3.0],
            "similarity": ("similarity", [0.0, 0.3, 0.6, 1.0], {"long_name": "similarity $V$"}),
            "consolidation": ("consolidation", [0.0, 0.1, 1.0, 10.0], {"long_name": r"$\gamma$"}),
            "course_step": ("course_step", [0, 50, 100, 150, 200], {"long_name": "steps"}),
            "task": [1, 2],
        },
        attrs={"steps": 100, "course_similarity": 0.3, "course_students": students[0]},
    )


def heights(axes):
    return [np.asarray(container.lines[0].get_ydata()) for container in axes.containers]


def visible(drawing):
    return [axes for axes in drawing.axes if axes.get_visible()]


def test_every_panel_draws_its_numbers():
    data = dataset()
    forgetting, course, final, protected, *costs = visible(figures.two_task_digits(data))
    mean = data.mean("draw")
    plain = mean.sel(shown=0.0)
    order = ("students", "scheme", "similarity")
    np.testing.assert_allclose(heights(forgetting)[:2], mean.tied_forgetting.values)
    np.testing.assert_allclose(
        heights(forgetting)[2:], plain.forgetting.transpose(*order).values.reshape(4, 4)
    )
    (inset,) = forgetting.child_axes
    np.testing.assert_allclose(heights(inset), plain.forgetting.sel(scheme="specialised").values)
    np.testing.assert_allclose(heights(final), plain.second_error.transpose(*order).values.reshape(4, 4))
    levels = [line.get_ydata()[0] for line in final.lines if len(set(line.get_ydata())) == 1]
    np.testing.assert_allclose(sorted(levels), np.sort(mean.first_error.values.ravel()))
    np.testing.assert_allclose(
        heights(course), mean.course.transpose("scheme", "task", "course_step").values.reshape(4, 5)
    )
    np.testing.assert_allclose(heights(protected), mean.forgetting[0].values.reshape(6, 4))
    for place, axes in enumerate(costs):
        np.testing.assert_allclose(heights(axes), mean.cost[place].values)
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "0.1", "1", "10"]
        assert axes.get_title(loc="right") == f"$K={data.students.values[place]}$"


def test_panels_have_letters_and_labels():
    panels = visible(figures.two_task_digits(dataset()))
    assert [axes.get_title(loc="left") for axes in panels] == [f"({letter})" for letter in "abcdef"]
    for axes in panels:
        assert axes.get_xlabel()
        assert axes.get_ylabel()


@pytest.mark.parametrize("students", [(2,), (2, 4, 8)])
def test_a_cost_panel_for_each_number_of_students(students):
    panels = visible(figures.two_task_digits(dataset(students)))
    assert len(panels) == 4 + len(students)


def test_no_forgetting_is_left_out_of_the_logarithm():
    data = dataset()
    data.forgetting.loc[{"shown": 3.0, "scheme": "specialised"}] = -1e-3
    data.forgetting.loc[{"shown": 0.3, "scheme": "specialised", "similarity": 1.0}] = 0.0
    protected = visible(figures.two_task_digits(data))[3]
    assert [len(each) for each in heights(protected)] == [4, 3, 0, 4, 4, 4]


def test_a_scheme_keeps_its_colour():
    forgetting, *_ = visible(figures.two_task_digits(dataset()))
    colours = [container.lines[0].get_color() for container in forgetting.containers]
    assert colours == [PALETTE["vermilion"]] * 2 + [PALETTE["blue"], PALETTE["vermilion"]] * 2
