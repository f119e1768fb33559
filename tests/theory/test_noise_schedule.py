import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.theory.noise_schedule import NoiseSchedule


def test_variance_is_preserved_and_noise_grows():
    schedule = NoiseSchedule()
    np.testing.assert_allclose(schedule.signal**2 + schedule.noise**2, 1, rtol=1e-14)
    assert (np.diff(schedule.noise) > 0).all()
    product = np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000))
    np.testing.assert_allclose(schedule.signal**2, product, rtol=1e-12)


def test_indices_of_the_theory_times():
    times = NoiseSchedule().times[[40, 136, 311]]
    np.testing.assert_allclose(times, [0.01, 0.1, 0.5], rtol=0.03)


@given(st.integers(2, 300), st.integers(1, 300))
def test_a_sampling_grid_falls_from_the_last_level_to_the_first(length, steps):
    schedule = NoiseSchedule(length)
    if steps > length:
        with pytest.raises(ValueError, match="sampler steps"):
            schedule.sampling_grid(steps)
        return
    grid = schedule.sampling_grid(steps)
    assert grid.shape == (steps,)
    assert grid[0] == length - 1
    assert (np.diff(grid) < 0).all()
    assert grid[-1] == 0 or steps == 1


@pytest.mark.parametrize("bad", [{"length": 1}, {"first": 0.0}, {"last": 1.0}, {"first": 0.1, "last": 0.01}])
def test_a_schedule_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match="noise schedule"):
        NoiseSchedule(**bad)
