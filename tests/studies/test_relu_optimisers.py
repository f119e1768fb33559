"""The stored sweeps over optimisers and assumptions: counts, growth, floors, losses met."""

import numpy as np
import pytest
import xarray as xr

from companion.store.artefacts import all_results, store_roots
from companion.studies import relu_optimisers as study
from companion.theory.relu_landscape import family


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


def test_audit_meets_the_families_only_without_assumptions(project):
    audit = study.assumption_audit([6, 8], 100, 0)
    assert (audit.converged == 100).all()
    assert (audit.spurious.sel(students=6) <= 1).all()
    met = audit.spurious.sel(students=8)
    assert int(met.sel(assumption="erf")) == 0
    first = {
        name: float(audit.level_loss.where(audit.level_assumption == name, drop=True).min())
        for name in ("free", "unit rows", "orthonormal rows")
    }
    assert first["free"] == pytest.approx(family("I", 1, 8).loss, abs=1e-7)
    assert first["unit rows"] == pytest.approx(0.02406, abs=5e-6)
    assert first["orthonormal rows"] == pytest.approx(0.0241, abs=5e-5)
    np.testing.assert_allclose(audit.share, audit.spurious / 100)
    assert int(audit.level_runs.sum()) == int(audit.spurious.sum())


def test_levels_are_apart():
    found = study._levels(np.array([0.2, 0.1, 0.1 + 1e-7, 0.2 + 1e-3]))
    assert [(round(loss, 4), runs) for loss, runs in found] == [(0.1, 2), (0.2, 1), (0.201, 1)]
    assert study._levels(np.array([])) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(([5], 6, 5, 0), "students"), (([6], 6, 0, 0), "initialisations"), (([6], 0, 5, 0), "teachers")],
)
def test_table_names_the_wrong_argument(project, arguments, named):
    with pytest.raises(ValueError, match=named):
        study.optimiser_table(*arguments)


def test_results_are_plain_datasets(table):
    assert isinstance(table, xr.Dataset)
    assert table.attrs["root_seed"] == 0
    assert all(variable.attrs.get("long_name") for variable in table.data_vars.values())
