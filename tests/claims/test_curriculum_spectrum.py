"""Verdicts on spectra that are known to concentrate before, with or after generalisation, or never."""

import numpy as np
import pytest
import xarray as xr

from companion.claims.curriculum_spectrum import SHARED, SPECTRUM_PRECEDES, spectrum_precedes

INF = np.inf


def study(spectral=500.0, generalised=700.0, replicates=8, *, fraction=0.5, component=0.65, **changes):
    """Results of the study: times of the three settings in the additive basis, mul early in its own."""
    noise = np.random.default_rng(0).permuted(np.linspace(0, 60, replicates))
    spacing = changes.pop("spacing", 25.0)
    settings = {
        "add": (spectral + noise, generalised + noise),
        "mul": changes.pop("mul", (np.full(replicates, INF), 600 + noise)),
        "few rows": changes.pop("few", (np.full(replicates, INF), np.full(replicates, INF))),
    }
    times = np.full((3, 2, replicates), INF)
    for place, (early, _) in enumerate(settings.values()):
        times[place, 0] = early
    times[1, 1] = 400 + noise
    by_basis, by_run = ("setting", "basis", "replicate"), ("setting", "replicate")
    stopped = np.full((3, replicates), -1)
    stopped[0, : changes.pop("stopped", 0)] = 300
    return xr.Dataset(
        {
            "concentrated_at": (by_basis, times),
            "rise": (by_basis, np.where(np.isfinite(times), 0.4, 0.05)),
            "generalised_at": (by_run, np.stack([late for _, late in settings.values()])),
            # Rows with unseen mirrors: half of them at once, 90 % no sooner than all test rows.
            "understood_at": (
                ("setting", "level", "replicate"),
                np.stack([[late - 250, late - 100, late] for _, late in settings.values()]),
            ),
            "stopped_at": (by_run, stopped),
            "spacing": ("setting", [spacing] * 3),
            "component_share": by_component(np.linspace(-0.02, 0.02, replicates) + component, 0.2),
            "walk_share": ("component", [0.61, 0.15]),
            "flipped_high": by_component(np.full(replicates, 0.72), 0.24),
        },
        coords={
            "setting": list(settings),
            "basis": ["additive", "multiplicative"],
            "component": [1, 2],
            "level": [0.5, 0.75, 0.9],
            "operation": ("setting", ["add", "mul", "add"]),
            "fraction": ("setting", [fraction, 0.5, 0.25]),
        },
        attrs=SHARED | {"root_seed": 1, "companion_key": "s" * 40} | changes,
    )


def by_component(first, second):
    return ("replicate", "component"), np.stack([first, np.full(len(first), second)], axis=1)


def component(data):
    (found,) = (each for each in spectrum_precedes(data).regimes if "component" in each.name)
    return found


def test_a_spectrum_that_comes_first_holds_with_its_regimes_as_registered():
    found = spectrum_precedes(study())
    assert (found.verdict, found.replicates, found.keys) == ("holds", 8, ("s" * 40,))
    assert found.value == pytest.approx(np.log((700 + 30) / (500 + 30)), abs=0.02)
    assert "smallest gap 200 steps" in found.value_text
    verdicts = {regime.name: regime.verdict for regime in found.regimes}
    assert verdicts == {regime.name: regime.expected for regime in SPECTRUM_PRECEDES.regimes}
    assert any("own basis" in note and "holds" in note for note in found.notes)


def test_other_thresholds_stand_in_the_notes():
    found = spectrum_precedes(study())
    (note,) = (each for each in found.notes if each.startswith("add, over the step"))
    # 450 over 500 and 700 over 500, with up to 60 steps of noise on all.
    parts = note.split(": ", 1)[1].split("; ")
    assert parts[0].startswith("50 % ratio 0.91") and parts[0].endswith("0 of 8 runs after it")
    assert parts[2].startswith("90 % ratio 1.38") and parts[2].endswith("8 of 8 runs after it")


def test_what_never_concentrates_is_said_in_words():
    (regime,) = (each for each in spectrum_precedes(study()).regimes if "mul" in each.name)
    assert regime.value_text == (
        "generalises, never concentrates: the share rises by 0.05 at most, and counts above 0.2"
    )
    mixed = study(mul=(np.array([INF] * 2 + [500.0] * 6), np.full(8, 600.0)))
    (regime,) = (each for each in spectrum_precedes(mixed).regimes if "mul" in each.name)
    assert regime.value_text.endswith("in some runs without any concentration")


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"spectral": 800.0}, "fails"),  # after generalisation
        ({"spectral": 680.0}, "fails"),  # before it, by less than the evaluations can tell
        ({"spectral": 675.0}, "fails"),  # by no more than they can tell
        ({"spectral": 674.0}, "holds"),
        ({"spectral": 674.0, "spacing": 30.0}, "fails"),
        ({"replicates": 7}, "inconclusive"),
        ({"spectral": INF, "generalised": INF}, "inconclusive"),  # ties
        ({"spectral": INF}, "fails"),  # generalises without it
        ({"generalised": INF}, "holds"),  # one member censored orders the pair
        ({"spectral": np.nan}, "not evaluated"),
        ({"fraction": 0.6}, "not evaluated"),
        ({"batch": 256}, "not evaluated"),
        ({"weight_decay": 2.0}, "not evaluated"),
        ({"prime": 97}, "not evaluated"),
        ({"width": 128, "layers": 2}, "not evaluated"),
        ({"steps": 2200}, "not evaluated"),
        ({"decay_share": 0.0}, "not evaluated"),
    ],
)
def test_verdicts(given, verdict):
    assert spectrum_precedes(study(**given)).verdict == verdict


def test_a_single_run_within_the_spacing_refutes():
    data = study()
    data.concentrated_at[0, 0, 3] = data.generalised_at[0, 3] - 20
    assert spectrum_precedes(data).verdict == "fails"


def test_one_tie_among_eight_is_no_gap():
    data = study()
    data.concentrated_at[0, 0, 0] = data.generalised_at[0, 0] = INF
    found = spectrum_precedes(data)
    assert found.verdict == "holds" and "12 % ties" in found.value_text


def test_regimes_that_surprise_are_loud():
    early = np.full(8, 300.0)
    found = spectrum_precedes(study(mul=(early, early * 2), few=(early, np.full(8, INF)), component=0.8))
    assert [regime.verdict for regime in found.regimes] == ["holds"] * 3
    assert all(regime.unexpected for regime in found.regimes)


def test_settings_that_differ_are_named():
    found = spectrum_precedes(study(prime=97, width=128))
    assert found.notes == ("settings differ from the registered ones: prime = 97 (31), width = 128 (32)",)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"component": 0.65}, "fails"),
        ({"component": 0.8}, "holds"),
        ({"component": 0.72}, "inconclusive"),  # as many runs above the walks as below
        ({"component": 0.8, "replicates": 7}, "inconclusive"),
        ({"component": 0.65, "replicates": 1}, "inconclusive"),
        ({"component": np.nan}, "not evaluated"),
    ],
)
def test_the_first_component_is_judged_over_all_runs(given, verdict):
    assert component(study(**given)).verdict == verdict


def test_one_run_without_a_trajectory_leaves_the_component_open():
    data = study()
    data.component_share[3] = np.nan
    assert component(data).verdict == "not evaluated" and spectrum_precedes(data).verdict == "holds"
    assert "above them in 0 of 8 runs" in component(study()).value_text


def test_stopped_runs_and_rises_are_told():
    notes = " ".join(spectrum_precedes(study(stopped=2)).notes)
    assert "no number: add (2)" in notes and "few rows: 0.05 to 0.05" in notes


def test_addition_alone_has_no_other_regimes():
    found = spectrum_precedes(study().isel(setting=[0]))
    verdicts = [each.verdict for each in found.regimes]
    assert found.verdict == "holds" and verdicts == ["not evaluated", "not evaluated", "fails"]
