"""The stored P1 experiments: shapes, counts, and what a grown census recomputes."""

import numpy as np
import pytest
import xarray as xr

from companion.analysis.statistics import wilson_interval
from companion.store.artefacts import all_results, store_roots
from companion.studies import relu_endpoints, relu_families, relu_landscape
from companion.theory import relu_minimum
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
    assert (census.anti_aligned.values[~census.converged.values] == 0).all()


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
    ("changes", "named"),
    [
        ({"students": 0, "teachers": 0}, "students"),
        ({"initialisations": 0}, "initialisations"),
        ({"teachers": 7}, "students"),
        ({"dimension": 0}, "dimension"),
        ({"scale": 0.0}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"spurious_tolerance": float("inf")}, "spurious_tolerance"),
        ({"maximum_steps": 0}, "maximum_steps"),
        ({"teacher_correlation": 1.0}, "teacher_correlation"),
        ({"teacher_correlation": -0.2}, "teacher_correlation"),
        ({"teacher_correlation": float("nan")}, "teacher_correlation"),
    ],
)
def test_census_names_the_wrong_argument_before_it_computes(project, monkeypatch, changes, named):
    monkeypatch.setattr(relu_landscape, "sweep", None)
    arguments = {"students": 6, "teachers": 6, "initialisations": 5, "seed": 0} | changes
    with pytest.raises(ValueError, match=f"^{named}"):
        relu_landscape.basin_census(**arguments)


@pytest.mark.parametrize(
    ("study", "named"),
    [
        (lambda: relu_endpoints.loss_histogram([5, 8], [5, 5], [5, 8], 0), "students"),
        (lambda: relu_endpoints.loss_histogram([6, 8], [5], [6, 8], 0), "initialisations"),
        (lambda: relu_endpoints.loss_histogram([6, 8], [5, 5], [6], 0), "dimensions"),
        (lambda: relu_families.family_overlaps(3, 8), "students"),
        (lambda: relu_families.family_overlaps(8, 6), "wider_students"),
        (lambda: relu_families.losses_against_width(20, 10), "largest_students"),
        (lambda: relu_families.stability(3, 30), "largest_spectrum"),
        (lambda: relu_families.stability(8, 8), "largest_width"),
        (lambda: relu_families.stability(8, float("inf")), "largest_width"),
    ],
)
def test_sizes_out_of_range_are_refused_by_name(project, study, named):
    with pytest.raises(ValueError, match=named):
        study()


def test_each_tolerance_has_its_own_default(project, monkeypatch):
    asked = {}

    def note(function, conditions, **common):
        asked.update(common)
        raise InterruptedError

    monkeypatch.setattr(relu_landscape, "sweep", note)
    expected = [
        ((7, {}), (1e-6, 1e-9)),
        ((7, {"spurious_tolerance": 1e-8}), (1e-6, 1e-8)),
        ((7, {"tolerance": 1e-5}), (1e-5, 1e-9)),
        ((6, {}), (1e-7, None)),
        ((6, {"spurious_tolerance": 1e-9}), (1e-7, 1e-9)),
    ]
    for (students, given), tolerances in expected:
        with pytest.raises(InterruptedError):
            relu_landscape.basin_census(students, 6, 1, 0, **given)
        assert (asked["tolerance"], asked["spurious_tolerance"]) == tolerances


def test_spurious_endpoints_have_their_anti_aligned_students_counted(project):
    census = relu_landscape.basin_census(10, 10, 40, 0)
    for label, count in (("I(1)", 1), ("I(2)", 2), ("global", 0)):
        assert (census.anti_aligned.values[census.family.values == label] == count).all()
    assert (census.family == "I(1)").any()


@pytest.mark.parametrize("correlation", [0.0, 0.2])
def test_starts_in_a_large_dimension_have_the_law_of_that_dimension(correlation):
    starts, teacher = relu_landscape._starts(4, 3, range(400), 0, 10**6, 2.0, correlation)
    gram = (1 - correlation) * np.eye(3) + correlation
    np.testing.assert_allclose(teacher @ teacher.T, gram, atol=1e-12)
    assert starts.shape == (400, 4, 7)
    lengths = np.linalg.norm(starts, axis=2)
    np.testing.assert_allclose(lengths, 2.0, rtol=0.01)  # 1/sqrt(2 d) is 7e-4
    overlaps = starts @ teacher.T * np.sqrt(10**6) / 2.0
    assert overlaps.std() == pytest.approx(1.0, abs=0.05)
    among = np.einsum("nkm,nlm->nkl", overlaps @ np.linalg.inv(gram), overlaps) / 3
    np.testing.assert_allclose(among.mean(0), np.eye(4), atol=0.15)


def test_descent_does_not_ask_how_large_the_dimension_is(project):
    small = relu_landscape.basin_census(6, 6, 5, 0, dimension=12)
    large = relu_landscape.basin_census(6, 6, 5, 0, dimension=10**9)
    for census in (small, large):
        assert census.converged.all()
        assert (census.family == "global").all()


def test_a_histogram_keeps_unconverged_runs_in_its_shares(project, monkeypatch):
    def census(students, teachers, initialisations, seed, **more):
        labels = np.array(["global"] * 3 + ["I(1)"] * 5 + ["unconverged"] * 2)
        return xr.Dataset(
            {
                "loss": ("initialisation", np.linspace(0, 0.02, 10)),
                "converged": ("initialisation", labels != "unconverged"),
                "family": ("initialisation", labels),
                "fraction_unconverged": 0.2,
            },
            coords={"initialisation": range(10)},
        )

    monkeypatch.setattr(relu_endpoints, "basin_census", census)
    histogram = relu_endpoints.loss_histogram.function([6, 8], [10, 10], [6, 1000], 0)
    assert histogram.unconverged.values.tolist() == [2, 2]
    assert histogram.share_global.values.tolist() == [0.3, 0.3]
    lower, upper = wilson_interval(3, 10)
    np.testing.assert_allclose([histogram.lower[0], histogram.upper[0]], [lower, upper])
    assert histogram.run_panel.values.tolist() == [0] * 10 + [1] * 10
    assert histogram.dimension.values.tolist() == [6, 1000]


def test_matches_are_counted_by_setting(project):
    matches = relu_endpoints.family_matches([8], 30, 10, 10, 0.1, 0)
    polished, raw = (matches.sel(setting=name) for name in ("stopped early", "stopped early, unpolished"))
    assert int(polished.spurious) == int(raw.spurious) > 0
    assert (int(polished.unmatched), int(raw.unmatched)) == (0, int(raw.spurious))
    assert int(matches.unmatched.sel(setting="correlated teacher")) == int(
        matches.spurious.sel(setting="correlated teacher")
    )


def test_minima_that_share_their_count_are_named():
    assert relu_endpoints._shared_counts(10) == {}
    assert relu_endpoints._shared_counts(15) == {6: ["II(6)", "I(6)"]}


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


def test_stability_comes_from_the_full_hessian_of_the_weights(project, monkeypatch):
    monkeypatch.setattr(relu_minimum.Minimum, "hessian_min", property(lambda self: 1.0))
    monkeypatch.setattr(relu_minimum.Minimum, "is_minimum", property(lambda self: True))
    relu_families._point.cache_clear()
    loss, hessian_min, _ = relu_families._point("I(1)", 5)
    assert (loss, hessian_min) == pytest.approx((0.026970470, -0.007702), abs=1e-6)
    assert relu_families._point("S(1)", 9) == pytest.approx((0.020560792, 0.005945, 0.067542), abs=1e-6)
    widths = relu_families.losses_against_width.function(9, 100)
    assert widths.stable.sel(family="I(2)").values.tolist() == [-1, 0, 0, 0, 1, 1]


@pytest.fixture(scope="module")
def spectrum():
    return relu_families.stability.function(14, 30)


def test_stability_of_the_wider_families_comes_with_its_crossings(spectrum):
    crossings = {
        str(name): spectrum.crossing.sel(family=name).values[0] for name in ("S(1)", "X(4)", "II(6)")
    }
    assert crossings == pytest.approx({"S(1)": 7.6654, "X(4)": 14.6771, "II(6)": 17.0052}, abs=1e-4)
    at_fifteen = float(spectrum.branch_hessian_min.sel(family="X(4)", width=15))
    assert at_fifteen == pytest.approx(0.000693, abs=1e-6)
    assert spectrum.surplus.sel(family=["I(1)", "S(1)"]).values.tolist() == [0, 1]


def test_no_marker_stands_apart_from_its_branch(spectrum):
    # X(3) is a point of its own at K = 4, 5, 6, and a branch from 12 on.
    assert spectrum.hessian_min.sel(family="X(3)").notnull().values.tolist() == [False] * 8 + [True] * 3
    common = [size for size in range(8, 15) if size in spectrum.width.values]
    for name in ("S(1)", "X(4)", "II(6)"):
        np.testing.assert_allclose(
            spectrum.hessian_min.sel(family=name, students=common),
            spectrum.branch_hessian_min.sel(family=name, width=common),
            atol=1e-9,
        )
