"""The figure of compositions and permutations draws what its two datasets hold."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.curriculum_families import families, with_products


def composed(replicates=3):
    noise = np.random.default_rng(0)
    by_step, by_run = ("treatment", "replicate", "step"), ("treatment", "replicate")
    return xr.Dataset(
        {name: (by_step, noise.random((2, replicates, 5))) for name in ("rows", "known")}
        | {"final_rows": (by_run, noise.random((2, replicates)))}
        | {"final_pair": ((*by_run, "pair"), noise.random((2, replicates, 2)))}
        | {"chance": ("pair", [0.2, 0.25])},
        coords={
            "treatment": ["direct", "operations first"],
            "pair": ["add(sub)", "left(left)"],
            "step": ("step", [0, 10, 20, 30, 40], {"long_name": "steps $t$"}),
        },
        attrs={"switch": 8, "steps": 40, "store_key": "own"},
    )


def products(replicates=3):
    noise = np.random.default_rng(1)
    by_step = ("company", "replicate", "step")
    times = 100 * noise.random((2, 2, replicates))
    times[:, 1, 0] = times[1, 0, 0] = np.inf
    return xr.Dataset(
        {name: (by_step, noise.random((2, replicates, 4))) for name in ("product_train", "product_test")}
        | {
            name: (by_step[:2], times[place], {"long_name": "T"})
            for place, name in enumerate(("memorised", "generalised"))
        },
        coords={
            "company": ["alone", "+ sgn"],
            "step": ("step", [0, 40, 80, 120], {"long_name": "steps $t$"}),
        },
        attrs={"degree": 4, "steps": 120, "store_key": "other"},
    )


@pytest.fixture(scope="module")
def panels():
    return families(with_products(composed(), products())).axes


def means(axes):
    return [line.get_ydata() for line in axes.lines if line.get_linewidth() == 1.3]


def test_curves_are_means_over_seeds(panels):
    np.testing.assert_allclose(means(panels[0]), composed().rows.mean("replicate"))
    np.testing.assert_allclose(means(panels[2]), products().product_test.mean("replicate"))
    dashed = [line.get_ydata() for line in panels[0].lines if line.get_linewidth() == 0.8]
    np.testing.assert_allclose(dashed[:2], composed().known.mean("replicate"))
    assert panels[0].lines[-1].get_xdata() == [8, 8]
    assert (panels[0].get_xlim()[1], panels[2].get_xlim()[1]) == (40, 120)
    assert panels[2].get_ylabel() == "accuracy, products in $S_4$"


def test_ends_of_trained_and_of_new_pairs(panels):
    axes, data = panels[1], composed()
    assert [text.get_text() for text in axes.get_xticklabels()] == ["trained", "add(sub)", "left(left)"]
    wide = [each.get_segments() for each in axes.collections]
    own = data.isel(treatment=1)
    expected = [float(own.final_rows.mean()), *own.final_pair.mean("replicate").values]
    np.testing.assert_allclose([segment[0, 1] for segment in wide[1]], expected)
    assert [segments[0][0, 1] for segments in wide[2:]] == [0.2, 0.25]  # chance


def test_times_and_what_is_not_reached(panels):
    axes = panels[3]
    late = [line.get_xydata() for line in axes.lines if line.get_marker() == "^"]
    counts = [len(points) for points in late]
    assert counts == [0, 1, 1, 1]  # alone: one seed without test rows; in company one without either
    assert all(points[:, 1] == pytest.approx(1.04 * 120) for points in late if len(points))
    reached = [line.get_ydata() for line in axes.lines if line.get_marker() in ("o", "s")]
    np.testing.assert_allclose(reached[0], products().memorised.sel(company="alone"))


def test_one_seed_is_enough_and_products_are_asked_for():
    assert len(families(with_products(composed(1), products(1))).axes) == 4
    with pytest.raises(ValueError, match="compositions alone given"):
        families(composed())
    assert with_products(composed(), products()).attrs["store_key"] == "own"
