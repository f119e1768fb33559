"""The claims on entropy and imbalance are judged right on results whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import committee_readouts as claims
from companion.claims.protocol import criterion_digest

NAMES = dict(
    zip([regime.name for regime in claims.ENTROPY_TWO_UNITS.regimes], claims._SETTINGS[1:], strict=True)
)
#: Difference of specialisation and solved draws of 32 at both ends: what was registered.
EXPECTED = {
    "two units": (0.85, (1, 32)),
    "one unit": (-0.99, (32, 32)),
    "four students": (0.3, (0, 32)),
    "four students, half the rate": (0.2, (0, 0)),
    "two units, sigma_w = 1": (0.05, (20, 21)),
    "two units, sigma_w = 0.001": (0.05, (0, 0)),
    "two units, sigma_w = 0.001, half the rate": (0.05, (0, 0)),
}


def noise(draws, seed=0):
    """Draws whose mean is 0, so that a verdict does not hang on luck."""
    drawn = np.random.default_rng(seed).normal(size=draws)
    return drawn - drawn.mean()


def evenness(changed=None, *, draws=32, spread=0.05, settings=None, **attrs):
    found = EXPECTED | (changed or {})
    names = list(settings or found)
    specialisation, error = np.empty((2, len(names), 3, draws))
    for row, name in enumerate(names):
        difference, solved = found[name]
        low = (
            0.5 - difference / 2 + 0.3 * noise(draws, 1)
        )  # shared by the pair, so that only pairing resolves it
        specialisation[row] = low, low, low + difference + spread * noise(draws, row + 2)
        counts = np.array([solved[0], solved[0], solved[1]]) * draws // 32
        error[row] = np.where(np.arange(draws) < counts[:, None], 1e-5, 1e-2)
    dims = ("setting", "angle", "draw")
    return xr.Dataset(
        {"specialisation": (dims, specialisation), "error": (dims, error)},
        coords={"setting": names, "angle": [0.0, 0.4, np.pi / 4]},
        attrs={"dimension": 500, "first_time": 300.0, "solved": 1e-3, "root_seed": 9} | attrs,
    )


@pytest.mark.parametrize(
    ("changed", "options", "expected"),
    [
        (None, {}, "holds"),
        ((0.45, (1, 32)), {}, "fails"),
        ((0.5, (1, 32)), {}, "inconclusive"),
        ((0.85, (1, 32)), {"spread": 2.0}, "inconclusive"),
        ((0.85, (27, 32)), {}, "inconclusive"),
        ((0.85, (32, 1)), {}, "fails"),
        ((0.85, (1, 32)), {"draws": 16}, "inconclusive"),
        (None, {"dimension": 100}, "not evaluated"),
        (None, {"first_time": 20.0}, "not evaluated"),
        (None, {"settings": ["one unit"]}, "not evaluated"),
    ],
)
def test_entropy_two_units(changed, options, expected):
    found = evenness({"two units": changed} if changed else None, **options)
    assert claims.entropy_two_units(found).verdict == expected


def test_missing_numbers_decide_nothing():
    for name in ("specialisation", "error"):
        found = evenness()
        found[name][0, 2, 5] = np.nan
        verdict = claims.entropy_two_units(found)
        assert (verdict.verdict, verdict.value) == ("not evaluated", None)


def test_angles_must_reach_the_ends():
    assert claims.entropy_two_units(evenness().isel(angle=[0, 1])).verdict == "not evaluated"


def test_the_verdict_tells_difference_interval_and_shares():
    verdict = claims.entropy_two_units(evenness())
    assert verdict.value == pytest.approx(0.85)
    assert verdict.interval[0] < 0.85 < verdict.interval[1]
    assert verdict.value_text.endswith("solved 1 and 32 of 32")
    assert (verdict.replicates, verdict.root_seed) == (32, 9)


def test_regimes_of_entropy_as_registered():
    verdict = claims.entropy_two_units(evenness())
    assert [regime.name for regime in verdict.regimes] == list(NAMES)
    assert {(regime.verdict, regime.unexpected) for regime in verdict.regimes} == {("fails", False)}


@pytest.mark.parametrize("name", NAMES)
def test_regimes_of_entropy_that_surprise(name):
    verdict = claims.entropy_two_units(evenness({NAMES[name]: (0.9, (0, 32))}))
    surprised = [regime.name for regime in verdict.regimes if regime.unexpected]
    assert surprised == [name]


def imbalance(gain=0.24, tiny=0.0, *, draws=200, spread=0.3, unfitted=0, means=(1e-3, 0.1), **attrs):
    usage, error = np.full((2, 3, draws), 0.5), np.full((2, 3, draws), 1e-5)
    for row, size in enumerate((tiny, gain)):
        usage[row, 0] += size + spread * noise(draws, row)
    # What is left out would turn the verdict.
    usage[1, 0, :unfitted], error[1, 0, :unfitted] = -99.0, 0.05
    return xr.Dataset(
        {
            "usage": (("geometric_mean", "ratio", "draw"), usage),
            "error": (("geometric_mean", "ratio", "draw"), error),
        },
        coords={"geometric_mean": [1e-3, 0.1], "ratio": [-2.0, -1.0, 0.0]},
        attrs={"dimension": 200, "first_time": 300.0, "fitted": 1e-2, "root_seed": 3} | attrs,
    ).sel(geometric_mean=list(means))


def linear(common=0.0, modes=-0.02, draws=200, ratios=(0.01, 1.0)):
    found = {"common_ratio": common, "modes": modes}
    rows = {
        name: (("ratio", "draw"), np.stack([0.45 + gain + 0.1 * noise(draws, 4), np.full(draws, 0.45)]))
        for name, gain in found.items()
    }
    return xr.Dataset(rows, coords={"ratio": list(ratios)}, attrs={"root_seed": 3})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (imbalance(), "holds"),
        (imbalance(0.0), "fails"),
        (imbalance(-0.3), "fails"),
        (imbalance(0.11), "inconclusive"),
        (imbalance(unfitted=20), "holds"),
        (imbalance(draws=150), "inconclusive"),
        (imbalance(unfitted=200), "not evaluated"),
        (imbalance(means=(1e-3,)), "not evaluated"),
        (imbalance(dimension=50), "not evaluated"),
        (imbalance(first_time=20.0), "not evaluated"),
    ],
)
def test_imbalance_favours(found, expected):
    assert claims.imbalance_favours(found, linear()).verdict == expected


def test_too_many_draws_left_out_decide_nothing():
    found = claims.imbalance_favours(imbalance(unfitted=40), linear())
    assert (found.verdict, found.replicates) == ("inconclusive", 160)
    none = claims.imbalance_favours(imbalance(unfitted=200), linear())
    assert (none.verdict, none.value) == ("not evaluated", None)


def test_the_share_left_out_is_told():
    verdict = claims.imbalance_favours(imbalance(unfitted=20), linear())
    assert verdict.value_text.endswith("10.0 % of the draws left out")
    assert verdict.value == pytest.approx(0.24, abs=0.05)
    assert verdict.replicates == 180


@pytest.mark.parametrize("name", ["usage", "error"])
def test_a_missing_number_of_a_draw_decides_nothing(name):
    found = imbalance()
    found[name][1, 2, 7] = np.nan
    verdict = claims.imbalance_favours(found, linear())
    assert (verdict.verdict, verdict.value) == ("not evaluated", None)


def test_regimes_of_imbalance():
    verdict = claims.imbalance_favours(imbalance(), linear())
    assert [regime.name for regime in verdict.regimes] == [regime.name for regime in claims.IMBALANCE.regimes]
    assert {(regime.verdict, regime.unexpected) for regime in verdict.regimes} == {("fails", False)}
    surprising = claims.imbalance_favours(imbalance(tiny=0.3), linear(0.3, 0.3))
    assert {(regime.verdict, regime.unexpected) for regime in surprising.regimes} == {("holds", True)}
    other = claims.imbalance_favours(imbalance(), linear(ratios=(0.1, 1.0)))
    assert [regime.verdict for regime in other.regimes] == ["fails", "not evaluated", "not evaluated"]


@pytest.mark.parametrize(("claim", "version"), [(claims.ENTROPY_TWO_UNITS, 1), (claims.IMBALANCE, 2)])
def test_the_criteria_are_fixed(claim, version):
    assert (claim.profile, claim.version, claim.deterministic) == ("laptop", version, False)
    assert len(criterion_digest(claim)) == 16
