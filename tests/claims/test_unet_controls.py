"""The claim on the criterion for copies is judged right on counts whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import unet_controls as claims
from companion.studies.unet_controls import criterion_sets
from companion.studies.unet_recipes import Recipe

STEPS = (5, 8, 12, 25)


def counts(
    null=(1, 0, 2), exact=None, *, queries=1068, samples=512, few=0.75, twins=0.5, steps=STEPS, **attrs
):
    """Counts by training set; ``exact`` at 12 and 25 steps, ``few`` at 5 as a share, as ``twins`` with near twins."""
    sets = len(null)
    rows = [(samples, samples)] * sets if exact is None else exact
    grid = np.floor([[few * samples, 0.95 * samples, *row] for row in rows])
    grid = xr.DataArray(grid, dims=("set", "sampler_steps"), coords={"sampler_steps": list(STEPS)})
    whole = np.full((sets, len(STEPS)), np.floor(twins * samples))
    return xr.Dataset(
        {
            "null_memorised": ("set", np.array(null)),
            "null_queries": ("set", np.full(sets, queries)),
            "exact_memorised": grid,
            "coarse_exact_memorised": grid,
            "exact_samples": ("set", np.full(sets, samples)),
            "twin_null_memorised": ("set", np.array(null)),
            "twin_null_queries": ("set", np.full(sets, queries)),
            "twin_exact_memorised": (("set", "sampler_steps"), whole),
        },
        attrs={"root_seed": 1, "companion_key": "c6"} | attrs,
    ).sel(sampler_steps=list(steps))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (counts(), "holds"),
        (counts(exact=[(508, 512)] * 3), "holds"),
        (counts(exact=[(502, 512)] * 3), "inconclusive"),
        (counts(exact=[(480, 512)] * 3), "fails"),
        (counts(exact=[(512, 480)] * 3), "fails"),
        (counts(null=(15, 15, 15)), "holds"),
        (counts(null=(20, 20, 20)), "inconclusive"),
        (counts(null=(40, 40, 40)), "fails"),
        # A single set that fails alone is enough.
        (counts(null=(0, 0, 40)), "fails"),
        (counts(exact=[(512, 512), (512, 512), (480, 512)]), "fails"),
        (counts(null=(0, 0)), "inconclusive"),
        (counts(samples=300, exact=[(300, 300)] * 3), "inconclusive"),
        (counts(queries=300), "inconclusive"),
        (counts(exact=[(512, np.nan)] * 3), "not evaluated"),
        (counts(null=(0, np.nan, 0)), "not evaluated"),
        (counts(steps=(5, 12)), "not evaluated"),
        (counts(steps=(5, 12), null=(40, 40, 40)), "fails"),
        (counts().drop_vars("null_memorised"), "not evaluated"),
    ],
)
def test_real_images_are_no_copies_and_exact_samples_are(data, expected):
    assert claims.controls(data).verdict == expected


def test_what_was_found_on_the_criterion(unet_pairs):
    verdict = claims.controls(counts(exact=[(508, 512), (507, 512), (510, 512)]), unet_pairs())
    assert verdict.value == pytest.approx(1525 / 1536)
    assert verdict.interval is not None
    assert verdict.interval[0] < verdict.value < verdict.interval[1]
    assert verdict.value_text.startswith(
        "held out 0.09 % (0.03 to 0.27 %) of 3204; exact score, 12 steps 99.28 % ("
    )
    assert (verdict.replicates, verdict.root_seed) == (3, 1)
    assert verdict.keys == ("c6", "u" * 40)
    notes = "; ".join(verdict.notes)
    assert "held out by training set: 1 of 1068, 0 of 1068, 2 of 1068" in notes
    assert "exact score, 12 steps by training set: 508 of 512, 507 of 512, 510 of 512" in notes
    assert "exact score, 8 steps 94.9" in notes
    assert "null control Trouser / Sneaker" in notes


@pytest.mark.parametrize(
    ("few", "twins", "expected"),
    [(0.75, 0.5, ["fails"] * 3), (1.0, 1.0, ["holds"] * 3), (0.98, 0.98, ["inconclusive"] * 3)],
)
def test_regimes_of_the_criterion(few, twins, expected):
    verdict = claims.controls(counts(few=few, twins=twins))
    assert verdict.verdict == "holds"
    assert [regime.verdict for regime in verdict.regimes] == expected
    assert [regime.unexpected for regime in verdict.regimes] == [name == "holds" for name in expected]


def test_regimes_that_were_not_made_are_not_evaluated():
    without = counts(steps=(8, 12, 25)).drop_vars(["twin_exact_memorised", "coarse_exact_memorised"])
    verdict = claims.controls(without)
    assert verdict.verdict == "holds"
    assert {regime.verdict for regime in verdict.regimes} == {"not evaluated"}
    assert claims.controls(counts().drop_attrs()).notes[-1] == "the root seed was not recorded"


def test_the_study_makes_what_is_read_here():
    """Names are text on both sides: one that no longer meets its partner would silently judge nothing."""
    made = criterion_sets.function(("Bag", "Trouser"), 4, Recipe(), 1, 0, samples=32)
    verdict = claims.controls(made)
    assert verdict.verdict == "inconclusive"  # a single set
    assert {regime.verdict for regime in verdict.regimes} == {"inconclusive"}
    assert "missing" not in verdict.value_text
