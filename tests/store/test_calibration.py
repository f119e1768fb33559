"""Rates from stored results: what decides them, whose come first, and how results inside others are taken off."""

import importlib
import math
from dataclasses import replace

import numpy as np
import pytest

from companion.store.artefacts import store_roots
from companion.store.calibration import (
    LEAST_FACTOR,
    UNKNOWN_FACTOR,
    Sample,
    as_json,
    from_json,
    preferred,
    rates,
    samples,
)
from companion.store.own_costs import own_seconds

KEY = ("study.block", "cpu")


def sample(work: float, seconds: float, *, key: str = "", code: str = "now", made: float = 0.0) -> Sample:
    name = key or f"{work}-{seconds}-{made}"
    return Sample("study.block", name, "cpu", work, seconds, 1.0, 30_000, 1e5, code, made)


def test_small_results_hardly_count():
    long = [sample(1000, 2.0 * noise, made=i) for i, noise in enumerate((0.9, 1.0, 1.1))]
    first_of_all = sample(1, 15.0)  # compiled first
    found = rates([*long, first_of_all])[KEY]
    assert found.seconds == pytest.approx(2e-3, rel=0.1)
    assert found.factor == pytest.approx(LEAST_FACTOR, rel=0.1)


def test_an_outlier_is_moved_to_the_edge():
    usual = [sample(100, 1.0 + 0.01 * i) for i in range(9)]
    found = rates([*usual, sample(100, 50.0)])[KEY]
    assert found.seconds < 0.012


def test_noise_is_recovered_as_a_factor():
    random = np.random.default_rng(0)
    many = [sample(10, 1.0 * math.exp(random.normal(0, 0.5)), made=i) for i in range(300)]
    assert rates(many)[KEY].factor == pytest.approx(math.exp(0.5), rel=0.15)


def test_few_results_are_uncertain():
    assert rates([sample(10, 1.0)])[KEY].factor == UNKNOWN_FACTOR


def test_the_latest_code_counts_once_it_has_worked_enough():
    earlier = [sample(100, 10.0, code="slow", made=1.0)]
    smoke, laptop = sample(1, 0.5, made=2.0), sample(100, 1.0, made=2.0)
    assert rates([*earlier, smoke])[KEY].seconds > 0.09
    assert rates([*earlier, laptop])[KEY].seconds == pytest.approx(0.01)


def test_what_may_have_compiled_counts_only_where_nothing_else_tells():
    unknown = sample(100, 60.0, made=1.0)
    assert rates([unknown])[KEY].seconds == pytest.approx(0.6)
    told = replace(sample(100, 1.0, made=1.5), compiling=50.0)
    found = rates([unknown, told])[KEY]
    assert (found.seconds, found.compiling) == pytest.approx((0.01, 50.0))


def test_memory_is_that_of_the_largest_and_a_bound_unless_it_rose():
    def taking(work: float, memory: float, *, rose: bool) -> Sample:
        return replace(sample(work, work / 100), memory_kib=memory, memory_rose=rose)

    small, large, as_large = (
        taking(1, 5e5, rose=True),
        taking(90, 4e5, rose=False),
        taking(100, 3e5, rose=False),
    )
    found = rates([small, large, as_large])[KEY]
    assert (found.memory_kib, found.memory_exact) == (3e5, False)
    found = rates([small, large, as_large, taking(80, 2.5e5, rose=True)])[KEY]
    assert (found.memory_kib, found.memory_exact) == (2.5e5, True)


def test_a_result_can_be_left_out():
    assert rates([sample(10, 1.0, key="a"), sample(10, 9.0, key="b")], without={"b"})[
        KEY
    ].seconds == pytest.approx(0.1)


def test_own_rates_come_first_unless_they_are_of_a_smoke_run():
    tracked = rates([sample(1000, 1.0)])
    assert preferred(rates([sample(1, 1.0)]), tracked) == tracked
    own = rates([sample(900, 9.0)])
    assert preferred(own, tracked) == own


def test_rates_survive_json():
    table = rates([sample(10, 1.0), sample(30, 3.0)])
    (rate,) = from_json(as_json(table), "a file").values()
    assert rate.seconds == pytest.approx(table[KEY].seconds, rel=0.01)
    assert rate.source == "a file"


def _manifest(cpu: float, wall: float, end: float, used: dict[str, str]) -> dict:
    return {"cost": {"cpu_seconds": cpu, "wall_seconds": wall}, "made": {"time": end}, "used": used}


def test_what_ran_inside_is_taken_off_and_what_workers_did_is_not():
    inner = {"a": _manifest(2.0, 2.0, 103.0, {}), "b": _manifest(3.0, 3.0, 107.0, {})}
    outer = _manifest(6.0, 9.0, 110.0, {"a": "f", "b": "f"})
    assert own_seconds(outer, lambda address: inner[address.key]) == pytest.approx((1.0, 4.0))
    at_once = inner | {"b": _manifest(3.0, 5.0, 104.0, {})}
    assert own_seconds(outer, lambda address: at_once[address.key]) == (6.0, 9.0)
    before = inner | {"b": _manifest(3.0, 3.0, 50.0, {})}
    assert own_seconds(outer, lambda address: before[address.key]) == pytest.approx((4.0, 7.0))


def test_work_is_counted_from_the_arguments_that_a_manifest_keeps(project):
    text = (
        "import xarray as xr\nfrom companion.store.durable import stored\n"
        "@stored(work=lambda points, scale: points * scale)\n"
        "def line(points, scale=2.0):\n    return xr.Dataset({'y': ('x', [0.0] * points)})\n"
    )
    (project / "counted.py").write_text(text)
    importlib.invalidate_caches()
    importlib.import_module("counted").line(5)
    (found,) = samples(store_roots())
    assert (found.function, found.device, found.work) == ("counted.line", "cpu", 10.0)
    assert found.seconds > 0
