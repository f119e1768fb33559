"""The claim on forgetting is judged right on profiles whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import committee_forgetting as claims
from companion.claims.register import record

SETTING = {"readout_scale": 0.3, "weight_scale": 1e-3}
V = np.round(np.linspace(0, 1, 21), 2)
LIMIT = 1 / 3 - 2 / np.pi * np.arcsin(V / 2)


def hump(peak=0.5, start=0.1):
    """Largest at ``peak``, ``start`` of that at V = 0."""
    rising = start + (1 - start) * V / max(peak, 1e-9)
    return 0.15 * np.where(np.less(V, peak - 1e-9), rising, (1 - V) / (1 - peak))


def profiles(specialised=None, shared=LIMIT, *, durations=(200.0, 600.0), places=slice(None)):
    curves = np.array([hump() if specialised is None else specialised, np.full(V.size, np.nan), shared])
    return xr.Dataset(
        {
            "forgetting": (("duration", "scheme", "similarity"), np.stack([curves] * len(durations))),
            "limit": ("similarity", LIMIT),
        },
        coords={"similarity": V, "duration": list(durations), "scheme": ["specialised", "partial", "shared"]},
        attrs={"companion_key": "p" * 40} | SETTING,
    ).isel(similarity=places)


PLAIN = {
    "specialised": hump(),
    "shared": LIMIT,
    "copied readout": LIMIT,
    "small readout": LIMIT,
    "large weights": hump(0.1, 0.5),
    "K=M=2, equal": LIMIT,
    "K=M=2, one": hump(0.2, 0.9),
    "K=4, M=2, equal": hump(0.4, 0.4),
    "K=4, M=2, one": hump(0.4, 0.3),
}


def exceptions(duration=600.0, near=None, random=LIMIT, draws=3, **cases):
    changed = PLAIN | {name.replace("_", " "): curve for name, curve in cases.items()}
    curves = np.array([[curve] * draws for curve in changed.values()])
    use = np.full((len(PLAIN), draws), 0.5)
    use[[5, 7]] = 0.9
    tilted = np.array([hump(0.3, 0.4) if near is None else near, LIMIT])
    return xr.Dataset(
        {
            "forgetting": (("case", "draw", "similarity"), curves),
            "specialisation": (("case", "draw"), use),
            "limit": ("similarity", LIMIT),
            "random": (("random_draw", "similarity"), np.tile(random, (4, 1))),
            "tilted": (("duration", "tilt", "similarity"), np.stack([tilted, tilted])),
        },
        coords={"similarity": V, "case": list(PLAIN), "duration": [200.0, 600.0], "tilt": [0.03, 0.0]},
        attrs={"duration_of_cases": duration, "dimension": 1000, "root_seed": 5, "companion_key": "e" * 40}
        | SETTING,
    )


@pytest.mark.parametrize("name", list(SETTING))
def test_another_setting_is_not_evaluated(name):
    for place, given in enumerate(((profiles(), exceptions()), (profiles(), exceptions()))):
        given[place].attrs[name] *= 2
        assert claims.maslow(*given).verdict == "not evaluated"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "holds"),
        ({"specialised": hump(0.3)}, "holds"),
        ({"specialised": hump(0.7)}, "holds"),
        ({"specialised": hump(0.25)}, "fails"),
        ({"specialised": hump(0.75)}, "fails"),
        ({"specialised": hump(start=0.21)}, "fails"),
        ({"specialised": LIMIT}, "fails"),
        ({"shared": LIMIT + 1.9e-3}, "holds"),
        ({"shared": LIMIT - 2.1e-3}, "fails"),
        ({"specialised": np.where(V == 0.5, np.nan, hump())}, "not evaluated"),
        ({"shared": np.full(V.size, np.nan)}, "not evaluated"),
        ({"durations": (200.0,)}, "not evaluated"),
        ({"places": slice(None, None, 4)}, "not evaluated"),
        ({"places": slice(1, None)}, "not evaluated"),
    ],
)
def test_verdicts(given, expected):
    assert claims.maslow(profiles(**given), exceptions()).verdict == expected


def test_the_number_is_the_relative_start():
    verdict = claims.maslow(profiles(), exceptions())
    assert verdict.value == pytest.approx(0.1)
    assert "peak at V = 0.50, F(0) = 0.10 of it" in verdict.value_text
    assert (verdict.root_seed, len(verdict.keys)) == (5, 2)


def regimes(**given):
    return {regime.name: regime for regime in claims.maslow(profiles(), exceptions(**given)).regimes}


def test_regimes_fail_as_registered():
    found = regimes()
    assert list(found) == [regime.name for regime in claims.MASLOW.regimes]
    assert {regime.verdict for regime in found.values()} == {"fails"}
    assert not any(regime.unexpected for regime in found.values())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"near": LIMIT}, "theta = pi/4 - .03"),
        ({"copied_readout": hump()}, "copied head"),
        ({"random": hump()}, "N(0,1) heads"),
        ({"large_weights": LIMIT}, "shared with sigma_w = .1"),
        ({"K=M=2,_equal": hump(), "K=M=2,_one": LIMIT}, "K=M=2"),
        ({"K=4,_M=2,_equal": hump(), "K=4,_M=2,_one": LIMIT}, "K=4, M=2"),
    ],
)
def test_a_regime_that_meets_the_criterion_is_a_surprise(given, name):
    found = regimes(**given)
    assert found[name].verdict == "holds" and found[name].unexpected
    assert sum(regime.unexpected for regime in found.values()) == 1


def test_the_start_that_specialised_less_is_judged_as_the_shared_one():
    """The roles do not go by the names of the starts."""
    given = exceptions(**{"K=M=2,_equal": LIMIT, "K=M=2,_one": hump()})
    assert claims.maslow(profiles(), given).regimes[1].verdict == "fails"
    given["specialisation"] = 1 - given.specialisation
    found = claims.maslow(profiles(), given).regimes[1]
    assert found.verdict == "holds"
    assert found.value_text.startswith("one first readout: peak at V = 0.50")


def test_regimes_at_another_time_or_without_draws_are_not_evaluated():
    found = regimes(duration=200.0)
    assert found["theta = pi/4 - .03"].verdict == "fails"
    others = {regime.verdict for name, regime in found.items() if name != "theta = pi/4 - .03"}
    assert others == {"not evaluated"}
    none = exceptions().isel(random_draw=slice(0))
    assert claims.maslow(profiles(), none).regimes[3].verdict == "not evaluated"


def test_the_note_counts_drawn_starts():
    (note,) = claims.maslow(profiles(), exceptions(random=hump())).notes
    assert "3 (specialised)" in note and "3 (shared" in note
    assert "4 of 4" in note


def test_the_verdict_can_be_recorded(project):
    assert record(claims.maslow(profiles(), exceptions()), claims.MASLOW).entry["verdict"] == "holds"
