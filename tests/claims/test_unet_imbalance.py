"""The claim on cutting a class's share is judged right on slopes that are known."""

import numpy as np
import pytest

from companion.claims import unet_imbalance as claims
from companion.studies.unet_memorisation import imbalance_cases

MINORITIES = (64, 43, 26, 14)
CENTRINGS = ("pair", "pixel", "balanced")


@pytest.fixture
def judged(unet_runs, unet_pairs):
    """Verdict with slopes by centring; ``equal`` is that under the weighted sampler."""

    def judge(
        slopes=(0.3, 0.3, 0.3),
        *,
        lead=0.3,
        equal=0.0,
        replicates=8,
        minorities=MINORITIES,
        changes=None,
        names=("Bag", "Trouser"),
        jitter=0.02,
        stopped=None,
        **attrs,
    ):
        cases = imbalance_cases(128, minorities, CENTRINGS[: len(slopes)])
        settings = {}
        for place, (centring, minority, exposure) in enumerate(cases):
            slope = {"counts": slopes[CENTRINGS.index(centring)], "equal": equal, "swapped": 0.3}[exposure]
            ratio = np.log(minority / (128 - minority)) if exposure != "swapped" else np.log(1 / 8)
            settings[place] = {"every": (500.0, 500.0 * np.exp(lead + slope * ratio))}
            settings[place] |= (changes or {}).get((centring, minority, exposure), {})
        data = unet_runs("case", settings, replicates, jitter=jitter, stopped=stopped)
        data = data.assign_attrs({"total": 128, "samples": 512} | attrs).assign_coords(
            centring=("case", [case[0] for case in cases]),
            minority=("case", [case[1] for case in cases]),
            exposure=("case", [case[2] for case in cases]),
            class_name=("label", list(names)),
        )
        return claims.imbalance_shifts(data, unet_pairs())

    return judge


@pytest.mark.parametrize(
    ("slopes", "expected"),
    [
        ((0.3, 0.3, 0.3), "holds"),
        ((0.05, 0.3, 0.3), "holds"),
        ((-0.3, 0.3, 0.3), "fails"),
        ((0.3, -0.3, 0.3), "fails"),
        ((0.3, 0.3, -0.3), "fails"),
        ((0.3, 0.3, 0.0), "inconclusive"),
        ((0.3, 0.3), "not evaluated"),
        ((0.3, -0.3), "fails"),
    ],
)
def test_every_centring_counts(judged, slopes, expected):
    verdict = judged(slopes)
    assert verdict.verdict == expected
    if len(slopes) == 2:
        assert "balanced missing" in verdict.value_text


def test_what_was_found_on_shares(judged):
    verdict = judged((0.3, 0.2, 0.4))
    assert verdict.value == pytest.approx(0.2, abs=0.01)
    assert verdict.value_text.startswith("slope: pair 0.3")
    assert (verdict.replicates, verdict.root_seed, verdict.keys) == (8, 1, ("u" * 40,) * 2)
    notes = "; ".join(verdict.notes)
    assert "pair-centred, early_stop low over high at 1/8: 0.7" in notes
    assert "slopes, balanced: early_stop 0.4" in notes
    assert "mem_copy(0.2) 0.4" in notes
    assert "null control Trouser / Sneaker" in notes
    assert "null rate" in notes
    assert "equal counts shown in the shares of the smallest minority: low over high 0.72" in notes


def test_reversals_are_reported_for_each_centring(judged):
    notes = judged((0.05, 0.3, 0.144)).notes
    words = [note.rsplit(", ", 1)[1] for note in notes if "-centred, early_stop" in note]
    assert words == ["not reversed", "reversed", "undecided"]


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        # Reached by neither at the smallest share, of four, is a quarter of ties and no more.
        ({14: (np.inf, np.inf)}, "holds"),
        ({14: (np.inf, np.inf), 26: (np.inf, 500.0)}, "holds"),
        ({14: (np.inf, np.inf), 26: (np.inf, np.inf)}, "inconclusive"),
        # The high-variance class is late at the smallest share: the slope is even larger.
        ({14: (np.inf, 500.0)}, "holds"),
        # Late in the balanced set: the slope is at most what the bound says.
        ({64: (np.inf, 500.0)}, "fails"),
        ({64: (np.inf, 500.0), 14: (np.inf, 500.0)}, "inconclusive"),
        ({14: (500.0, np.inf)}, "fails"),
        ({14: (np.nan, 500.0)}, "not evaluated"),
    ],
)
def test_times_never_reached_are_bounds(judged, pair, expected):
    changes = {("pixel", minority, "counts"): {"early_stop": times} for minority, times in pair.items()}
    assert judged(changes=changes).verdict == expected


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"replicates": 7}, "needs night: at least 8 replicates, 7 given"),
        ({"replicates": 1}, "needs night: at least 8 replicates, 1 given"),
        ({"total": 32}, "needs n = 128, 32 given"),
        ({"samples": 256}, "needs at least 512 samples, 256 given"),
        ({"samples": None}, "needs at least 512 samples, an unknown number given"),
        ({"names": ("Shirt", "Sneaker")}, "needs Bag / Trouser, Shirt / Sneaker given"),
    ],
)
def test_other_runs_are_shown_and_not_evaluated(judged, options, reason):
    verdict = judged(**options)
    assert verdict.verdict == "not evaluated"
    assert verdict.notes[0] == reason
    assert (verdict.value, verdict.interval) == (None, None)
    assert {regime.verdict for regime in verdict.regimes} == {"not evaluated"}
    assert "slope: pair" in verdict.value_text


def test_shares_are_those_of_the_claim(judged):
    assert judged(minorities=(64, 32, 16, 8)).verdict == "not evaluated"
    assert judged(minorities=(64, 43, 14)).verdict == "not evaluated"
    assert judged(minorities=(64, 43, 26, 14, 8)).verdict == "holds"


def test_a_run_that_stopped_leaves_nothing_to_judge(judged):
    verdict = judged(stopped={3: 1})
    assert verdict.verdict == "not evaluated"
    assert "stopped on a loss that is no number: case 3 (1)" in verdict.notes


@pytest.mark.parametrize(
    ("equal", "jitter", "expected"),
    [
        (0.0, 0.02, "fails"),
        (0.05, 0.02, "fails"),
        (-0.3, 0.02, "fails"),
        (0.3, 0.02, "holds"),
        (0.0, 0.5, "inconclusive"),
        (np.nan, 0.02, "not evaluated"),
    ],
)
def test_a_weighted_sampler_takes_the_slope_away(judged, equal, jitter, expected):
    regime = judged(equal=equal, jitter=jitter).regimes[0]
    assert (regime.name, regime.verdict, regime.unexpected) == (
        "weighted sampler",
        expected,
        expected == "holds",
    )


@pytest.mark.parametrize(
    ("lead", "expected"), [(1.0, "fails"), (0.0, "holds"), (0.288 * np.log(114 / 14), "inconclusive")]
)
def test_pair_centring_allows_no_reversal(judged, lead, expected):
    regime = judged((0.288, 0.3, 0.3), lead=lead).regimes[1]
    assert (regime.name, regime.verdict, regime.unexpected) == (
        "reversal under pair-centring",
        expected,
        expected == "holds",
    )


def test_thresholds_are_a_proposal():
    assert claims.IMBALANCE_SHIFTS.version == 0
    assert claims.IMBALANCE_SHIFTS.note.startswith("Version 0: ")
