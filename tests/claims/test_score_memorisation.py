"""The claims on support, exposure and the order of memorisation are judged right on known effects."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import score_memorisation as claims
from companion.claims.protocol import is_unexpected

NEVER = np.inf
RUNS = tuple(claims.DESIGN.values())
GENERALISED, MEMORISED = "gen_passage(0.5)", "mem_gap_absolute(0.05)"


def cells(design, clock, effects, other):
    """Times with these effects on log T when a share or a weight goes up to one half, at clock ``clock``."""
    support, exposure = effects
    return {
        name: {clock: (np.exp((share == 0.5) * support + (weight == 0.5) * exposure), other)}
        for (share, weight), name in design.items()
    }


def design(generalised=(0.01, -0.3), memorised=(1.5, 0.2), few=(0.2, -1.0)):
    """Settings of the 2 x 2 design with (support, exposure) effects; ``few`` has its own runs but for R5."""
    runs = {name: {"every": (5.0, 5.0)} for name in (*RUNS, *claims._FEW.values())}
    for clock, effects in ((GENERALISED, generalised), (MEMORISED, memorised)):
        for name, times in cells(claims.DESIGN, clock, effects, 1.0).items():
            runs[name] = runs[name] | times
    level = sum(generalised) - sum(few)
    for name, times in cells(claims._FEW, GENERALISED, few, 1.0).items():
        if name != "R5":
            first, second = times[GENERALISED]
            runs[name] = runs[name] | {GENERALISED: (first * np.exp(level), second)}
    return runs


def final(support=0.5, exposure=0.2, names=RUNS):
    losses = {
        name: 1.0 + (share == 0.5) * support + (weight == 0.5) * exposure
        for (share, weight), name in claims.DESIGN.items()
    }
    test = np.array([[losses[name], 99.0] for name in names])
    return xr.Dataset({"test": (("setting", "label"), test)}, coords={"setting": list(names)})


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ({}, "holds"),
        ({"generalised": (-0.01, -0.3)}, "holds"),
        ({"generalised": (0.1, -0.3)}, "fails"),
        ({"generalised": (0.03, -0.3)}, "inconclusive"),
        ({"memorised": (1.5, -0.2)}, "holds"),
        ({"memorised": (0.3, 0.2)}, "fails"),
        ({"memorised": (0.4, 0.2)}, "inconclusive"),
        ({"memorised": (np.nan, 0.2)}, "not evaluated"),
        ({"memorised": (np.nan, 0.2), "generalised": (0.1, -0.3)}, "fails"),
    ],
)
def test_exposure_and_support(score_clocks, effects, expected):
    curves = score_clocks(design(**effects), spread=0.0)
    assert claims.exposure_or_support(curves, final()).verdict == expected


def test_effects_are_found_as_they_were_put_in(score_clocks):
    curves = score_clocks(design(), jitter=0.0, spread=0.0)
    verdict = claims.exposure_or_support(curves, final())
    assert verdict.value == pytest.approx(1.5 / 0.2)
    assert verdict.interval == pytest.approx((7.5, 7.5))
    assert verdict.value_text == (
        "support over exposure: generalisation 0.0333 (0.0333 to 0.0333), memorisation 7.5 (7.5 to 7.5)"
    )
    assert verdict.notes == ("generalisation: holds; memorisation: holds",)


def test_the_theory_is_noted_beside_the_verdict(score_clocks):
    curves = score_clocks(design(), spread=0.0)
    theory = score_clocks(design(memorised=(3.0, -0.2)), 1, jitter=0.0, spread=0.0).isel(draw=0)
    verdict = claims.exposure_or_support(curves, final(), theory)
    assert verdict.notes[1:] == ("theory, support over exposure: generalisation 0.0333, memorisation 15",)
    assert len(verdict.keys) == 2
    assert claims.exposure_or_support(curves, final()).value == verdict.value


def test_only_the_high_variance_class_is_asked(score_clocks):
    curves = score_clocks(design(), jitter=0.0, spread=0.0)
    curves.gen_passage.loc[{"label": 1}] = np.nan
    assert claims.exposure_or_support(curves, final()).verdict == "holds"


def test_effects_need_their_runs_and_eight_draws(score_clocks):
    assert claims.exposure_or_support(score_clocks(design(), 8, spread=0.0), final()).verdict == "holds"
    few = claims.exposure_or_support(score_clocks(design(), 7, spread=0.0), final())
    assert (few.verdict, few.regimes[1].verdict) == ("inconclusive", "inconclusive")
    curves = score_clocks(design(), spread=0.0).drop_sel(setting="R5 rare")
    verdict = claims.exposure_or_support(curves, final())
    assert (verdict.verdict, verdict.value, verdict.interval) == ("not evaluated", None, None)
    assert verdict.regimes[1].verdict == "fails"


def test_a_cell_that_is_never_memorised_leaves_no_effect_to_compare(score_clocks):
    runs = design()
    runs["R1"] = runs["R1"] | {MEMORISED: (NEVER, 1.0)}
    verdict = claims.exposure_or_support(score_clocks(runs, spread=0.0), final())
    assert verdict.verdict == "not evaluated"
    assert verdict.notes == ("generalisation: holds; memorisation: not evaluated",)


@pytest.mark.parametrize(
    ("support", "exposure", "expected"),
    [
        (0.5, 0.2, "fails"),
        (0.0, 0.2, "holds"),
        (0.015, 0.2, "holds"),
        (0.03, 0.2, "fails"),
        (np.nan,) * 2 + ("not evaluated",),
    ],
)
def test_the_end_of_training_is_the_registered_exception(score_clocks, support, exposure, expected):
    curves = score_clocks(design(), spread=0.0)
    regime = claims.exposure_or_support(curves, final(support, exposure)).regimes[0]
    assert (regime.name, regime.verdict) == ("endless training", expected)
    assert regime.unexpected == (expected == "holds")


def test_an_end_without_a_run_is_not_evaluated(score_clocks):
    verdict = claims.exposure_or_support(score_clocks(design(), spread=0.0), final(names=("R5", "R1")))
    assert (verdict.verdict, verdict.regimes[0].verdict) == ("holds", "not evaluated")


@pytest.mark.parametrize(
    ("few", "expected"),
    [
        ((0.3, -1.0), "fails"),
        ((0.02, -1.0), "holds"),
        ((0.1, -1.0), "inconclusive"),
        ((np.nan, -1.0), "not evaluated"),
    ],
)
def test_few_points_are_the_other(score_clocks, few, expected):
    regime = claims.exposure_or_support(score_clocks(design(few=few), spread=0.0), final()).regimes[1]
    assert (regime.name, regime.verdict) == ("few points", expected)
    assert regime.unexpected == (expected == "holds")


DEFINITIONS = (
    "mem_gap(0.25)",
    "mem_gap(0.5)",
    "mem_gap(1)",
    "mem_gap_absolute(0.05)",
    "mem_gap_absolute(0.1)",
)


def minority(**changes):
    """Run MR with its low-variance class memorised first on every clock; the other clocks say the opposite."""
    return {"MR": {"every": (1.0, 9.0)} | dict.fromkeys(DEFINITIONS, (2.0, 1.0)) | changes}


@pytest.mark.parametrize("changed", DEFINITIONS)
@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((2.0, 1.0), "holds"),
        ((0.5, 1.0), "fails"),
        ((1.0, 1.0), "inconclusive"),
        ((NEVER, 1.0), "holds"),
        ((1.0, NEVER), "fails"),
        ((NEVER, NEVER), "inconclusive"),
        ((1.0, np.nan), "not evaluated"),
    ],
)
def test_all_five_definitions_have_to_agree(score_clocks, changed, pair, expected):
    verdict = claims.memorisation_reverses(score_clocks(minority(**{changed: pair})))
    assert verdict.verdict == expected
    assert f"{changed}: {expected}" in verdict.notes
    assert len(verdict.notes) == 5
    surprising = is_unexpected(verdict.verdict, claims.MEMORISATION_REVERSES.expected)
    assert surprising == (expected == "holds")


def test_other_clocks_are_no_definitions_and_others_are_all_named(score_clocks):
    changes = {"mem_gap(0.1)": (1.0, 9.0), GENERALISED: (1.0, 9.0)}
    verdict = claims.memorisation_reverses(score_clocks(minority(**changes)))
    assert verdict.verdict == "holds"
    for definition in DEFINITIONS:
        assert f"{definition} 2.00 (" in verdict.value_text


def test_the_weakest_definition_is_the_value(score_clocks):
    verdict = claims.memorisation_reverses(score_clocks(minority(**{"mem_gap(1)": (1.2, 1.0)})))
    assert verdict.value == pytest.approx(np.log(1.2))


def test_seven_draws_or_no_run_decide_nothing(score_clocks):
    assert claims.memorisation_reverses(score_clocks(minority(), 8)).verdict == "holds"
    assert claims.memorisation_reverses(score_clocks(minority(), 7)).verdict == "inconclusive"
    other = claims.memorisation_reverses(score_clocks({"MB": {"every": (1.0, 2.0)}}))
    assert (other.verdict, other.value) == ("not evaluated", None)
