"""Stored comparisons hold the runs that were named, and the theory beside them."""

import numpy as np
import pytest
import xarray as xr

from companion.studies import score_comparison, score_curves
from companion.studies.score_settings import SETTINGS


def test_names_choose_settings_and_unknown_ones_are_told_what_there_is():
    assert score_comparison.chosen(["V1", "G1"]) == {"V1": SETTINGS["V1"], "G1": SETTINGS["G1"]}
    with pytest.raises(ValueError, match=r"settings: given V9, X; allowed: V0, V1, .*MR"):
        score_comparison.chosen(["V9", "V1", "X"])


@pytest.mark.parametrize(
    "study",
    [
        lambda: score_comparison.compared_curves(["V1", "V9"], 8, 1, 0),
        lambda: score_comparison.compared_clocks(["V1", "V9"], 8, 1, 0),
        lambda: score_comparison.final_losses(["V1", "V9"]),
    ],
)
def test_studies_refuse_unknown_names(project, study):
    with pytest.raises(ValueError, match="settings: given V9; allowed: "):
        study()


NAMES = ["V1", "G1", "R1"]  # not the order of the alphabet, in which stored functions see a dict


def test_curves_are_those_of_their_run_in_the_order_of_the_names(project):
    both = score_comparison.compared_curves(NAMES, 8, 2, 0, marks=5)
    assert both.setting.values.tolist() == NAMES
    np.testing.assert_array_equal(both.time, score_curves.time_grid(281))
    np.testing.assert_array_equal(both.mark, both.time[[0, 70, 140, 210, 280]])
    assert (both.attrs["dimension"], both.attrs["root_seed"]) == (8, 0)
    for name in NAMES:
        setting = {name: SETTINGS[name]}
        part = both.sel(setting=name)
        simulated = score_curves.simulated_curves(setting, 8, 2, 0).sel(setting=name)
        theory = score_curves.theory_curves(setting).sel(setting=name)
        for variable in ("train", "test"):
            drawn = part[f"simulated_{variable}"].transpose("draw", "mark", "label")
            np.testing.assert_array_equal(drawn, simulated[variable].sel(time=both.mark.values))
            np.testing.assert_allclose(part[variable], theory[variable], rtol=1e-6)
        np.testing.assert_array_equal(part.reducible, theory.reducible)


def test_clocks_are_those_of_their_run_in_the_order_of_the_names(project):
    both = score_comparison.compared_clocks(NAMES, 8, 2, 0)
    assert both.setting.values.tolist() == NAMES
    assert "time" not in both.dims
    assert both.attrs["last_time"] == pytest.approx(1e4)
    for name in NAMES:
        setting = {name: SETTINGS[name]}
        simulated = score_curves.simulated_curves(setting, 8, 2, 0).sel(setting=name)
        theory = score_curves.theory_curves(setting).sel(setting=name)
        for clock in score_comparison.CLOCKS:
            drawn = both[f"simulated_{clock}"].sel(setting=name)
            np.testing.assert_array_equal(drawn.transpose(*simulated[clock].dims), simulated[clock])
            np.testing.assert_allclose(both[clock].sel(setting=name), theory[clock], rtol=1e-6)


def test_the_design_has_its_shares_beside_its_clocks(project):
    design = score_comparison.support_exposure(8, 1, 0)
    assert "time" not in design.dims
    assert {"gen_passage", "simulated_mem_gap_absolute"} <= set(design.data_vars)
    cells = zip(design.support.values, design.exposure.values, strict=True)
    found = dict(zip(design.setting.values, cells, strict=True))
    assert found == score_comparison.DESIGN
    # In the theory a lighter class is learned later, whatever the number of its examples.
    passage = design.gen_passage.sel(share=0.5).isel(label=0)
    light, heavy = (passage.isel(setting=design.exposure.values == weight) for weight in (0.1, 0.5))
    assert float(light.min()) > float(heavy.max())


def test_final_losses_are_where_the_curves_end(project):
    names = ["V1", "R5 light", "G1"]
    ends = score_comparison.final_losses(names)
    assert ends.setting.values.tolist() == names
    assert ends.test.dims == ("setting", "label")
    curves = score_curves.theory_curves(score_comparison.chosen(names)).sel(setting=names).isel(time=-1)
    xr.testing.assert_allclose(ends.train, curves.train.drop_vars("time"), rtol=0.05)
    assert (ends.train <= curves.train + 1e-6).all()
    assert (ends.test > ends.train).all()


def test_bands_and_clocks_move_as_printed_with_the_number_of_examples(project):
    """One class of unit variance, t = .01, psi_p = 64: band medians at d = 30, clocks in the limit."""
    sizes = score_comparison.sample_size([2.0, 4.0, 8.0], 10, 2, 0)
    assert sizes.memorisation_band.dims == ("sample_ratio", "draw")
    memorised, generalised = (
        sizes[f"{name}_band"].mean("draw") for name in ("memorisation", "generalisation")
    )
    np.testing.assert_allclose(memorised, [0.703, 0.347, 0.167], rtol=0.25)
    np.testing.assert_allclose(generalised, [22, 22, 22], rtol=0.15)
    np.testing.assert_allclose(sizes.gen_passage, [0.0148] * 3, rtol=5e-3)
    np.testing.assert_allclose(sizes.mem_gap_absolute[1:], [0.97, 3.2], rtol=5e-3)
    assert sizes.attrs["diffusion_time"] == 0.01
    assert sizes.attrs["feature_ratio"] == 64.0


def test_numbers_of_examples_keep_their_order_and_draws_their_noise(project):
    """Ten is alphabetically before two, and four of the first draws are four of the second."""
    sizes = score_comparison.sample_size([2.0, 10.0, 4.0], 6, 2, 0, feature_ratio=12.0)
    assert sizes.sample_ratio.values.tolist() == [2.0, 10.0, 4.0]
    clocks = sizes.mem_gap_absolute.values
    assert clocks[0] < clocks[2] < clocks[1]
    again = score_comparison.sample_size([4.0], 6, 1, 0, feature_ratio=12.0)
    np.testing.assert_array_equal(
        again.memorisation_band, sizes.memorisation_band.sel(sample_ratio=[4.0]).isel(draw=[0])
    )


def test_more_draws_diagonalise_only_the_new_ones(project, monkeypatch):
    sizes, draw_features = [], score_comparison.draw_features

    def counting(*arguments, **named):
        sizes.append(arguments[1:3])
        return draw_features(*arguments, **named)

    monkeypatch.setattr(score_comparison, "draw_features", counting)
    score_comparison.sample_size([2.0, 4.0], 6, 1, 0, feature_ratio=12.0)
    assert sizes == [(72, 6)] * 2
    score_comparison.sample_size([2.0, 4.0, 3.0], 6, 2, 0, feature_ratio=12.0)
    assert len(sizes) == 6


@pytest.mark.parametrize(
    ("ratios", "draws", "message"),
    [
        ([2.0, 1.0], 2, r"sample_ratios: given \[2.0, 1.0\]; allowed: numbers above 1"),
        ([], 2, r"sample_ratios: given \[\]; allowed: numbers above 1"),
        ([2.0], 0, "draws: given 0; allowed: at least 1"),
    ],
)
def test_bad_numbers_of_examples_and_draws_are_refused_by_name(project, ratios, draws, message):
    with pytest.raises(ValueError, match=message):
        score_comparison.sample_size(ratios, 6, draws, 0)
