"""Blocks of queries against blocks of references: the same result for every layout and number of workers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.analysis.neighbour_sweep import joined, sweep_neighbours
from companion.analysis.neighbours import nearest_neighbours
from companion.compute import clusters


def whole_numbers(count, seed):
    """Few different distances, so that ties cross the borders of blocks."""
    return np.random.default_rng(seed).integers(0, 4, (count, 7)).astype(np.float32)


def test_layouts_change_nothing():
    queries, references = whole_numbers(150, 0), whole_numbers(600, 1)
    expected = nearest_neighbours(queries, references, 3)
    for query_block, reference_block in ((150, 600), (40, 100), (7, 599), (1000, 1000)):
        found = sweep_neighbours(
            queries, references, 3, query_block=query_block, reference_block=reference_block
        )
        np.testing.assert_array_equal(found, expected)


def test_k_may_exceed_a_block():
    queries, references = whole_numbers(5, 0), whole_numbers(20, 1)
    found = sweep_neighbours(queries, references, 11, reference_block=4)
    np.testing.assert_array_equal(found, nearest_neighbours(queries, references, 11))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 4))
def test_joining_is_associative_and_commutative(seed, k):
    generator = np.random.default_rng(seed)
    indices = generator.permutation(60).reshape(3, 1, 20)
    distances = generator.integers(0, 5, (3, 1, 20)).astype(float)
    a, b, c = zip(distances, indices, strict=True)
    left = joined(joined(a, b, k), c, k)
    for other in (joined(a, joined(b, c, k), k), joined(joined(c, a, k), b, k)):
        np.testing.assert_array_equal(left[0], other[0])
        np.testing.assert_array_equal(left[1], other[1])


def test_files_larger_than_a_block_are_read_block_by_block(tmp_path):
    queries, references = whole_numbers(90, 0), whole_numbers(400, 1)
    names = {}
    for name, rows in (("queries", queries), ("references", references)):
        np.save(tmp_path / f"{name}.npy", rows)
        names[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    found = sweep_neighbours(names["queries"], names["references"], query_block=32, reference_block=150)
    np.testing.assert_array_equal(found, nearest_neighbours(queries, references))


def test_workers_change_nothing():
    queries, references = whole_numbers(120, 0), whole_numbers(500, 1)
    expected = nearest_neighbours(queries, references, 3)
    from distributed import LocalCluster

    for workers in (1, 2):
        options = {"processes": False, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(n_workers=workers, **options) as started:
            found = sweep_neighbours(
                queries, references, 3,
                workers=started.scheduler_address, query_block=50, reference_block=200, small=0,
            )  # fmt: skip
            clusters._disconnect(started.scheduler_address)
        np.testing.assert_array_equal(found, expected)


def test_errors_say_where():
    queries, references = whole_numbers(30, 0), whole_numbers(60, 1)
    references[41, 2] = np.nan
    with pytest.raises(ValueError, match=r"in references 40 to 59: references: row 1 "):
        sweep_neighbours(queries, references, reference_block=20)
    queries[12, 0] = np.inf
    with pytest.raises(ValueError, match=r"in queries from 10 on: queries: row 2 "):
        sweep_neighbours(queries, whole_numbers(60, 1), query_block=10)
    with pytest.raises(ValueError, match=r"k: given 61"):
        sweep_neighbours(queries, references, 61)
    with pytest.raises(ValueError, match=r"query_block: given 0"):
        sweep_neighbours(queries, references, query_block=0)
