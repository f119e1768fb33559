"""Simulations beside the flow: what is kept, the flow as their limit, bad input."""

import numpy as np
import pytest

from companion.studies.committee_simulation import simulations


@pytest.fixture(scope="module")
def data():
    return simulations.function([50, 400], 6, 8.0, 0, shown_dimension=400, moments=12, marks=4)


def test_both_tasks_are_recorded_with_early_times_denser(data):
    assert data.time.values[[0, 12, 24]].tolist() == [0.0, 8.0, 16.0]
    gaps = np.diff(data.time)
    assert (np.diff(gaps[:12]) > 0).all() and gaps[12] == pytest.approx(gaps[0])
    np.testing.assert_allclose(data.mark, data.time[::3])
    assert data["name"].values.tolist() == ["K=2, M=1, γ=0", "K=2, M=1, γ=2", "K=4, M=2, γ=0"]


def test_students_that_a_network_lacks_are_missing(data):
    for name in ("square", "first", "second", "readout"):
        flow, run = data[f"flow_{name}"], data[f"run_{name}"]
        assert flow.isel(system=[0, 1], student=[2, 3]).isnull().all()
        assert run.isel(system=[0, 1], student=[2, 3]).isnull().all()
        assert flow.isel(system=2).notnull().all() and run.isel(system=2).notnull().all()
        assert flow.isel(student=[0, 1]).notnull().all()


def test_runs_start_with_the_flow_and_stay_near(data):
    for name in ("square", "first", "second", "readout", "error"):
        run, flow = data[f"run_{name}"], data[f"flow_{name}"]
        mean = run.sel(summary="mean")
        np.testing.assert_allclose(mean.isel(mark=0), flow.isel(time=0), atol=1e-12)
        np.testing.assert_allclose(mean, flow.isel(time=slice(None, None, 3)), atol=0.06)
        present = mean.notnull()
        assert (run.sel(summary="lower") <= mean + 1e-12).where(present, True).all()
        assert (run.sel(summary="upper") >= mean - 1e-12).where(present, True).all()
        assert float((run.sel(summary="upper") - run.sel(summary="lower")).isel(mark=-1).max()) > 0


def test_consolidation_acts_in_the_second_task_alone(data):
    free, held = data.isel(system=0), data.isel(system=1)
    first = data.time <= 8.0
    np.testing.assert_array_equal(free.flow_error[first], held.flow_error[first])
    assert float(held.flow_error[-1, 0]) < float(free.flow_error[-1, 0])


def test_deviations_shrink_with_the_dimension(data):
    mean = data.deviation.mean("draw")
    ratio = (mean.sel(dimension=50) / mean.sel(dimension=400)).values
    assert np.exp(np.log(ratio).mean()) == pytest.approx(np.sqrt(8), rel=0.35)
    assert mean.sel(quantity="error").max() < mean.sel(quantity="Q").max()


def test_the_readout_is_that_of_the_task_being_learned(data):
    at, after = 12, 13
    free = data.flow_readout.isel(system=0, student=[0, 1])
    jump = abs(free[after] - free[at]).max()
    assert jump > 5 * abs(free[at] - free[at - 1]).max()


def test_numbers_do_not_depend_on_what_else_is_simulated(data):
    again = simulations.function([400], 6, 8.0, 0, shown_dimension=400, moments=12, marks=4)
    np.testing.assert_array_equal(again.run_square, data.run_square)
    np.testing.assert_array_equal(again.deviation[:, :, 0], data.deviation[:, :, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shown_dimension": 1000}, r"shown_dimension: 1000 given; allowed: one of \[50\]"),
        ({"marks": 5}, "marks: 5 given; allowed: a divisor of moments = 12"),
        ({"marks": 0}, "marks: 0 given"),
    ],
)
def test_bad_inputs_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        simulations.function([50], 2, 2.0, 0, **{"shown_dimension": 50, "moments": 12, "marks": 4} | change)
