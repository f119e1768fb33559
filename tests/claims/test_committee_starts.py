"""The claims on the start of one task are judged right on results whose verdict is known."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims import committee_starts as claims
from companion.claims.protocol import criterion_digest

ANGLES = np.linspace(0, np.pi / 4, 9)
FALLING = np.linspace(1.0, 0.0, 9)
BROKEN = np.where(np.arange(9) == 5, 0.9, FALLING)


def decided(
    usage=None,
    error=1e-5,
    *,
    excessive=BROKEN,
    drawn=None,
    fast=(FALLING, 1e-2),
    scales=(0.1, 0.3, 1.0, 2.0),
    **attrs,
):
    rows = {0.1: FALLING, 0.3: FALLING**0.9, 1.0: FALLING**0.5, 2.0: excessive} | (usage or {})
    by_draw = np.stack([FALLING, BROKEN], axis=-1) if drawn is None else np.asarray(drawn).T
    tiny = np.repeat(FALLING[:, None], by_draw.shape[1], axis=1)
    return xr.Dataset(
        {
            "usage": (("readout_scale", "angle"), np.array([rows[scale] for scale in scales])),
            "error": (("readout_scale", "angle"), np.full((len(scales), 9), error)),
            "drawn_usage": (("weight_scale", "few_angle", "draw"), np.stack([tiny, by_draw])),
            "drawn_error": (("weight_scale", "few_angle", "draw"), np.full((2, *by_draw.shape), 1e-5)),
            "fast_usage": (("fast_rate", "few_angle"), np.stack([fast[0]] * 2)),
            "fast_error": (("fast_rate", "few_angle"), np.full((2, 9), fast[1])),
            "entropy": ("angle", np.linspace(0, 1, 9)),
        },
        coords={
            "readout_scale": list(scales),
            "angle": ANGLES,
            "few_angle": ANGLES,
            "weight_scale": [1e-3, 1.0],
            "fast_rate": [6.0, 8.0],
        },
        attrs={"weight_scale": 1e-3, "first_time": 200.0, "root_seed": 5, "companion_key": "k" * 40} | attrs,
    )


def evenness(specialisation=(0.0, 0.5, 0.9), settings=("two units", "one unit")):
    values = np.asarray(specialisation)[None, :, None] + np.array([-0.01, 0.01])
    return xr.Dataset(
        {
            "specialisation": (("setting", "angle", "draw"), np.repeat(values, len(settings), axis=0)),
            "entropy": (("setting", "angle"), np.tile([0.0, 0.6, 1.0], (len(settings), 1))),
        },
        coords={"setting": list(settings)},
        attrs={"root_seed": 5},
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (decided(), "holds"),
        (decided({1.0: BROKEN}), "fails"),
        (decided({0.1: FALLING * 0.99}), "fails"),
        (decided({0.1: 0.02 + 0.98 * FALLING}), "fails"),
        (decided({0.3: np.minimum(FALLING, 0.8)}), "fails"),
        (decided(error=2e-4), "fails"),
        (decided(error=math.nan), "not evaluated"),
        (decided({0.3: np.where(ANGLES > 0.5, np.nan, FALLING)}), "not evaluated"),
        (decided(scales=(0.1, 1.0, 2.0)), "not evaluated"),
        (decided(weight_scale=0.1), "not evaluated"),
        (decided(first_time=50.0), "not evaluated"),
    ],
)
def test_start_decides(found, expected):
    assert claims.start_decides(found).verdict == expected


def test_the_number_is_the_largest_error_of_judged_norms():
    verdict = claims.start_decides(decided())
    assert verdict.value == pytest.approx(1e-5)
    assert verdict.value_text == "S_use from 1.0000 to at most 0.0000, errors up to 1.0e-05"
    assert (verdict.root_seed, verdict.keys) == (5, ("k" * 40,))


def regimes(verdict):
    return {regime.name: (regime.verdict, regime.unexpected) for regime in verdict.regimes}


def test_regimes_as_registered():
    found = regimes(claims.start_decides(decided()))
    assert found == dict.fromkeys(("r = 2", "sigma_w = 1", "e_w >= 6"), ("fails", False))
    assert list(found) == [regime.name for regime in claims.START_DECIDES.regimes]


def test_regimes_that_surprise_are_told():
    found = claims.start_decides(
        decided(excessive=FALLING, drawn=[FALLING, FALLING**2], fast=(FALLING, 1e-5))
    )
    assert set(regimes(found).values()) == {("holds", True)}
    assert found.regimes[1].value_text.startswith("2 of 2 draws meet it")


def test_regimes_that_were_not_run_are_not_evaluated():
    short = decided(scales=(0.1, 0.3, 1.0)).isel(weight_scale=[0], fast_rate=[1])
    found = claims.start_decides(short)
    assert found.verdict == "holds"
    assert {verdict for verdict, _ in regimes(found).values()} == {"not evaluated"}


@pytest.mark.parametrize(
    ("usage", "expected", "value"),
    [
        (None, "holds", -1.0),
        ({0.3: BROKEN}, "fails", -0.75),
        ({1.0: FALLING[::-1]}, "fails", 1.0),
        ({1.0: np.zeros(9)}, "not evaluated", None),
        ({1.0: np.full(9, np.nan)}, "not evaluated", None),
    ],
)
def test_entropy_one_unit(usage, expected, value):
    verdict = claims.entropy_one_unit(decided(usage), evenness())
    assert verdict.verdict == expected
    if value is None:
        assert verdict.value is None
    else:
        assert verdict.value == pytest.approx(value, abs=0.2 if value == -0.75 else 1e-12)


def test_two_units_have_the_opposite_sign():
    found = claims.entropy_one_unit(decided(), evenness()).regimes[0]
    assert (found.verdict, found.unexpected, found.value_text) == ("fails", False, "+1.000")
    turned = claims.entropy_one_unit(decided(), evenness((0.9, 0.5, 0.0))).regimes[0]
    assert (turned.verdict, turned.unexpected) == ("holds", True)
    missing = claims.entropy_one_unit(decided(), evenness(settings=("one unit",))).regimes[0]
    assert missing.verdict == "not evaluated"


def test_norms_that_were_not_run_are_not_evaluated():
    assert claims.entropy_one_unit(decided(scales=(0.1, 0.3)), evenness()).verdict == "not evaluated"


@pytest.mark.parametrize("claim", [claims.START_DECIDES, claims.ENTROPY_ONE_UNIT])
def test_the_criteria_are_fixed(claim):
    assert (claim.profile, claim.version, claim.deterministic) == ("laptop", 1, True)
    assert len(criterion_digest(claim)) == 16
