"""The figure of exposure imbalance draws what the study says, whatever is missing from it."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.curriculum_imbalance import imbalance
from companion.figures.tables import tidy_csv

END = 1400.0


@pytest.fixture
def study():
    """A dataset of the study's shape with known times and accuracies."""

    def make(
        replicates=3,
        pairs=("add + sub", "add + mul"),
        widths=(32,),
        shares=(0.5, 0.2, 0.05),
        steps=36,
        seeds=None,
    ):
        noise = np.random.default_rng(0)
        settings = [(width, pair, share) for width in widths for pair in pairs for share in shares]
        at = np.unique(np.geomspace(10, END, steps).astype(int))
        curve, by_run = ("setting", "company", "step"), ("setting", "company", "role", "replicate")
        shape, runs = (len(settings), 2, len(at)), (len(settings), 2, 2, replicates)
        share = np.array([setting[2] for setting in settings])
        test = np.sort(noise.uniform(0, 1, shape), axis=2)
        final = noise.uniform(0.2, 1, runs)
        final[share != 0.5, 1, 0] = np.nan
        times = noise.uniform(300, 1300, runs)
        times[1, 0, 1] = np.inf
        names = ("final_train", "final_test", "area", "area_unseen")
        return xr.Dataset(
            {name: (by_run, final, {"long_name": name.replace("_", " ")}) for name in names}
            | {"generalised_at": (by_run, np.where(np.isnan(final), np.nan, times))}
            | dict.fromkeys(("test", "seen", "unseen"), (curve, test))
            | {"test_low": (curve, test - 0.05), "test_high": (curve, test + 0.05)}
            | {"exposure": (curve, 256 * share[:, None, None] * np.broadcast_to(at, shape))},
            coords={"step": at, "company": ["together", "alone"], "role": ["common", "rare"]},
            attrs={"steps": int(END), "batch": 256},
        ).assign_coords(
            width=("setting", [setting[0] for setting in settings]),
            pair=("setting", [setting[1] for setting in settings]),
            share=("setting", share),
            learning_rate=("setting", [0.005 if setting[0] == 32 else 0.003 for setting in settings]),
            seeds=("setting", [(seeds or {}).get(setting[1], replicates) for setting in settings]),
        )

    return make


def test_every_panel_says_something(study):
    drawing = imbalance(study())
    assert len(drawing.axes) == 12
    for axes in drawing.axes:
        assert axes.has_data()
        assert axes.get_xlabel()
    assert drawing.axes[0].get_ylabel() == "sub in add + sub\ntest accuracy"
    assert drawing.axes[5].get_xlabel() == "rows of mul seen $N(t)$"


def test_curves_are_those_of_the_rare_operation(study):
    data = study()
    axes = imbalance(data).axes
    solid = [line for line in axes[0].lines if line.get_linestyle() == "-"]
    expected = data.test.sel(company="together").values[:3]
    assert len(solid) == 3
    np.testing.assert_allclose([line.get_ydata() for line in solid], expected)
    rows = [line for line in axes[1].lines if line.get_linestyle() == "-"]
    np.testing.assert_allclose([line.get_xdata() for line in rows], data.exposure.values[:3, 0])


def _means(axes, colour):
    return [
        container.lines[0].get_ydata()
        for container in axes.containers
        if container.lines[0].get_color() == colour
    ]


def test_networks_that_never_get_there_count_with_the_end(study):
    data = study()
    drawing = imbalance(data)
    together, alone = _means(drawing.axes[9], "#1F5FA8")
    times = data.generalised_at.sel(role="rare").values[:3]
    np.testing.assert_allclose(together, np.minimum(times[:, 0], END).mean(axis=1))
    np.testing.assert_allclose(alone, times[:, 1].mean(axis=1))
    assert together[1] == END
    steps = [line for line in drawing.axes[8].lines if line.get_linestyle() == "-"]
    assert steps[1].get_ydata().min() == 1.0  # none of them generalised at the second share
    assert steps[0].get_ydata()[-1] == 0.0  # all did at the first


def test_company_is_compared_at_the_same_rows(study):
    data = study()
    rare, common = _means(imbalance(data).axes[11], "#1F5FA8")
    change = (data.final_test.sel(company="together") - data.final_test.sel(company="alone")).mean(
        "replicate"
    )
    np.testing.assert_allclose(rare, change.sel(role="rare").values[:3])
    np.testing.assert_allclose(common, change.sel(role="common").values[:1])


def test_several_widths_have_a_row_of_their_own(study):
    drawing = imbalance(study(widths=(32, 64)))
    assert len(drawing.axes) == 16
    labels = [text.get_text() for text in drawing.axes[12].get_legend().get_texts()]
    assert labels == [r"$d=32$, $\eta=0.005$", r"$d=64$, $\eta=0.003$"]


@pytest.mark.parametrize("options", [{"replicates": 1}, {"pairs": ("add + mul",)}, {"shares": (0.1,)}])
def test_small_studies_are_drawn(study, options):
    drawing = imbalance(study(**options))
    drawing.draw_without_rendering()


def test_missing_numbers_are_left_out(study):
    data = study()
    data["generalised_at"][0] = np.nan
    data["final_test"][0] = np.nan
    imbalance(data).draw_without_rendering()


def test_each_pair_has_its_own_seeds(study):
    data = study(replicates=4, seeds={"add + mul": 2})
    mul = (data.pair == "add + mul") & (xr.DataArray(np.arange(4), dims="replicate") >= 2)
    names = [name for name in data.data_vars if "replicate" in data[name].dims]
    drawing = imbalance(data.assign({name: data[name].where(~mul) for name in names}))
    area = data.area.sel(company="together", role="rare").isel(setting=[3, 4, 5], replicate=[0, 1])
    np.testing.assert_allclose(
        _means(drawing.axes[10], "#C8420A")[0], area.transpose("setting", "replicate").values.mean(axis=1)
    )


def test_the_table_is_small(study):
    assert len(tidy_csv(study(replicates=8, shares=(0.5, 0.2, 0.1, 0.05)))) < 200_000
