"""The stored P1 experiments: shapes, counts, and what a grown census recomputes."""

import numpy as np
import pytest
import xarray as xr

from companion.store.artefacts import all_results, store_roots
from companion.studies import relu_families, relu_landscape
from companion.theory.relu_landscape import family, population_loss


def blocks_in_store() -> set[str]:
    return {
        address.key
        for address, _ in all_results(store_roots()[0])
        if address.function.endswith("basin_block")
    }


def test_census_counts_unconverged_runs_apart(project):
    census = relu_landscape.basin_census(6, 6, 12, 3, maximum_steps=700)
    labels = census.family.values
    assert 0 < float(census.fraction_unconverged) < 1
    assert (labels[~census.converged.values] == "unconverged").all()
    assert not (labels[census.converged.values] == "unconverged").any()
    assert float(census.fraction_unconverged) == pytest.approx(1 - census.converged.values.mean())


def test_census_fraction_and_interval_follow_from_its_rows(project):
    census = relu_landscape.basin_census(8, 8, 60, 0)
    spurious = int((census.family != "global").sum())
    assert spurious > 0
    assert float(census.fraction_spurious) == spurious / 60
    lower, upper = census.fraction_spurious_interval.values
    assert 0 < lower < spurious / 60 < upper < 1
    oracle = family("I", 1, 8).loss
    in_family = census.where(census.family == "I(1)", drop=True)
    np.testing.assert_allclose(in_family.loss, oracle, atol=1e-12)


def test_more_initialisations_compute_only_the_new_blocks(project, monkeypatch):
    monkeypatch.setattr(relu_landscape, "_runs_per_block", lambda students: 10)
    small = relu_landscape.basin_census(6, 6, 20, 0)
    before = blocks_in_store()
    large = relu_landscape.basin_census(6, 6, 30, 0)
    assert len(before) == 2
    assert len(blocks_in_store() - before) == 1
    xr.testing.assert_equal(large.loss.isel(initialisation=slice(20)), small.loss)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((0, 0, 5, 0), "students"), ((5, 5, 0, 0), "initialisations"), ((5, 6, 5, 0), "students")],
)
def test_census_names_the_wrong_argument(project, arguments, named):
    with pytest.raises(ValueError, match=named):
        relu_landscape.basin_census(*arguments)


@pytest.mark.parametrize(
    ("study", "named"),
    [
        (lambda: relu_landscape.loss_histogram([5, 8], [5, 5], 0), "students"),
        (lambda: relu_landscape.loss_histogram([6, 8], [5], 0), "initialisations"),
        (lambda: relu_landscape.basin_census(6, 6, 5, 0, dimension=0), "dimension"),
        (lambda: relu_families.family_overlaps(3, 8), "students"),
        (lambda: relu_families.family_overlaps(8, 6), "wider_students"),
        (lambda: relu_families.losses_against_width(20, 10), "largest_students"),
    ],
)
def test_sizes_out_of_range_are_refused_by_name(project, study, named):
    with pytest.raises(ValueError, match=named):
        study()


def test_unpolished_endpoints_match_in_loss_but_not_in_blocks(project):
    census = relu_landscape.basin_census(8, 8, 60, 0, tolerance=1e-5, polished=False)
    spurious = census.where(census.family == "unmatched", drop=True)
    assert spurious.loss.size > 0
    assert float(spurious.loss_difference.max()) < 1e-7
    assert float(spurious.block_mismatch.min()) > 1e-5


def test_family_tables_agree_with_the_loss_of_the_weights(project):
    overlaps = relu_families.family_overlaps(8, 15)
    assert overlaps.family.values.tolist() == ["I(1)", "I(2)", "I(3)", "II(6)", "II(8)", "S(1)", "X(4)"]
    for index in range(overlaps.sizes["family"]):
        member = overlaps.isel(family=index)
        students, teachers = int(member.students), int(member.teachers)
        weights = member.teacher_overlap.values[:students, :teachers]
        assert population_loss(weights, np.eye(teachers)) == pytest.approx(float(member.loss))
        assert np.isfinite(member.student_overlap.values).sum() == students**2


def test_real_widths_agree_with_the_full_hessian_at_whole_ones(project):
    widths = relu_families.losses_against_width(10, 100)
    common = [size for size in range(4, 11) if size in widths.width.values]
    assert len(common) == 7
    for family_name in ("I(1)", "I(3)", "II(K)"):
        by_symmetry = widths.least.sel(family=family_name, width=common)
        by_hessian = widths.stable.sel(family=family_name)
        np.testing.assert_array_equal(by_symmetry.values > 0, by_hessian.values == 1)
        np.testing.assert_allclose(
            widths.loss.sel(family=family_name, width=common),
            widths.whole_loss.sel(family=family_name),
            atol=1e-12,
        )
    assert np.isnan(widths.loss.sel(family="II(6)", width=5))
    assert float(widths.scaled_loss.sel(family="I(1)", width=100)) == pytest.approx(0.27417, abs=5e-6)


def test_stability_of_the_wider_families_comes_with_its_crossings(project):
    spectrum = relu_families.stability(8, 30)
    crossings = {
        str(name): spectrum.crossing.sel(branch=name).values[0] for name in ("S(1)", "X(4)", "II(6)")
    }
    assert crossings == pytest.approx({"S(1)": 7.6654, "X(4)": 14.6771, "II(6)": 17.0052}, abs=1e-4)
    at_fifteen = float(spectrum.branch_hessian_min.sel(branch="X(4)", width=15))
    assert at_fifteen == pytest.approx(0.000693, abs=1e-6)
