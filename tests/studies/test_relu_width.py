"""The stored experiments on width count every run once."""

import numpy as np
import pytest
import xarray as xr

from companion.analysis.statistics import wilson_interval
from companion.studies import relu_width


def test_every_run_has_one_outcome(project):
    frequencies = relu_width.endpoint_frequencies([6, 7], [0, 1], 6, 0)
    assert (frequencies.runs.sum("outcome") == 6).all()
    assert frequencies.students.values.tolist() == [6, 7, 7, 8]
    assert (frequencies.spurious <= frequencies.converged).all()
    np.testing.assert_allclose(frequencies.share.sum("outcome"), 1.0)


@pytest.fixture
def census(monkeypatch):
    """A census that needs no descent: two global, five spurious and three unconverged runs; what it was asked."""
    asked = []

    def pretended(students, teachers, initialisations, seed, **more):
        asked.append(more)
        labels = np.array(["global"] * 2 + ["I(1)"] * 3 + ["II(6)", "unmatched"] + ["unconverged"] * 3)
        return xr.Dataset(
            {
                "family": ("initialisation", labels),
                "converged": ("initialisation", labels != "unconverged"),
                "anti_aligned": ("initialisation", [0, 0, 1, 1, 1, 6, 3, 0, 0, 0]),
                "fraction_spurious": 5 / 7,
                "fraction_spurious_interval": ("bound", list(wilson_interval(5, 7))),
                "fraction_unconverged": 0.3,
            }
        )

    monkeypatch.setattr(relu_width, "basin_census", pretended)
    return asked


def test_shares_are_of_all_runs_and_carry_their_intervals(project, census):
    frequencies = relu_width.endpoint_frequencies.function([8], [0], 10, 0).isel(cell=0)
    assert dict(zip(frequencies.outcome.values.tolist(), frequencies.runs.values.tolist(), strict=True)) == {
        "global": 2,
        "I(1)": 3,
        "II(6)": 1,
        "unmatched": 1,
        "unconverged": 3,
    }
    assert float(frequencies.share.sel(outcome="I(1)")) == 0.3
    ends = [frequencies[f"share_{end}"].sel(outcome="I(1)") for end in ("lower", "upper")]
    np.testing.assert_allclose(ends, wilson_interval(3, 10))
    assert frequencies.anti_aligned_runs.values.tolist() == [0, 3, 0, 1, 0, 0, 1]
    assert (float(frequencies.spurious_share), float(frequencies.fraction_spurious)) == (0.5, 5 / 7)
    np.testing.assert_allclose(
        [frequencies.spurious_share_lower, frequencies.spurious_share_upper], wilson_interval(5, 10)
    )
    assert census == [{}]


def test_an_early_stop_is_one_at_every_loss(project, census):
    relu_width.endpoint_frequencies.function([8], [1], 10, 0, early_tolerance=1e-5)
    assert census == [{"tolerance": 1e-5, "spurious_tolerance": 1e-5}]


@pytest.mark.parametrize(("teachers", "surplus", "named"), [([], [0], "teachers"), ([6], [], "surplus")])
def test_empty_lists_are_refused_by_name(project, teachers, surplus, named):
    with pytest.raises(ValueError, match=named):
        relu_width.endpoint_frequencies(teachers, surplus, 5, 0)


def test_both_stopping_rules_count_the_same_starts(project):
    comparison = relu_width.tolerance_comparison(8, [0, 1], 12, 0)
    assert comparison.stopping.values.tolist() == ["1e-5", "converged"]
    assert (comparison.runs.sum("outcome") == 12).all()
    total = comparison.anti_aligned_runs.sum("anti_aligned")
    np.testing.assert_array_equal(total, comparison.spurious)
    assert float(comparison.smallest_eigenvalue.sel(outcome="I(1)")) == pytest.approx(0.021347, abs=1e-6)
    assert comparison.smallest_eigenvalue.sel(outcome=["global", "unconverged"]).isnull().all()


def test_the_table_lists_both_widths_with_their_basins(project, census):
    table = relu_width.families_of_sizes.function([(17, 17), (18, 17)], 6, 10, 0)
    names = table.name.values.tolist()
    assert {"I(1)", "X(3)", "S(1)"} <= set(names)
    row = table.isel(row=names.index("X(3)"))
    assert abs(float(row.loss) - 0.019157183) < 1e-8
    assert int(row.basin_runs) == 0
    met = table.isel(row=names.index("I(1)"))
    assert (int(met.basin_runs), float(met.basin_share)) == (3, 0.3)
    np.testing.assert_allclose([met.basin_share_lower, met.basin_share_upper], wilson_interval(3, 10))


@pytest.mark.parametrize(("teachers", "flipped"), [(8, [2, 3]), (17, []), (17, [1]), (17, [40]), (3, [2])])
def test_softness_names_the_families_that_there_are(project, teachers, flipped):
    with pytest.raises(ValueError, match="flipped: given"):
        relu_width.softness(teachers, flipped)


def test_softness_compares_the_families_with_one_student_more(project):
    softness = relu_width.softness(17, [2, 4])
    assert float(softness.hessian_min_wide.sel(flipped=2)) == pytest.approx(-0.020415, abs=1e-6)
    expected = 0.005866 / 0.024185
    assert float(softness.hessian_ratio.sel(flipped=4)) == pytest.approx(expected, rel=1e-3)


def test_dimension_changes_the_start_but_not_the_coordinates(project):
    dependence = relu_width.start_dependence([6, 7], [200, 10**6, 6], [0.1], 8, 0)
    assert dependence.varied.values.tolist() == ["dimension"] * 3 + ["scale"] + ["dimension"] * 3 + ["scale"]
    assert dependence.dimension.values.tolist() == [6, 200, 10**6, 6, 7, 200, 10**6, 7]
    assert dependence.students.values.tolist() == [6] * 4 + [7] * 4
    assert (dependence.converged == 8).all()
    np.testing.assert_allclose(dependence.fraction_spurious, dependence.spurious / dependence.converged)
    lower, upper = wilson_interval(int(dependence.spurious[4]), 8)
    assert (float(dependence.lower[4]), float(dependence.upper[4])) == (lower, upper)


def test_a_dimension_below_every_size_is_refused_by_name(project):
    with pytest.raises(ValueError, match="dimensions: given 4"):
        relu_width.start_dependence([6, 7], [4, 100], [0.1], 8, 0)
