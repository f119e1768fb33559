"""The claim on consolidation is judged right on costs whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import committee_consolidation as claims
from companion.claims.register import record

STRENGTHS = [0.1, 1.0, 10.0]
SETTING = {"readout_scale": 0.3, "weight_scale": 1e-3, "dimension": 1000}
BETWEEN = r"$\theta=0.3$"


def run(ratio=0.005, uniform=0.6, partial=0.3, *, draws=8, spread=0.1, duration=200.0, step=0.2, names=None):
    """Costs whose smallest values stand in these ratios to that of the shared start, .02."""
    schemes = ["specialised", BETWEEN, "shared"] if names is None else names
    levels = {"specialised": (ratio, uniform), BETWEEN: (partial, partial), "shared": (1.0, 1.0)}
    noise = np.random.default_rng(3).normal(size=draws)
    factor = 1 + spread * (noise - noise.mean())
    cost = np.empty((2, len(schemes), len(STRENGTHS), draws))
    for row, name in enumerate(schemes):
        for column in range(2):
            own = 0.02 * levels[name][column] * (factor if name != "shared" else np.ones(draws))
            cost[column, row] = np.array([4.0, 1.0, 2.0])[:, None] * own
    dims = ("penalty", "scheme", "strength", "draw")
    return xr.Dataset(
        {
            "mean_forgetting": (dims, 0.75 * cost),
            "mean_second_error": (dims, 0.25 * cost),
            "tied_forgetting": ("strength", [0.08, 0.06, 0.05]),
            "tied_second_error": ("strength", [0.01, 0.02, 0.05]),
        },
        coords={
            "penalty": ["fisher", "uniform"],
            "scheme": schemes,
            "strength": STRENGTHS,
            "similarity": [0.0, 0.5, 1.0],
        },
        attrs={"duration": duration, "step": step, "root_seed": 5, "companion_key": "c" * 40} | SETTING,
    )


def verdict(data=None, longer=None, finer=None):
    return claims.ewc_is_cheap(
        run() if data is None else data,
        run(duration=600.0) if longer is None else longer,
        run(step=0.1) if finer is None else finer,
    )


def missing():
    """One cost of the shared start at one strength is no number."""
    found = run()
    found["mean_forgetting"][0, 2, 1, 3] = np.nan
    return found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "holds"),
        ({"data": run(0.03)}, "fails"),
        ({"data": run(0.02, spread=0.3)}, "inconclusive"),
        ({"data": run(draws=5)}, "inconclusive"),
        ({"longer": run(0.03, duration=600.0)}, "fails"),
        ({"finer": run(0.03, step=0.1)}, "fails"),
        ({"data": missing()}, "not evaluated"),
        ({"data": run(names=["specialised", BETWEEN])}, "not evaluated"),
        ({"longer": run()}, "not evaluated"),
        ({"finer": run()}, "not evaluated"),
        ({"data": run(duration=100.0)}, "not evaluated"),
    ],
)
def test_verdicts(given, expected):
    assert verdict(**given).verdict == expected


@pytest.mark.parametrize("name", list(SETTING))
def test_another_setting_is_not_evaluated(name):
    for place in ("data", "longer", "finer"):
        given = {"data": run(), "longer": run(duration=600.0), "finer": run(step=0.1)}
        given[place].attrs[name] *= 2
        found = verdict(**given)
        assert found.verdict == "not evaluated" and place in found.notes[0]


def test_similarities_must_reach_both_ends():
    assert verdict(data=run().isel(similarity=[0, 1])).verdict == "not evaluated"


def test_runs_are_compared_at_common_penalties_with_the_best_among_them():
    more = run().assign_coords(strength=[0.1, 1.0, 100.0])
    found = verdict(data=more)
    assert found.verdict == "not evaluated" and "[0.1, 1.0]" in found.notes[0]
    edge = run().isel(strength=[1, 0, 2]).assign_coords(strength=STRENGTHS)
    assert verdict(data=edge).verdict == "not evaluated"


def test_the_smallest_costs_are_compared_draw_by_draw():
    found = verdict()
    assert found.value == pytest.approx(0.005)
    low, high = found.interval
    assert low < 0.005 < high < 0.006
    assert (found.replicates, found.root_seed) == (8, 5)
    assert "0.1 (specialised), 20 (shared), 80 (exact tie)" in found.notes[0]


def test_regimes_fail_as_registered():
    found = verdict().regimes
    assert [(regime.name, regime.verdict) for regime in found] == [
        ("uniform penalty", "fails"),
        ("theta = .3", "fails"),
    ]
    assert found[0].value_text.startswith("ratio 0.6 (")


def test_regimes_that_meet_the_criterion_are_surprises():
    found = verdict(run(uniform=0.01, partial=0.01)).regimes
    assert [(regime.verdict, regime.unexpected) for regime in found] == [("holds", True)] * 2


def test_regimes_that_were_not_run_are_not_evaluated():
    without = run(names=["specialised", "shared"]).sel(penalty=["fisher"])
    found = verdict(without)
    assert found.verdict == "holds"
    assert [regime.verdict for regime in found.regimes] == ["not evaluated"] * 2


def test_a_reason_is_given_where_a_run_does_not_fit():
    assert "longer: needs T = 600" in verdict(longer=run()).notes[0]


def test_the_verdict_can_be_recorded(project):
    assert record(verdict(), claims.EWC_IS_CHEAP).entry["verdict"] == "holds"
