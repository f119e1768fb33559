"""The claims on clocks against theory, on the window and on n are judged right on numbers whose verdict is known."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims import score_clocks as claims

NEVER = np.inf
RUNS = ("G1", "R1", "V2", "V0", "V1", "R few")


def simulated(score_clocks, factor, draws=10, dimension=40, late=1.3, few=1.3):
    """Times that are ``factor`` (a number, or one for each draw) times those of `predicted`."""
    each = np.broadcast_to(factor, (draws,))[:, None]
    settings: dict[str, dict] = {name: {"every": each * (1.0, 2.0)} for name in RUNS}
    for name in ("V0", "V1"):
        settings[name]["mem_gap_absolute(0.05)"] = np.array([0.5, 11 * late])
    settings["R few"] = {"every": (few, 2.0)}
    return score_clocks(settings, draws, jitter=0.0, spread=0.0, dimension=dimension)


@pytest.fixture
def predicted(score_clocks):
    settings = {name: {"every": (1.0, 2.0)} for name in RUNS}
    for name in ("V0", "V1"):
        settings[name]["mem_gap_absolute(0.05)"] = (0.5, 11.0)
    return score_clocks(settings, 1, jitter=0.0, spread=0.0).isel(draw=0)


HALF_FAR = [1.03] * 5 + [1.3] * 5


@pytest.mark.parametrize(
    ("factor", "at_large", "expected"),
    [
        (1.05, 1.02, "holds"),
        (0.95, 1.02, "holds"),
        (1.05, 1.06, "fails"),
        (1.2, 1.02, "fails"),
        (HALF_FAR, 1.02, "inconclusive"),
        (HALF_FAR, 2.0, "fails"),
        (np.nan, 1.02, "not evaluated"),
        (1.05, np.nan, "not evaluated"),
        (1.2, np.nan, "fails"),
        (NEVER, 1.02, "fails"),
    ],
)
def test_theory_predicts_times(score_clocks, predicted, factor, at_large, expected):
    large = simulated(score_clocks, at_large, draws=4, dimension=150)
    verdict = claims.theory_predicts_times(simulated(score_clocks, factor), large, predicted)
    assert verdict.verdict == expected


def test_the_median_is_over_runs_classes_and_draws(score_clocks, predicted):
    small, large = simulated(score_clocks, 1.05), simulated(score_clocks, 1.02, draws=4, dimension=150)
    verdict = claims.theory_predicts_times(small, large, predicted)
    assert verdict.value == pytest.approx(math.log(1.05))
    assert verdict.interval == pytest.approx((math.log(1.05),) * 2)
    assert verdict.value_text == "median 0.049 (0.049 to 0.049) at d = 40, 0.020 at d = 150"
    assert verdict.notes == ("4 draws at d = 150",)
    # Two of the six cells may be as wrong as they like: a median does not see them.
    small.gen_passage.loc[{"setting": "G1"}] = 1e6
    verdict = claims.theory_predicts_times(small, large, predicted)
    assert verdict.value == pytest.approx(math.log(1.05))
    small.gen_passage.loc[{"setting": "R1"}] = 1e6
    assert claims.theory_predicts_times(small, large, predicted).verdict == "fails"


def test_a_time_that_neither_reaches_is_predicted(score_clocks, predicted):
    small, large = simulated(score_clocks, 1.05), simulated(score_clocks, 1.0, draws=4, dimension=150)
    for curves in (small, large, predicted):
        curves.gen_passage.loc[{"setting": ["G1", "R1"]}] = NEVER
    verdict = claims.theory_predicts_times(small, large, predicted)
    assert verdict.value == 0.0
    small.gen_passage.loc[{"setting": ["G1", "R1"]}] = 1.0
    assert claims.theory_predicts_times(small, large, predicted).value == NEVER


@pytest.mark.parametrize(("dimension", "large"), [(30, 150), (41, 150), (40, 100)])
def test_other_dimensions_decide_nothing(score_clocks, predicted, dimension, large):
    small = simulated(score_clocks, 1.05, dimension=dimension)
    far = simulated(score_clocks, 1.0, draws=4, dimension=large)
    verdict = claims.theory_predicts_times(small, far, predicted)
    assert verdict.verdict == "not evaluated"
    assert verdict.notes == ("needs d = 36 to 40 and d = 150",)


def test_seven_draws_are_too_few_to_predict(score_clocks, predicted):
    large = simulated(score_clocks, 1.0, draws=4, dimension=150)
    small = simulated(score_clocks, 1.05, draws=7, dimension=36)
    verdict = claims.theory_predicts_times(small, large, predicted)
    assert verdict.verdict == "inconclusive"
    assert {part.verdict for part in verdict.regimes} == {"inconclusive"}
    eight = simulated(score_clocks, 1.05, draws=8, dimension=36)
    assert claims.theory_predicts_times(eight, large, predicted).verdict == "holds"


def test_a_missing_run_is_not_evaluated(score_clocks, predicted):
    small, large = simulated(score_clocks, 1.05), simulated(score_clocks, 1.0, draws=4, dimension=150)
    for arguments in (
        (small.drop_sel(setting="V2"), large, predicted),
        (small, large.drop_sel(setting="V2"), predicted),
        (small, large, predicted.drop_sel(setting="V2")),
    ):
        assert claims.theory_predicts_times(*arguments).verdict == "not evaluated"
    regimes = claims.theory_predicts_times(small.drop_sel(setting=["V0", "R few"]), large, predicted).regimes
    assert {part.verdict for part in regimes} == {"not evaluated"}


@pytest.mark.parametrize(
    ("late", "few", "expected"),
    [(1.3, 1.3, ["fails", "fails"]), (1.05, 1.05, ["holds", "holds"]), (NEVER, 1.0, ["fails", "holds"])],
)
def test_regimes_of_prediction(score_clocks, predicted, late, few, expected):
    large = simulated(score_clocks, 1.0, draws=4, dimension=150)
    verdict = claims.theory_predicts_times(
        simulated(score_clocks, 1.05, late=late, few=few), large, predicted
    )
    assert [part.name for part in verdict.regimes] == ["late memorisation", "few points"]
    assert [part.verdict for part in verdict.regimes] == expected
    assert [part.unexpected for part in verdict.regimes] == [name == "holds" for name in expected]


def windows(score_clocks, draws=10, **pairs):
    """Runs by (memorisation of the high-variance class, generalisation of the other): V1 has a window."""
    given = {"V1": (0.5, 4.4), "V2": (1.5, 1.0), "R5": (20.0, 2.0)} | pairs
    settings = {
        name: {
            "mem_gap_absolute(0.1)": (memorised, 99.0),
            "gen_passage(0.9)": (99.0, learned),
            "every": (50.0, 50.0),
        }
        for name, (memorised, learned) in given.items()
    }
    return score_clocks(settings, draws, spread=0.0)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((0.5, 4.4), "holds"),
        ((0.5, NEVER), "holds"),
        ((0.5, 1.0), "inconclusive"),
        ((0.5, 0.9), "fails"),
        ((NEVER, 4.4), "fails"),
        ((NEVER, NEVER), "inconclusive"),
        ((np.nan, 4.4), "not evaluated"),
    ],
)
def test_the_window_is_wider_than_a_factor_of_two(score_clocks, pair, expected):
    verdict = claims.window_opens(windows(score_clocks, V1=pair))
    assert verdict.verdict == expected
    assert [part.verdict for part in verdict.regimes] == ["fails", "fails"]
    assert not any(part.unexpected for part in verdict.regimes)


def test_the_window_reports_its_ratio(score_clocks):
    verdict = claims.window_opens(windows(score_clocks))
    assert verdict.value == pytest.approx(math.log(8.8))
    assert verdict.value_text.startswith("ratio of times 8.80 (")


def test_windows_where_none_was_expected(score_clocks):
    verdict = claims.window_opens(windows(score_clocks, V2=(1.0, 4.0), R5=(NEVER, NEVER)))
    assert [(part.verdict, part.unexpected) for part in verdict.regimes] == [
        ("holds", True),
        ("inconclusive", False),
    ]


def test_windows_need_their_runs_and_eight_draws(score_clocks):
    assert claims.window_opens(windows(score_clocks, draws=8)).verdict == "holds"
    few = claims.window_opens(windows(score_clocks, draws=7))
    assert {few.verdict, *(part.verdict for part in few.regimes)} == {"inconclusive"}
    curves = windows(score_clocks)
    without = claims.window_opens(curves.drop_sel(setting="V1"))
    assert (without.verdict, without.value, without.interval) == ("not evaluated", None, None)
    regimes = claims.window_opens(curves.drop_sel(setting="R5")).regimes
    assert [part.verdict for part in regimes] == ["fails", "not evaluated"]


RATIOS = np.array([2.0, 4.0, 8.0, 16.0, 32.0])


def sizes(slope=-1.05, *, draws=5, jitter=0.02, spread=0.01, exponent=1.5, time=0.01, ratios=RATIOS):
    noise = jitter * np.random.default_rng(5).standard_normal(draws)
    slopes = slope + noise - noise.mean()
    passage = np.linspace(1.0, 1.0 + spread, len(ratios)) * 0.0148
    return xr.Dataset(
        {
            "memorisation_band": (("sample_ratio", "draw"), ratios[:, None] ** slopes),
            "gen_passage": ("sample_ratio", passage),
            "mem_gap_absolute": ("sample_ratio", ratios**exponent),
        },
        coords={"sample_ratio": ratios},
        attrs={"diffusion_time": time, "feature_ratio": 64.0, "dimension": 20, "root_seed": 1},
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "holds"),
        ({"slope": -1.15, "draws": 16}, "holds"),
        ({"slope": -1.3}, "fails"),
        ({"slope": -0.8}, "fails"),
        ({"slope": -1.2}, "inconclusive"),
        ({"slope": -0.9}, "inconclusive"),
        ({"draws": 4}, "inconclusive"),
        ({"spread": 0.049}, "holds"),
        ({"spread": 0.051}, "fails"),
        ({"slope": np.nan}, "not evaluated"),
        ({"spread": np.nan}, "not evaluated"),
        ({"slope": np.nan, "spread": 0.1}, "fails"),
        ({"time": 0.1}, "not evaluated"),
        ({"ratios": RATIOS[1:]}, "not evaluated"),
    ],
)
def test_memorisation_time_grows_as_n(given, expected):
    assert claims.linear_in_samples(sizes(**given)).verdict == expected


def test_the_slope_is_the_mean_of_those_of_the_draws():
    verdict = claims.linear_in_samples(sizes(slope=-1.07))
    assert verdict.value == pytest.approx(-1.07)
    assert verdict.interval is not None
    assert verdict.interval[0] < -1.07 < verdict.interval[1]
    assert verdict.replicates == 5
    assert verdict.value_text.endswith("generalisation times within 1.0 %")


def test_clocks_that_nobody_reaches_have_no_exponent():
    never = sizes().assign(mem_gap_absolute=("sample_ratio", np.full(5, NEVER)))
    verdict = claims.linear_in_samples(never)
    assert (verdict.verdict, verdict.regimes[0].verdict) == ("holds", "not evaluated")
    unlearned = sizes().assign(gen_passage=("sample_ratio", np.full(5, NEVER)))
    assert claims.linear_in_samples(unlearned).verdict == "not evaluated"
    at_the_end = sizes().assign(gen_passage=("sample_ratio", np.array([1, 1, 1, 1, NEVER])))
    assert claims.linear_in_samples(at_the_end).verdict == "fails"


@pytest.mark.parametrize(
    ("exponent", "expected"), [(1.5, "fails"), (0.8, "fails"), (1.0, "holds"), (1.15, "holds")]
)
def test_threshold_clocks_are_the_registered_exception(exponent, expected):
    (regime,) = claims.linear_in_samples(sizes(exponent=exponent)).regimes
    assert (regime.verdict, regime.unexpected) == (expected, expected == "holds")
    assert regime.value_text == f"local exponents {exponent:.2f} to {exponent:.2f}"
