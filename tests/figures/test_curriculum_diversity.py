"""The figure of several linear tasks draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import curriculum_diversity as figures


@pytest.fixture
def data() -> xr.Dataset:
    random = np.random.default_rng(0)
    settings, tasks = [(1, 0.0), (2, 0.0), (2, 1.0)], 2
    shape = (3, 4, tasks)
    there = np.array([[True, False], [True, True], [True, True]])[:, None]
    generalised = np.where(there, random.uniform(300, 900, shape), np.nan)
    generalised[2, :, 1] = np.inf
    by_task, by_new = ("setting", "replicate", "task"), ("setting", "replicate", "new")
    return xr.Dataset(
        {
            "generalised": (by_task, generalised, {"long_name": "$T$", "units": "steps"}),
            "final_test": (
                by_task,
                np.where(there, random.uniform(size=shape), np.nan),
                {"long_name": "final"},
            ),
            "share": (("setting", "task"), [[1.0, np.nan], [0.5, 0.5], [2 / 3, 1 / 3]]),
            "zero_shot": (by_new, random.uniform(0, 0.1, (3, 4, 2))),
            "learned_word": (by_new, random.uniform(0.2, 1, (3, 4, 2))),
            "curve": (
                ("setting", "replicate", "step"),
                random.uniform(size=(3, 4, 5)),
                {"long_name": "test accuracy"},
            ),
        },
        coords={
            "tasks": ("setting", [count for count, _ in settings]),
            "exponent": ("setting", [exponent for _, exponent in settings]),
            "step": ("step", [0, 1, 10, 100, 1000], {"long_name": "training steps $t$"}),
        },
        attrs={"steps": 1000, "prime": 23},
    )


def test_curves_are_those_of_even_weights(data):
    axes = figures.task_diversity(data).axes[0]
    thick = [line.get_ydata() for line in axes.lines if line.get_linewidth() == 1.2]
    np.testing.assert_allclose(thick, data.curve[:2, :, 1:].mean("replicate"))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["$K=1$", "$K=2$"]


def test_times_stand_at_the_weights_of_their_tasks(data):
    axes = figures.task_diversity(data).axes[1]
    reached = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() in ("o", "s")])
    late = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() == "^"])
    assert late.tolist() == [[1 / 3, 1000]] * 4
    known = np.isfinite(data.generalised.values)
    shares = np.broadcast_to(data.share.values[:, None], known.shape)
    expected = np.stack([shares[known], data.generalised.values[known]], axis=1)
    np.testing.assert_allclose(reached, expected)


def test_ends_and_new_words_against_the_number_of_tasks(data):
    axes = figures.task_diversity(data).axes
    ends = [line.get_ydata() for line in axes[2].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(ends[0], data.final_test.mean("task").mean("replicate")[:2])
    words = [line.get_ydata() for line in axes[3].lines if line.get_marker() == "s"]
    np.testing.assert_allclose(words[0], [data.learned_word[2].mean()])
    np.testing.assert_allclose(words[1], [data.zero_shot[2].mean()])
    dashed = [
        line.get_ydata()[0]
        for line in axes[3].lines
        if len(line.get_ydata()) == 2 and line.get_marker() == "None"
    ]
    assert pytest.approx(1 / 23) in dashed


def test_one_replicate_can_be_drawn(data):
    assert len(figures.task_diversity(data.isel(replicate=[0])).axes) == 4
