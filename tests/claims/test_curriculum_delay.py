"""The claim on the delay of generalisation is judged right on times that are known."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims.curriculum_delay import DELAY, SHARED, delay
from companion.claims.protocol import decides
from companion.compute.seeds import CONFIRMATORY_ROOT

NEVER = np.inf
_FIELDS = {"add": (0.5, 0, 1.0), "comprehension": (0.6, 256, 2.0), "few rows": (0.25, 0, 1.0)}


def runs(replicates=8, *, jitter=0.05, threshold=0.9, **settings):
    """Times (T_mem, T_gen) of the settings, jittered over runs; a list of T_gen gives those of the first runs."""
    given = {"add": (80.0, 640.0), "comprehension": (200.0, 400.0), "few rows": (60.0, NEVER)}
    given |= {name.replace("_", " "): pair for name, pair in settings.items()}
    noise = np.random.default_rng(3)
    times = np.empty((2, len(given), replicates))
    for row, (memorised, generalised) in enumerate(given.values()):
        for kind, value in enumerate((memorised, generalised)):
            firsts = np.atleast_1d(value)[:replicates]
            times[kind, row] = np.append(firsts, np.full(replicates - len(firsts), firsts[-1]))
    times *= np.exp(jitter * noise.standard_normal(times.shape))
    by_level = ("setting", "replicate", "threshold")
    columns = zip(*(_FIELDS[name] for name in given), strict=True)
    fields = dict(zip(("fraction", "batch", "weight_decay"), columns, strict=True))
    return xr.Dataset(
        {
            "memorised_at": (by_level, np.stack([times[0] / 2, times[0]], axis=-1)),
            "generalised_at": (by_level, np.stack([times[1] / 2, times[1]], axis=-1)),
            "stopped_at": (("setting", "replicate"), np.full(times.shape[1:], -1)),
        },
        coords={
            "setting": list(given),
            "operation": ("setting", ["add"] * len(given)),
            "threshold": [threshold - 0.1, threshold],
        }
        | {name: ("setting", list(values)) for name, values in fields.items()},
        attrs=SHARED | {"root_seed": CONFIRMATORY_ROOT, "companion_key": "d" * 40},
    )


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((80.0, 640.0), "holds"),
        ((80.0, 260.0), "holds"),
        ((80.0, 245.0), "inconclusive"),
        ((80.0, 160.0), "fails"),
        ((640.0, 80.0), "fails"),
        ((80.0, [NEVER, 640.0]), "holds"),
        ((80.0, [NEVER, NEVER, 640.0]), "fails"),
        ((80.0, NEVER), "fails"),
        (([NEVER, 80.0], 640.0), "inconclusive"),
        # Nothing is ever learned: watched for too short a time.
        ((NEVER, NEVER), "inconclusive"),
        ((80.0, [np.nan, 640.0]), "not evaluated"),
    ],
)
def test_the_interval_and_the_censored_runs_decide(pair, expected):
    assert delay(runs(add=pair)).verdict == expected


def test_what_is_reported():
    found = delay(runs(jitter=0.02))
    assert found.value == pytest.approx(math.log(8), abs=0.03)
    assert found.interval is not None and math.log(7) < found.interval[0] < found.interval[1] < math.log(9)
    assert found.value_text.startswith("ratio ") and found.value_text.endswith(
        "8 of 8 memorise and generalise"
    )
    assert (found.replicates, found.root_seed, found.seeds) == (8, CONFIRMATORY_ROOT, "confirmatory")
    assert found.keys == ("d" * 40,)
    assert found.notes[0] == "layers: 1, width: 32, modulus: 31, learning rate: 0.005, weight decay: 1"
    assert [note.split(":")[0] for note in found.notes[1:]] == [
        "times at 80 %",
        "times at 90 %",
        "0.25 of the table",
    ]
    assert found.notes[-1].endswith("8 of 8 memorise and 0 generalise within 1100 steps")


@pytest.mark.parametrize(
    ("pair", "verdict", "unexpected"),
    [
        ((200.0, 400.0), "fails", False),
        ((50.0, 400.0), "holds", True),
        ((135.0, 400.0), "inconclusive", False),
        ((200.0, np.nan), "not evaluated", False),
    ],
)
def test_the_regime_without_a_delay(pair, verdict, unexpected):
    (found,) = delay(runs(comprehension=pair)).regimes
    assert (found.name, found.verdict, found.unexpected) == ("batches", verdict, unexpected)


def test_seven_seeds_decide_nothing():
    assert delay(runs(7)).verdict == "inconclusive"
    assert delay(runs(7, add=(80.0, NEVER))).verdict == "inconclusive"
    assert delay(runs(8)).verdict == "holds"


def test_other_settings_than_the_registered_ones_are_not_judged():
    other = runs()
    for name, value in (("fraction", 0.7), ("batch", 64), ("weight_decay", 2.0)):
        changed = other.assign_coords({name: ("setting", [value, *other[name].values[1:]])})
        assert delay(changed).verdict == "not evaluated"
        assert (
            delay(changed)
            .notes[0]
            .startswith(f"settings differ from the registered ones: {name} = {value:g}")
        )
        control = other.assign_coords({name: ("setting", [other[name].values[0], value + 1, 1])})
        (regime,) = delay(control).regimes
        assert (regime.verdict, delay(control).verdict) == ("not evaluated", "holds")
        assert f"{name} = " in regime.value_text
    for name, value in SHARED.items():
        found = delay(other.assign_attrs({name: value + 1}))
        assert (found.verdict == "not evaluated") == (name != "weight_decay")  # settings have their own
    assert delay(other.drop_sel(setting="add")).verdict == "not evaluated"
    assert delay(other.assign_coords(operation=("setting", ["mul"] * 3))).verdict == "not evaluated"
    assert delay(runs(threshold=0.95)).verdict == "not evaluated"


def test_runs_that_stopped_are_named():
    data = runs()
    data.stopped_at[1, :2] = 300
    assert delay(data).notes[-1] == "stopped on a loss that is no number: comprehension (2)"


def test_it_is_registered_as_promised():
    assert (DELAY.id, DELAY.profile, DELAY.figure) == ("e4_q1_delay", "laptop", "e4_f1_grokking")
    assert decides("laptop", DELAY) and not decides("smoke", DELAY)
    assert [regime.expected for regime in DELAY.regimes] == ["fails"]
