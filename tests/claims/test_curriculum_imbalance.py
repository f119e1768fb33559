"""Claims on rare operations are judged right on areas and accuracies that are known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import curriculum_imbalance as claims
from companion.claims.register import record
from companion.compute.seeds import CONFIRMATORY_ROOT

SHARES = (0.5, 0.2, 0.1, 0.05)
PAIRS = {"add + sub": 0.6, "add + mul": 0.5}
DIFFER = "settings differ from the registered ones:"
NUMBERS = ("area", "area_unseen", "generalised_at", "final_test")


@pytest.fixture
def runs():
    """A dataset of the study's shape; ``cells`` maps (pair, share, company, role, number) to a level."""

    def make(
        cells=None, *, replicates=8, jitter=0.01, shares=SHARES, widths=(32,), drop=(), seeds=None, **attrs
    ):
        noise = np.random.default_rng(1)
        settings = [(width, pair, share) for width in widths for pair in PAIRS for share in shares]
        shape = (len(settings), 2, 2, replicates)
        levels = {
            "area": 0.3,
            "area_unseen": 0.1,
            "generalised_at": 700.0,
            "final_test": 0.9,
        }
        dims = ("setting", "company", "role", "replicate")
        data = xr.Dataset(
            {name: (dims, np.full(shape, level)) for name, level in levels.items()}
            | {"stopped_at": (dims, np.full(shape, -1))},
            coords={"company": ["together", "alone"], "role": ["common", "rare"]},
        ).assign_coords(
            width=("setting", [setting[0] for setting in settings]),
            pair=("setting", [setting[1] for setting in settings]),
            share=("setting", [setting[2] for setting in settings]),
            fraction=("setting", [PAIRS[setting[1]] for setting in settings]),
            seeds=("setting", [(seeds or {}).get(setting[1], replicates) for setting in settings]),
        )
        for (pair, share, company, role, name), level in (cells or {}).items():
            place = settings.index((widths[0], pair, share))
            where = {"setting": place, "company": ["together", "alone"].index(company)}
            data[name][where | {"role": ["common", "rare"].index(role)}] = level
        for name in ("area", "area_unseen", "final_test"):
            data[name] += jitter * noise.standard_normal(shape)
        known = claims.SHARED | {"root_seed": CONFIRMATORY_ROOT, "companion_key": "a" * 40}
        data.attrs |= {name: value for name, value in (known | attrs).items() if name not in drop}
        return data

    return make


def area(at_a_fifth, at_a_tenth, pair="add + sub", name="area"):
    return {
        (pair, 0.2, "together", "rare", name): at_a_fifth,
        (pair, 0.1, "together", "rare", name): at_a_tenth,
    }


@pytest.mark.parametrize(
    ("levels", "jitter", "expected"),
    [
        ((0.2, 0.1), 0.01, "holds"),
        ((0.25, 0.3), 0.01, "inconclusive"),
        ((0.35, 0.1), 0.01, "fails"),
        ((0.2, 0.35), 0.01, "fails"),
        ((0.29, 0.28), 0.3, "inconclusive"),
        ((np.nan, 0.1), 0.01, "not evaluated"),
    ],
)
def test_exposure(runs, levels, jitter, expected):
    verdict = claims.exposure(runs(area(*levels), jitter=jitter))
    assert verdict.verdict == expected
    assert record(verdict, claims.EXPOSURE)


def test_what_was_found_on_exposure(runs):
    cells = area(0.2, 0.1) | {
        ("add + sub", 0.2, "together", "rare", "generalised_at"): 1050.0,
        ("add + sub", 0.1, "together", "rare", "generalised_at"): np.inf,
    }
    verdict = claims.exposure(runs(cells))
    assert verdict.value == pytest.approx(0.1, abs=0.02)  # the weaker one of .1 and .2
    assert (verdict.replicates, verdict.root_seed, verdict.seeds) == (8, CONFIRMATORY_ROOT, "confirmatory")
    assert verdict.keys == ("a" * 40,)
    assert "largest corrected p 0.016" in verdict.value_text  # 2 * 2 / 2^8
    notes = "; ".join(verdict.notes)
    assert "layers: 1, width: 32, modulus: 31, learning rate: 0.005, weight decay: 1" in notes
    assert "0.2 1050 (0 of 8 never) against 700 (0 of 8 never)" in notes
    assert "0.1 1400 (8 of 8 never)" in notes
    assert "0.2 1.50 (1.50 to 1.50)" in notes


def test_the_incompatible_pair_is_judged_by_the_same_criterion(runs):
    level = area(0.2, 0.1) | area(0.35, 0.35, "add + mul")
    assert claims.exposure(runs(level)).regimes[0].verdict == "fails"
    raised = {("add + mul", 0.5, "together", "rare", "area"): 0.5}
    regime = claims.exposure(runs(level | raised)).regimes[0]
    assert (regime.verdict, regime.unexpected) == ("holds", True)
    assert "of rows with an unseen mirror" in regime.value_text
    missing = {("add + mul", 0.5, "together", "rare", "area"): np.nan}
    assert claims.exposure(runs(missing)).regimes[0].verdict == "not evaluated"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"steps": 60}, f"{DIFFER} steps = 60 (1400)"),
        ({"batch": 64, "prime": 97}, f"{DIFFER} prime = 97 (31), batch = 64 (256)"),
        ({"learning_rate": 1e-3}, f"{DIFFER} learning_rate = 0.001 (0.005)"),
        ({"drop": ("steps",)}, f"{DIFFER} steps = missing (1400)"),
        ({"shares": (0.5, 0.2)}, "needs add + sub at a share of 0.1, not given"),
    ],
)
def test_other_settings_are_not_judged(runs, options, reason):
    verdict = claims.exposure(
        runs(area(0.2, 0.1) if len(options.get("shares", SHARES)) > 2 else {}, **options)
    )
    assert (verdict.verdict, verdict.value) == ("not evaluated", None)
    assert verdict.notes[0] == reason


def test_other_fractions_are_not_judged(runs):
    data = runs(area(0.2, 0.1))
    verdict = claims.exposure(data.assign_coords(fraction=0.9 * data.fraction))
    assert verdict.notes[0] == f"add + sub: {DIFFER} fraction = 0.54 (0.6)"


def test_few_seeds_decide_nothing(runs):
    assert claims.exposure(runs(area(0.2, 0.1), replicates=7)).verdict == "inconclusive"
    assert claims.exposure(runs(area(0.2, 0.1), replicates=1)).verdict == "inconclusive"


def test_a_network_that_stopped_leaves_nothing_to_judge(runs):
    data = runs(area(0.2, 0.1))
    data.stopped_at[{"setting": 1, "company": 0, "replicate": 3}] = 60
    verdict = claims.exposure(data)
    assert verdict.verdict == "not evaluated"
    assert "stopped on a loss that is no number: 2 networks" in verdict.notes


def test_the_first_width_is_judged(runs):
    assert claims.exposure(runs(area(0.2, 0.1), widths=(32, 64))).verdict == "holds"
    assert claims.exposure(runs(area(0.35, 0.35), widths=(32, 64))).verdict == "fails"


def final(pair, share, role, together, alone):
    return {
        (pair, share, "together", role, "final_test"): together,
        (pair, share, "alone", role, "final_test"): alone,
    }


@pytest.mark.parametrize(
    ("together", "alone", "jitter", "expected"),
    [
        (0.5, 0.95, 0.01, "holds"),
        (0.85, 0.95, 0.01, "fails"),
        (0.95, 0.5, 0.01, "fails"),
        (0.75, 0.95, 0.1, "inconclusive"),
        (0.5, np.nan, 0.01, "not evaluated"),
    ],
)
def test_competition(runs, together, alone, jitter, expected):
    verdict = claims.competition(runs(final("add + mul", 0.5, "common", together, alone), jitter=jitter))
    assert verdict.verdict == expected
    assert record(verdict, claims.COMPETITION)
    if expected == "holds":
        assert verdict.value == pytest.approx(together - alone, abs=0.02)


def test_company_of_a_compatible_operation_helps(runs):
    helps = final("add + sub", 0.05, "rare", 0.9, 0.3)
    regime = claims.competition(runs(helps)).regimes[0]
    assert (regime.verdict, regime.unexpected) == ("fails", False)
    assert "sub, together minus alone 0.6" in regime.value_text
    hurts = final("add + sub", 0.05, "rare", 0.3, 0.9)
    assert claims.competition(runs(hurts)).regimes[0].unexpected
    assert claims.competition(runs(shares=(0.5,))).regimes[0].verdict == "not evaluated"


def test_few_seeds_need_night(runs):
    verdict = claims.competition(runs(final("add + mul", 0.5, "common", 0.5, 0.95), replicates=4))
    assert verdict.verdict == "not evaluated"
    assert verdict.notes[0] == "needs night: at least 8 seeds, 4 given"


def test_each_pair_has_its_own_number_of_seeds(runs):
    cells = area(0.2, 0.1) | final("add + mul", 0.5, "common", 0.5, 0.95)
    data = runs(cells, seeds={"add + mul": 4})
    absent = (data.pair == "add + mul") & (xr.DataArray(np.arange(8), dims="replicate") >= 4)
    data = data.assign({name: data[name].where(~absent) for name in NUMBERS})
    judged = claims.exposure(data)
    assert (judged.verdict, judged.replicates) == ("holds", 8)
    assert judged.regimes[0].verdict in ("inconclusive", "fails")
    assert "seeds, of 8 that are needed: add + mul 4" in judged.notes
    assert claims.competition(data).notes[0] == "needs night: at least 8 seeds, 4 given"
    few = data.isel(setting=[0, 1, 2, 3, 4])  # multiplication at equal shares only
    assert claims.exposure(few).regimes[0].verdict == "not evaluated"
