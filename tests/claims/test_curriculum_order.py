"""Verdicts on the order of operations, on accuracies whose verdict is known."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims.curriculum_order import (
    CONCURRENT_BEATS_BLOCKED,
    OWN_PARITY,
    SHARED,
    concurrent_beats_blocked,
    difference,
)
from companion.compute.seeds import CONFIRMATORY_ROOT

#: Accuracies of both operations by schedule, in the end and at the end of their stages.
KNOWN = {
    "interleaved": ((0.98, 0.93), (math.nan, math.nan)),
    "blocked": ((0.08, 0.2), (0.98, 0.2)),
    "reversed": ((0.99, 0.03), (0.99, 0.04)),
    "replay": ((0.96, 0.9), (0.98, 0.9)),
    "replay reversed": ((0.95, 0.85), (0.95, 0.03)),
}


def compared(*, seeds=8, stage=1000, replay=0.1, noise=0.02, stopped=(), **changes):
    random = np.random.default_rng(0)
    known = {**KNOWN, **{name.replace("_", " "): values for name, values in changes.items()}}
    known = {name: values for name, values in known.items() if values is not None}
    accuracies = np.array(list(known.values()))[:, None] + noise * random.standard_normal(
        (len(known), seeds, 2, 2)
    )
    stops = np.array([[500 if name in stopped else -1] * seeds for name in known])
    dims = ("schedule", "replicate", "operation")
    return xr.Dataset(
        {
            "final": (dims, accuracies[:, :, 0]),
            "stage_end": (dims, accuracies[:, :, 1]),
            "exposure": (dims, np.full(accuracies[:, :, 0].shape, 256_000)),
            "stopped_at": (dims[:2], stops),
        },
        coords={"schedule": list(known), "operation": ["add", "sub"]},
        attrs=SHARED
        | {
            "root_seed": CONFIRMATORY_ROOT,
            "stage_steps": stage,
            "replay": replay,
            "companion_key": "o" * 40,
        },
    )


def test_a_clear_gain_holds():
    found = concurrent_beats_blocked(compared())
    assert found.verdict == "holds"
    assert found.value == pytest.approx(0.73, abs=0.03)
    assert found.interval is not None and found.interval[0] > 0.3
    assert found.replicates == 8 and found.seeds == "confirmatory" and found.keys == ("o" * 40,)
    assert "blocked at the end 0.8" in found.value_text
    replay, parity = found.regimes
    assert (replay.verdict, replay.unexpected, parity.verdict) == ("fails", False, "not evaluated")
    assert "no runs on parity" in parity.value_text


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"blocked": ((0.9, 0.9), (0.95, 0.9))}, "fails"),
        ({"reversed": ((0.99, 0.7), (0.99, 0.04))}, "fails"),
        # Learned in its stage and forgotten since: in the end the gain is there, at the end of its stage it is not.
        ({"blocked": ((0.08, 0.9), (0.98, 0.9))}, "fails"),
        ({"blocked": ((0.08, 0.63), (0.98, 0.63)), "noise": 0.05}, "inconclusive"),
        ({"blocked": None}, "not evaluated"),
        ({"stopped": ("reversed",)}, "not evaluated"),
        ({"seeds": 7}, "not evaluated"),
        ({"stage": 800}, "not evaluated"),
    ],
)
def test_other_verdicts(changes, verdict):
    found = concurrent_beats_blocked(compared(**changes))
    assert found.verdict == verdict
    assert (found.value is None) == (verdict == "not evaluated")


def test_reasons_are_told():
    assert "800 given" in concurrent_beats_blocked(compared(stage=800)).notes[0]
    assert "7 given" in concurrent_beats_blocked(compared(seeds=7)).notes[0]
    assert any(
        "reversed (8)" in note for note in concurrent_beats_blocked(compared(stopped=("reversed",))).notes
    )
    assert any("256000 and 256000" in note for note in concurrent_beats_blocked(compared()).notes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prime", 97),
        ("width", 128),
        ("layers", 2),
        ("batch", 512),
        ("decay_share", 0.0),
        ("learning_rate", 1e-3),
        ("fractions", (0.6, 0.6)),
        ("fractions", 0.6),
    ],
)
def test_other_settings_than_the_registered_ones_are_not_judged(name, value):
    found = concurrent_beats_blocked(compared().assign_attrs({name: value}))
    assert (found.verdict, found.value, found.regimes[0].verdict) == ("not evaluated", None, "not evaluated")
    assert found.notes[0].startswith(f"settings differ from the registered ones: {name} = ")
    assert len([note for note in found.notes if note.startswith("settings")]) == 1


def test_other_operations_are_not_judged():
    other = compared().assign_coords(operation=["add", "mul"])
    assert "operations = add and mul (add and sub)" in concurrent_beats_blocked(other).notes[0]


def test_a_missing_number_is_no_pass():
    data = compared()
    data.final.loc[{"schedule": "interleaved", "replicate": 3, "operation": "add"}] = np.nan
    assert concurrent_beats_blocked(data).verdict == "not evaluated"


def test_replay_is_judged_where_there_is_enough_of_it():
    little = concurrent_beats_blocked(compared(replay=0.05)).regimes[0]
    assert little.verdict == "not evaluated"
    useless = compared(replay_reversed=((0.1, 0.1), (0.1, 1))).drop_sel(schedule="replay")
    assert concurrent_beats_blocked(useless).regimes[0].unexpected
    one = concurrent_beats_blocked(compared(replay_reversed=None)).regimes[0]
    assert one.verdict == "fails" and "reversed" not in one.value_text


def parity(uniform, biased, **attrs):
    """Final accuracies on parity with a null pair and a strip beside them, as the study of parity stores them."""
    rows = [uniform, biased, 0 * uniform, 0 * biased + 1]
    return xr.Dataset(
        {
            "final_test": (("setting", "replicate"), np.stack(rows)),
            "stopped_at": (("setting", "replicate"), np.full((4, len(uniform)), -1)),
        },
        coords={
            "task": ("setting", ["parity"] * 4),
            "relevant": ("setting", [4, 4, 4, 3]),
            "width": ("setting", [32] * 4),
            "bias": ("setting", [0.5, 0.85, 0.5, 0.85]),
            "stream": ("setting", [0, 0, 1, 0]),
        },
        attrs=OWN_PARITY | {"companion_key": "p" * 40} | attrs,
    )


def test_parity_is_judged_where_it_is_given():
    random = np.random.default_rng(1)
    uniform, biased = 0.8 + 0.1 * random.random(8), 0.98 + 0.01 * random.random(8)
    found = concurrent_beats_blocked(compared(), parity(uniform, biased))
    assert found.regimes[1].verdict == "fails" and not found.regimes[1].unexpected
    assert "-0.1" in found.regimes[1].value_text and found.keys == ("o" * 40, "p" * 40)
    few = concurrent_beats_blocked(compared(), parity(uniform[:5], biased[:5]))
    assert few.regimes[1].verdict == "inconclusive"
    helped = concurrent_beats_blocked(compared(), parity(uniform, uniform - 0.5))
    assert helped.regimes[1].unexpected
    other = concurrent_beats_blocked(compared(), parity(uniform, biased, bias=0.7))
    assert other.regimes[1].verdict == "not evaluated" and "0.7" in other.regimes[1].value_text
    stopped = parity(uniform, biased)
    stopped.stopped_at[1, 3] = 100
    assert concurrent_beats_blocked(compared(), stopped).regimes[1].verdict == "not evaluated"


def test_differences_are_paired():
    own = np.arange(8.0)
    found = difference(own + 0.5, own, "paired")
    assert found.centre == pytest.approx(0.5) and found.interval == pytest.approx((0.5, 0.5))
    assert found.p_value == pytest.approx(2 / 2**8)
    assert difference(own[:1] + 0.5, own[:1], "one").interval == (-np.inf, np.inf)


def test_the_register():
    assert (
        CONCURRENT_BEATS_BLOCKED.profile == "night" and CONCURRENT_BEATS_BLOCKED.figure == "e4_f5_schedules"
    )
    assert [regime.expected for regime in CONCURRENT_BEATS_BLOCKED.regimes] == ["fails", "fails"]
