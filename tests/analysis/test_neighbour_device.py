"""The search by tensor operations alone, as on a GPU, run on the processor: same indices, same bits."""

import numpy as np
import pytest
import torch

from companion.analysis.neighbour_cuda import DeviceSearcher, exact_distances
from companion.analysis.neighbour_preparation import screen_quantiser
from companion.analysis.neighbour_refinement import blank, refine
from companion.analysis.neighbour_screening import centring
from companion.analysis.neighbour_search import prepare
from companion.analysis.neighbours import Reference


def gaussian(count, dimension, seed):
    return np.random.default_rng(seed).standard_normal((count, dimension))


@pytest.mark.parametrize("dimension", [1, 15, 16, 40, 129, 784])
def test_distances_have_the_bits_of_the_compiled_ones(dimension):
    queries, references = gaussian(100, dimension, 0), gaussian(80, dimension, 1).astype(np.float32)
    rows = np.arange(100)
    places = np.random.default_rng(2).integers(0, 80, 100)
    distances, indices = blank(100, 1)
    refine(queries, references, rows, places[:, None], distances, indices)
    tensors = (torch.from_numpy(array) for array in (queries, references, rows, places))
    np.testing.assert_array_equal(exact_distances(*tensors).numpy(), distances[:, 0])
    exact = np.sqrt(((queries - references[places].astype(float)) ** 2).sum(1))
    np.testing.assert_allclose(distances[:, 0], exact, rtol=1e-14)


CASES = {
    "random": (gaussian(50, 40, 0), gaussian(1500, 40, 1)),
    "few queries": (gaussian(2, 37, 0), gaussian(3000, 37, 1)),
    "float32, offset": tuple(gaussian(n, 40, n).astype("f4") + np.float32(1e3) for n in (50, 900)),
    "ties": (np.random.default_rng(0).integers(0, 3, (50, 6)), np.random.default_rng(1).integers(0, 3, (900, 6))),
    "giants": (gaussian(50, 40, 0), gaussian(900, 40, 1) * np.where(np.arange(900) % 300, 1, 1e6)[:, None]),
    "far clusters": (gaussian(50, 40, 0), gaussian(900, 40, 1) + 1e5 * (np.arange(900) % 2)[:, None]),
    "all alike": (np.ones((5, 30)), np.ones((700, 30))),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_device_search_is_the_direct_one(name):
    queries, references = CASES[name]
    queries = np.ascontiguousarray(queries, dtype=np.float64 if queries.dtype == int else None)
    for k in (1, 2, 6):
        expected = Reference(references, method="direct").search(queries, k)
        found = Reference(references, method="screen")._search_on("cpu", torch.from_numpy(queries), k, 1)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)


def test_blocks_of_the_device_search_change_nothing(monkeypatch):
    queries, references = torch.from_numpy(gaussian(70, 40, 0)), torch.from_numpy(gaussian(1500, 40, 1))
    searcher = DeviceSearcher(
        prepare(screen_quantiser(centring(references), references), references), references
    )
    expected = searcher.search(queries, 2)
    monkeypatch.setattr("companion.analysis.neighbour_cuda._QUERY_BLOCK", 33)
    monkeypatch.setattr("companion.analysis.neighbour_cuda._PRODUCT_BYTES", 4 * 33 * 200)
    monkeypatch.setattr("companion.analysis.neighbour_cuda._PAIR_BYTES", 8 * 40 * 50)
    for one, other in zip(searcher.search(queries, 2), expected, strict=True):
        assert torch.equal(one, other)
    assert int(expected[2].max()) < 100


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_returns_the_bits_of_the_processor():
    queries, references = gaussian(3000, 300, 0).astype(np.float32), gaussian(9000, 300, 1).astype(np.float32)
    reference = Reference(references)
    ours, theirs = (reference.search(queries, 3, device=device) for device in ("cuda", "cpu"))
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_array_equal(ours.distances, theirs.distances)
