"""The figures of speciation draw what the datasets hold."""

import numpy as np
import pytest

from companion.figures import speciation as figures
from companion.studies import learned_speciation as learned_study
from companion.studies import speciation as study


def heights(axes):
    return [np.asarray(container.lines[0].get_ydata()) for container in axes.containers]


def test_speciation_draws_curves_and_times(project):
    data = study.overview([0.1], [0.1, 0.01, 1e-3], 16, [16, 64], [1.3, 0.7], 64, 5, 2, 0)
    curves, three, two, growth = figures.speciation(data).axes
    np.testing.assert_allclose(
        [line.get_ydata() for line in curves.lines if len(line.get_xdata()) == data.sizes["time"]],
        data["curve"].isel(curve_weight=0).values.T,
    )
    np.testing.assert_allclose(heights(curves), data.ended.isel(curve_weight=0).mean("draw").values.T)
    np.testing.assert_allclose(heights(three)[1], data.three.isel(label=2).mean("draw"))
    np.testing.assert_allclose(heights(two)[0], data.two_absolute.mean("draw"))
    # The majority's own points say nothing at 1e-3.
    assert [len(each) for each in heights(two)[1:]] == [2, 2]
    np.testing.assert_allclose(heights(growth), data.measured.mean("draw"))
    for axes in (curves, three, two, growth):
        assert axes.get_xlabel()
        assert axes.get_ylabel()


@pytest.mark.parametrize(
    ("weight", "text"), [(1 / 3, "1/3"), (0.1, "0.1"), (0.02, "0.02"), (1e-3, "10^{-3}"), (3e-3, "0.003")]
)
def test_weights_are_written_as_one_reads_them(weight, text):
    assert figures._share(weight) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (0.03, "0.03"), (10.0, "10"), (1e3, "10^{3}")])
def test_training_times_too(value, text):
    assert figures._training(value) == text


def test_learned_speciation_draws_trainings_shares_and_times(project):
    data = learned_study.learned_speciation(0.2, 6, 6.0, 2.0, [0.0, 0.1, 10.0], 6, 2, 0, starts=4, steps=8)
    data["time"] = data.time.clip(0.1, 3.0)  # six clones may well never commit themselves
    minority, majority, shares, times = figures.learned_speciation(data).axes
    for axes, role in ((minority, "minority"), (majority, "majority")):
        expected = data.attribution.sel(role=role).mean("draw").values
        np.testing.assert_allclose(heights(axes)[:-1], expected)
        np.testing.assert_allclose(heights(axes)[-1], data.control_attribution.sel(role=role).mean("draw"))
    np.testing.assert_allclose(heights(shares), data.share.mean("draw").values.T)
    np.testing.assert_allclose(heights(times), data.time.mean("draw").values.T)
    assert [tick.get_text() for tick in shares.get_xticklabels()] == ["$0$", "$0.1$", "$10$"]
