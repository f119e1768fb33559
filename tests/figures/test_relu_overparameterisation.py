"""The figures of K > M draw what the datasets hold."""

import numpy as np
import pytest

from companion.figures import relu_overparameterisation as figures
from companion.studies import relu_overparameterisation as study


def test_flatness_draws_spectra_decay_and_valley(project):
    minima = study.flatness(7, 9, 4, 10, 2, 3000, 0)
    spectra, decay, valley = figures.flatness(minima).axes
    assert [len(line.get_xdata()) for line in spectra.lines] == [63, 72, 81, 63, 72]
    assert len(decay.lines) == 2 * 2 + 1
    np.testing.assert_allclose(decay.lines[2].get_ydata(), minima.curve.sel(size=5, start=0))
    drawn = [line.get_ydata() for line in valley.lines[:3]]
    np.testing.assert_allclose(drawn, minima.valley.values)
    for axes in (decay, valley):
        assert "$L$" in axes.get_ylabel()


def test_splitting_draws_every_unit_and_the_predicted_slope(project):
    split = study.splitting([7], 7, 1, 1e-5, 3000, 0)
    units, growth, loss = figures.splitting(split).axes
    markers = [line for line in units.lines if line.get_marker() not in ("", "None", None)]
    assert sum(len(line.get_xdata()) for line in markers) == split.sizes["unit"]
    dashed = [line for line in growth.lines if line.get_linestyle() == "--"]
    for line, rate in zip(dashed, split.escape_rate.values, strict=True):
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert np.log(y[-1] / y[0]) / (x[-1] - x[0]) == pytest.approx(rate)
    np.testing.assert_allclose(loss.lines[0].get_ydata(), split.escape_loss.isel(split=0, repeat=0))
