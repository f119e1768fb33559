"""Power laws and exponentials told apart."""

import numpy as np
import pytest

from companion.analysis.power_laws import fit_exponential, fit_power_law, local_slopes

_TIMES = np.geomspace(1, 1000, 31)


def test_a_power_law_is_recovered():
    fit = fit_power_law(_TIMES, 5 * _TIMES**-3)
    assert fit.slope == pytest.approx(-3)
    assert fit.amplitude == pytest.approx(5)
    assert fit.residual < 1e-12
    assert fit.points == 11
    middle, slopes = local_slopes(_TIMES, 5 * _TIMES**-3)
    np.testing.assert_allclose(slopes, -3)
    assert ((_TIMES[:-1] < middle) & (middle < _TIMES[1:])).all()


def test_an_exponential_is_recovered_and_is_no_power_law():
    decay = 2 * np.exp(-0.05 * _TIMES)
    fit = fit_exponential(_TIMES, decay)
    assert fit.slope == pytest.approx(-0.05)
    assert fit.amplitude == pytest.approx(2)
    assert fit_power_law(_TIMES, decay).residual > 1e6 * fit.residual
    assert np.all(np.diff(local_slopes(_TIMES, decay)[1]) < 0)


def test_only_the_last_decades_count():
    bent = np.where(_TIMES < 99, _TIMES**-1.0, 100 * _TIMES**-2.0)
    assert fit_power_law(_TIMES, bent).slope == pytest.approx(-2)
    assert -2 < fit_power_law(_TIMES, bent, decades=3).slope < -1
    assert fit_power_law(_TIMES, bent, decades=3).points == 31


@pytest.mark.parametrize(
    ("times", "values", "options", "message"),
    [
        ([1, 2, 3], [1, 2], {}, "one length"),
        ([1, 2, 3], [1, 0, 1], {}, "values must be positive and finite"),
        ([1, 2, 3], [1, np.nan, 1], {}, "values must be positive and finite"),
        ([0, 2, 3], [1, 1, 1], {}, "times must be positive"),
        ([1, 3, 3], [1, 1, 1], {}, "times must rise"),
        ([1, 10, 200], [1, 1, 1], {}, "three points in the last 1 decades, got 1"),
        ([1, 2, 3], [1, 1, 1], {"decades": 0.0}, "decades must be positive"),
    ],
)
def test_bad_arguments_are_named(times, values, options, message):
    with pytest.raises(ValueError, match=message):
        fit_power_law(times, values, **options)
