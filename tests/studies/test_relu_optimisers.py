"""The stored table of optimisers: counts, growth, floors, independent starts."""

import numpy as np
import pytest
import xarray as xr

from companion.store.artefacts import all_results, store_roots
from companion.studies import relu_optimisers as study


@pytest.fixture
def table(project):
    return study.optimiser_table([8, 9], 8, 12, 0, step_budget=900, maximum_steps=2500)


def test_table_counts_every_run_once(table):
    assert table.share.dims == ("criterion", "optimiser", "students")
    np.testing.assert_allclose(table.share, table.successes / 12)
    assert ((table.successes >= 0) & (table.share + table.unconverged <= 1 + 1e-12)).all()
    assert (table.lower <= table.share).all()
    assert (table.share <= table.upper).all()
    within, loose = table.isel(criterion=0), table.isel(criterion=1)
    assert (within.successes <= loose.successes).all()
    assert (within.unconverged >= loose.unconverged).all()
    assert int((loose.successes - within.successes).sum()) > 0


def test_success_against_steps_ends_at_the_success_without_budget(table):
    assert (table.success_by.diff("steps") >= 0).all()
    np.testing.assert_allclose(table.success_by.isel(steps=-1), table.share.isel(criterion=1))


def test_unit_rows_stay_above_their_floor(table):
    floor = table.loss_floor
    assert float(floor.sel(optimiser="normalised", students=9)) == pytest.approx(1 / (4 * np.pi))
    assert (floor.sel(optimiser=["gradient_descent", "two_layer"]) == 0).all()
    assert (floor.sel(students=8) == 0).all()
    assert (table.lowest_loss >= floor).all()
    assert (table.successes.sel(optimiser=list(study.CONSTRAINED), students=9) == 0).all()
    assert (table.successes.isel(criterion=1).sel(students=8) > 0).all()


def test_more_initialisations_compute_only_the_new_batches(project):
    options = {"step_budget": 500, "maximum_steps": 1000}
    study.optimiser_table([6], 6, 30, 0, **options)
    before = _batches()
    study.optimiser_table([6], 6, 40, 0, **options)
    assert len(before) == len(study.OPTIMISERS)
    assert len(_batches() - before) == len(study.OPTIMISERS)


def _batches() -> set[str]:
    results = all_results(store_roots()[0])
    return {address.key for address, _ in results if address.function.endswith("optimiser_batch")}


def test_successes_are_counted_from_the_steps_they_took(table):
    within, loose = table.successes.isel(criterion=0), table.successes.isel(criterion=1)
    steps = table.success_steps.isel(tolerance=0)
    np.testing.assert_array_equal((steps <= 900).sum("run"), within)
    np.testing.assert_array_equal((steps <= 2500).sum("run"), loose)
    np.testing.assert_array_equal(
        np.isfinite(table.success_steps.isel(tolerance=1)).sum("run"), table.successes[2]
    )
    assert (steps <= table.success_steps.isel(tolerance=1)).all()


def test_a_global_run_of_more_students_is_left_alone(table):
    first, last = (table.success_steps.sel(optimiser="gradient_descent").isel(tolerance=at) for at in (0, 1))
    reached = np.isfinite(first)
    wide, narrow = reached.sel(students=9), reached.sel(students=8)
    assert wide.any()
    np.testing.assert_array_equal(last.sel(students=9)[wide], first.sel(students=9)[wide])
    assert (last.sel(students=8)[narrow] > first.sel(students=8)[narrow]).all()


def test_every_cell_has_starts_of_its_own(project):
    conditions = tuple(
        {"optimiser": name, "students": size, "teachers": 6, "batch": batch}
        for name in ("gradient_descent", "two_layer")
        for size in (6, 7)
        for batch in (0, 1)
    )
    # After a step too short to see, the loss is that of the start: no two are alike.
    batch = study.optimiser_batch(conditions, 3, 0, (1e-300,), 1)
    assert np.unique(batch.loss.values).size == 8 * 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (([5], 6, 5, 0), "students: given 5 for 6 teachers"),
        (([], 6, 5, 0), "students: an empty list given"),
        (([0], 6, 5, 0), "students: given 0"),
        (([6], 6, 0, 0), "initialisations: given 0"),
        (([6], 0, 5, 0), "teachers: given 0"),
    ],
)
def test_table_names_the_wrong_argument(project, arguments, named):
    with pytest.raises(ValueError, match=named):
        study.optimiser_table(*arguments)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"step_budget": 0}, "step_budget: given 0"),
        ({"maximum_steps": 0, "step_budget": 1}, "maximum_steps: given 0"),
        (
            {"step_budget": 20, "maximum_steps": 10},
            "step_budget: given 20; allowed: up to maximum_steps, which is 10",
        ),
    ],
)
def test_table_names_the_wrong_limit(project, options, named):
    with pytest.raises(ValueError, match=named):
        study.optimiser_table([6], 6, 5, 0, **options)


def test_results_are_plain_datasets(table):
    assert isinstance(table, xr.Dataset)
    assert table.attrs["root_seed"] == 0
    assert all(variable.attrs.get("long_name") for variable in table.data_vars.values())
