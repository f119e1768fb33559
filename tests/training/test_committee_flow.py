"""The flow in torch: the compiled flow's numbers to rounding, devices, bad inputs."""

import numpy as np
import pytest
import torch

from companion.theory.committee_conditions import drawn_start, isotropic_start, two_task_conditions
from companion.theory.soft_committee import solve_two_tasks
from companion.training.committee_flow import solve_two_tasks_torch

HEADS = ([0.3, 0.0], [0.2, 0.2])
SHORT = {"first_time": 6.0, "second_time": 5.0, "times": np.linspace(0, 11, 12)}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _random(K, M, count=12, **change):
    rng = np.random.default_rng(K)
    options = {
        "similarity": rng.uniform(-1, 1, count),
        "teacher_readout": rng.uniform(0.5, 1.5, (count, M)),
        "learning_rate": rng.uniform(0.2, 0.8, count),
        "readout_learning_rate": rng.uniform(0.2, 0.8, count),
        "label_noise": rng.uniform(0, 0.1, count),
        "consolidation": rng.uniform(0, 3, count),
        "copy_readout": rng.integers(0, 2, count) > 0,
    }
    start = drawn_start(K, M, 60, 0.5, range(count), 0)
    return two_task_conditions(start, *(0.6 * rng.standard_normal((2, count, K))), **options | change)


def _agree(found, expected, tolerance=1e-10):
    assert list(found.data_vars) == list(expected.data_vars)
    assert found.attrs == expected.attrs
    for name, variable in expected.variables.items():
        assert found[name].dims == variable.dims and found[name].attrs == variable.attrs
        np.testing.assert_allclose(found[name], variable, rtol=0, atol=tolerance, err_msg=str(name))


@pytest.mark.parametrize(("K", "M"), [(1, 1), (2, 1), (4, 2), (3, 3)])
@pytest.mark.parametrize("penalty", ["fisher", "readout", "uniform"])
def test_agrees_with_the_compiled_flow(K, M, penalty):
    conditions = _random(K, M, penalty=penalty)
    _agree(solve_two_tasks_torch(conditions, **SHORT), solve_two_tasks(conditions, **SHORT), 1e-12)


@pytest.mark.parametrize("change", [{"gradient_flow": True}, {"consolidation": 0.0}])
def test_agrees_without_single_samples_and_without_consolidation(change):
    conditions = _random(3, 2, **change)
    _agree(solve_two_tasks_torch(conditions, **SHORT), solve_two_tasks(conditions, **SHORT), 1e-12)


def test_agrees_after_long_learning():
    start = drawn_start(2, 1, 1000, 0.3, range(3), 0)[:, None]
    conditions = two_task_conditions(start, [0.5, 0.1], [0.2, 0.4], [0.0, 0.5, 1.0], consolidation=1.0)
    options = {"first_time": 60.0, "second_time": 60.0, "times": [30.0, 90.0]}
    _agree(solve_two_tasks_torch(conditions, **options), solve_two_tasks(conditions, **options))


def test_one_task_only_and_without_overlaps():
    conditions = _random(2, 1)
    options = {"first_time": 3.0, "second_time": 0.0, "times": [1.0], "overlaps": False}
    _agree(solve_two_tasks_torch(conditions, **options), solve_two_tasks(conditions, **options), 1e-13)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_agrees_on_a_gpu():
    conditions = _random(4, 2, 200)
    found = solve_two_tasks_torch(conditions, **SHORT, device="cuda")
    _agree(found, solve_two_tasks(conditions, **SHORT))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_device_is_named():
    with pytest.raises(RuntimeError, match="device: 'cuda'"):
        solve_two_tasks_torch(_random(2, 1), **SHORT, device="cuda")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 0.0}, "step: 0.0 given; allowed: a positive number"),
        ({"step": np.nan}, "step: nan given"),
        ({"times": [99.0]}, "times: .* given; allowed: numbers from 0 to 11"),
        ({"first_time": -1.0}, "first_time: -1.0 given"),
        ({"first_time": 30.0, "step": 0.2}, "step: 0.2 given, unstable with consolidation 100"),
    ],
)
def test_bad_inputs_are_named(change, message):
    conditions = two_task_conditions(isotropic_start(2, 1, 1e-3), *HEADS, consolidation=100.0)
    with pytest.raises(ValueError, match=message):
        solve_two_tasks_torch(conditions, **SHORT | change)


def test_an_integration_that_breaks_down_names_its_conditions():
    conditions = two_task_conditions(isotropic_start(2, 1, 0.1), *HEADS, learning_rate=[1.0, 16.0])
    with pytest.raises(ArithmeticError, match="1 of 2 conditions, first in condition 1"):
        solve_two_tasks_torch(conditions, first_time=100.0, second_time=0.0, step=1.0)
