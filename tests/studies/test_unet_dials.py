import numpy as np
import pytest

from companion.studies.unet_dials import (
    centroid_dial,
    dialled_mixture,
    order_map,
    predicted_lead,
    raw_pairs,
    variance_dial,
)
from companion.studies.unet_recipes import ImageSetting, Recipe


def dial(**fields):
    return ImageSetting(first="Shirt", second="", **fields)


def test_theory_of_the_dial_is_odd_about_the_null():
    recipe = Recipe()
    null = predicted_lead(dialled_mixture(dial(), recipe, 0))
    wide, narrow = (predicted_lead(dialled_mixture(dial(gain=gain), recipe, 0))[0] for gain in (1.25, 0.8))
    assert abs(null[0]) < 1e-3
    assert wide > 0 > narrow


def test_the_mixture_of_a_dial_has_unit_second_moment_at_the_null():
    mixture = dialled_mixture(dial(), Recipe(), 0)
    moment = np.array(mixture.standard_deviations) ** 2 + np.diag(mixture.gram)
    np.testing.assert_allclose(moment.mean(), 1, rtol=1e-6)
    assert mixture.gram[0][1] == pytest.approx(0, abs=1e-12)


def test_dials_and_raw_pairs_share_the_null(run_store, tiny_recipe):
    variance = variance_dial("Shirt", [0.7, 1.0], 6, tiny_recipe, 1, 0)
    centroid = centroid_dial("Shirt", [1.0, 1.5], 6, tiny_recipe, 1, 0)
    null = variance.sel(gain=1.0), centroid.sel(norm_ratio=1.0)
    np.testing.assert_array_equal(null[0].test_loss, null[1].test_loss)
    raw = raw_pairs([("T-shirt", "Sandal")], 6, tiny_recipe, 1, 0)
    assert raw.norm.values[0, 0] < raw.norm.values[0, 1]
    # Shares of one half are the dial itself.
    order = order_map("Shirt", [0.7], [6, 3], 12, tiny_recipe, 1, 0)
    np.testing.assert_array_equal(order.lead.values[0, 0], variance.lead.sel(gain=0.7).values)
