"""What a computation is measured by: its time, what of it compiled, and whether memory rose for it."""

import numpy as np

from companion.store import meter
from companion.store.meter import Meter, Seconds, count_compiling


def test_compiling_is_counted_apart():
    measured = Meter()
    count_compiling(2.0)
    found = measured.seconds()
    assert found.compiling == 2.0
    assert 0 <= found.cpu < 2 and found.wall >= 0


def test_what_inner_work_took_is_taken_off():
    assert Seconds(9, 8, 3) - (Seconds(4, 3, 3) + Seconds(1, 1)) == Seconds(4, 4, 0)


def test_memory_is_exact_only_where_it_rose(monkeypatch):
    peaks = iter([1000, 1000, 1000, 1500])
    monkeypatch.setattr(meter, "_peak_kib", lambda: next(peaks))
    assert Meter().memory() == {"peak_memory_kib": 1000, "peak_memory_rose": False}
    assert Meter().memory() == {"peak_memory_kib": 1500, "peak_memory_rose": True}


def test_the_peak_of_this_process_is_in_kib():
    assert np.ones(10).nbytes < 50 * 1024 < meter._peak_kib() < 100 * 2**20
