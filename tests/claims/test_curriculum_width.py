"""The claim on width and the parity curriculum is judged right on times that are known."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims.curriculum_width import PROMISED, WIDTH, width
from companion.claims.protocol import decides
from companion.compute.seeds import CONFIRMATORY_ROOT

NEVER = np.inf


def runs(
    gains=(6.0, 4.0, 2.0), *, replicates=16, jitter=0.05, uniform=None, biased=None, mixture=1.0, null=1.0
):
    """Times at widths 16, 32, 64 with these gains; lists replace the first times of width 32."""
    noise = np.random.default_rng(3)
    rows: list[tuple[str, int, float, int, float]] = []
    for each, gain in zip((16, 32, 64), gains, strict=True):
        rows += [("parity", each, 0.5, 0, 100.0 * gain), ("parity", each, 0.85, 0, 100.0)]
    rows += [("parity", 32, 0.5, 1, 100.0 * gains[1] / null)]
    rows += [("hamming", 32, 0.5, 0, 100.0 * mixture), ("hamming", 32, 0.85, 0, 100.0)]
    times = np.array([[row[4]] * replicates for row in rows])
    times *= np.exp(jitter * noise.standard_normal(times.shape))
    for place, given in ((2, uniform), (3, biased)):
        if given is not None:
            times[place, : len(given)] = given
    # A strip of one replicate at the same place, watched for less: it must not be taken for the pair.
    rows.append(("parity", 32, 0.5, 0, 0.0))
    times = np.vstack([times, np.append([1.0], np.full(replicates - 1, np.nan))])
    relevant = [3 if row[0] == "parity" else 1 for row in rows]
    names = ("task", "width", "bias", "stream")
    columns = {name: ("setting", [row[at] for row in rows]) for at, name in enumerate(names)}
    return xr.Dataset(
        {
            "reached": (("setting", "replicate"), times),
            "stopped_at": (("setting", "replicate"), np.where(np.isnan(times), np.nan, -1.0)),
        },
        coords=columns
        | {"relevant": ("setting", relevant), "watched": ("setting", [3000] * (len(rows) - 1) + [400])},
        attrs=PROMISED | {"root_seed": CONFIRMATORY_ROOT, "companion_key": "d" * 40},
    )


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ((6.0, 4.0, 2.0), "holds"),
        ((2.0, 4.0, 6.0), "fails"),
        ((1.6, 1.2, 1.0), "fails"),
        ((4.0, 1.5, 1.0), "inconclusive"),
        ((4.0, 4.0, 4.0), "inconclusive"),
        ((6.0, np.nan, 2.0), "not evaluated"),
    ],
)
def test_the_gain_and_its_slope_decide(gains, expected):
    assert width(runs(gains)).verdict == expected


def test_what_is_reported():
    found = width(runs(jitter=0.02))
    assert found.value == pytest.approx(math.log(4), abs=0.03)
    assert found.interval is not None and math.log(3.8) < found.interval[0] < found.interval[1] < math.log(
        4.2
    )
    assert (found.replicates, found.seeds, found.keys) == (16, "confirmatory", ("d" * 40,))
    assert found.value_text.startswith("ratio at width 32: 4.")
    assert "slope against log d: -0.79" in found.value_text  # log(2/6)/log 4
    assert "censored at width 32: 0 % of the runs" in found.notes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # A few late uniform runs are bounds; at the middle width they weigh next to nothing in the slope.
        ({"uniform": [NEVER] * 3}, "gain holds"),
        ({"uniform": [NEVER] * 4}, "inconclusive"),
        ({"biased": [NEVER] * 4}, "inconclusive"),
        ({"uniform": [NEVER] * 5, "biased": [NEVER] * 5}, "inconclusive"),
        ({"uniform": [np.nan]}, "not evaluated"),
    ],
)
def test_censored_and_missing_runs(changes, expected):
    found = width(runs(**changes))
    if expected == "gain holds":
        assert not any(note.startswith("gain:") for note in found.notes) and found.verdict != "fails"
    else:
        assert found.verdict == expected


def test_fifteen_seeds_decide_nothing():
    assert width(runs(replicates=15)).verdict == "inconclusive"
    assert width(runs((1.6, 1.2, 1.0), replicates=15)).verdict == "inconclusive"


def test_regimes_that_should_fail():
    usual = {regime.name: regime for regime in width(runs()).regimes}
    assert {name: regime.verdict for name, regime in usual.items()} == {
        "Hamming mixture": "fails",
        "no bias": "fails",
    }
    helped = {regime.name: regime for regime in width(runs(mixture=3.0, null=2.0)).regimes}
    assert all(regime.verdict == "holds" and regime.unexpected for regime in helped.values())
    never = runs()
    never.reached.values[7:9] = NEVER
    assert width(never).regimes[0].verdict == "inconclusive" and not width(never).regimes[0].unexpected
    plain = never.isel(setting=list(range(6)))
    assert width(plain).regimes == () and width(plain).verdict == "holds"


def test_other_settings_than_the_registered_ones_are_not_judged():
    given = runs()
    for name, value in PROMISED.items():
        found = width(given.assign_attrs({name: value + 1}))
        assert found.verdict == "not evaluated"
        assert found.notes == (
            f"settings differ from the registered ones: {name} = {value + 1:g} ({value:g})",
        )
    missing = given.isel(setting=np.flatnonzero(given.width.values != 64))
    assert width(missing).notes == ("needs night: widths 64 are not there",)


def test_runs_that_stopped_are_missing_and_named():
    data = runs()
    data.stopped_at.values[2, 0] = 300
    found = width(data)
    assert found.verdict == "not evaluated"
    assert found.notes[-1] == "stopped on a loss that is no number: 1 networks"


def test_it_is_registered_as_promised():
    assert (WIDTH.id, WIDTH.profile, WIDTH.figure) == ("e4_q5_width", "night", "e4_f7_parity")
    assert decides("night", WIDTH) and not decides("laptop", WIDTH)
    assert [regime.expected for regime in WIDTH.regimes] == ["fails", "fails"]
