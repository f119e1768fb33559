"""Exact nearest neighbours against float64 brute force, on easy and on hostile input, by every method."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.analysis import neighbour_search, neighbours
from companion.analysis.neighbours import Reference, nearest_neighbours

METHODS = ("direct", "screen", "filter", "auto")


def brute_force(queries, references, k):
    """By float64 differences, block by block; equal distances by index."""
    q, x = np.asarray(queries, dtype=np.float64), np.asarray(references, dtype=np.float64)
    rows = max(1, 20_000_000 // x.size)
    distances, indices = [], []
    for start in range(0, len(q), rows):
        gaps = np.sqrt(((q[start : start + rows, None] - x[None]) ** 2).sum(-1))
        order = np.argsort(gaps, axis=1, kind="stable")[:, :k]
        indices.append(order)
        distances.append(np.take_along_axis(gaps, order, 1))
    return np.concatenate(distances), np.concatenate(indices)


def gaussian(count, dimension, seed, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((count, dimension)).astype(dtype)


def power_law(count, dimension, seed):
    """Correlated float32 vectors: a few directions hold most of the variance."""
    axes = np.linalg.qr(gaussian(dimension, dimension, 77))[0]
    sizes = np.arange(1, dimension + 1) ** -0.9
    return ((gaussian(count, dimension, seed) * sizes) @ axes).astype(np.float32)


def mixture(count, dimension, gap, seed):
    centres = gap * np.random.default_rng(seed).integers(0, 2, (count, 1))
    return gaussian(count, dimension, seed) + centres


def scales(count, dimension, seed):
    return gaussian(count, dimension, seed) * 10.0 ** np.random.default_rng(seed).integers(
        -60, 60, (count, 1)
    )


HOSTILE = {
    "random": (gaussian(70, 40, 0), gaussian(900, 40, 1)),
    "odd dimension": (gaussian(50, 37, 0, np.float32), gaussian(900, 37, 1, np.float32)),
    "one dimension": (gaussian(50, 1, 0), gaussian(900, 1, 1)),
    "power law": (power_law(60, 130, 0), power_law(900, 130, 1)),
    "offset": (gaussian(60, 40, 0, np.float32) + np.float32(1e3), gaussian(900, 40, 1, np.float32) + np.float32(1e3)),
    "offset of float64": (gaussian(60, 40, 0) + 1e8, gaussian(900, 40, 1) + 1e8),
    "queries far away": (gaussian(60, 40, 0) + 1e5, gaussian(900, 40, 1)),
    "duplicates": (np.zeros((40, 20)), np.repeat(gaussian(30, 20, 2), 30, axis=0)),
    "all alike": (np.ones((20, 30)), np.ones((700, 30))),
    "many ties": (np.random.default_rng(3).integers(0, 3, (60, 6)), np.random.default_rng(4).integers(0, 3, (900, 6))),
    "far clusters": (mixture(60, 40, 1e4, 5), mixture(900, 40, 1e4, 6)),
    "farther clusters": (mixture(60, 40, 1e12, 5), mixture(900, 40, 1e12, 6)),
    "huge dynamic range": (scales(60, 20, 7), scales(900, 20, 8)),
    "denormal": tuple(np.float32(1e-41) * gaussian(count, 40, count, np.float32) for count in (60, 900)),
    "tiny": (gaussian(60, 40, 0) * 1e-140, gaussian(900, 40, 1) * 1e-140),
    "near the largest float32": tuple(np.float32(5e37) * gaussian(n, 40, n, np.float32) for n in (60, 900)),
    "a few giants": (gaussian(60, 40, 0), gaussian(900, 40, 1) * np.where(np.arange(900) % 300, 1, 1e6)[:, None]),
    "zero": (np.zeros((5, 300)), np.zeros((800, 300))),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_every_method_is_brute_force(name):
    queries, references = HOSTILE[name]
    for k in (1, 2, 7):
        distances, indices = brute_force(queries, references, k)
        found = {method: Reference(references, method=method).search(queries, k) for method in METHODS}
        for method, result in found.items():
            np.testing.assert_array_equal(result.indices, indices, err_msg=f"{method}, k = {k}")
            np.testing.assert_allclose(result.distances, distances, rtol=1e-13, atol=0, err_msg=method)
            # Bit for bit the same, not only nearly.
            np.testing.assert_array_equal(result.distances, found["direct"].distances)
            assert result.distances.dtype == np.float64 and result.indices.dtype == np.int64


@pytest.mark.parametrize("frame", ["raw", "centred", "offset"])
def test_near_copies_have_exact_distances(frame):
    """Relative distances 1e-1 … 1e-6 of the size of an image: within 1e-12 of float64 differences."""
    images = np.clip(power_law(900, 256, 11) - 0.4, -1, 1)
    images = {"raw": images, "centred": images - images.mean(0), "offset": images + np.float32(10)}[frame]
    generator = np.random.default_rng(0)
    chosen = generator.choice(len(images), 30, replace=False)
    step = generator.standard_normal((30, images.shape[1]))
    step *= (np.linalg.norm(images[chosen] - images.mean(0), axis=1) / np.linalg.norm(step, axis=1))[:, None]
    for exponent in range(1, 7):
        queries = (images[chosen] + 10.0**-exponent * step).astype(np.float32)
        distances, indices = brute_force(queries, images, 2)
        for method in ("screen", "filter"):
            found = Reference(images, method=method).search(queries)
            np.testing.assert_array_equal(found.indices, indices)
            np.testing.assert_allclose(found.distances, distances, rtol=1e-12, atol=0)
            assert found.uncertified == 0


def test_indices_of_a_hundred_thousand_references():
    """By expansion in float64, whose candidates are then measured: brute force that fits into a test."""
    references, queries = power_law(100_000, 96, 21), power_law(200, 96, 22)
    x, q = references.astype(np.float64), queries.astype(np.float64)
    squares = (x**2).sum(1) - 2 * q @ x.T
    candidates = np.sort(np.argpartition(squares, 6, axis=1)[:, :6], axis=1)
    gaps = np.sqrt(((q[:, None] - x[candidates]) ** 2).sum(-1))
    order = np.argsort(gaps, axis=1, kind="stable")[:, :2]
    reference = Reference(references)
    found = reference.search(queries)
    np.testing.assert_array_equal(found.indices, np.take_along_axis(candidates, order, 1))
    np.testing.assert_allclose(found.distances, np.take_along_axis(gaps, order, 1), rtol=1e-13)
    assert found.uncertified == 0 and found.method == "filter"
    assert found.survivors.mean() < 100  # of 100 000


def test_a_hundred_thousand_queries():
    references, queries = power_law(100, 16, 23), power_law(100_000, 16, 24)
    distances, indices = brute_force(queries, references, 2)
    found = Reference(references, method="screen").search(queries)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-13)


def test_twins_have_ratio_zero_over_zero_and_both_indices():
    images = gaussian(50, 12, 0)
    images[31] = images[4]
    distances, indices = nearest_neighbours(images[[4]], images)
    np.testing.assert_array_equal(indices, [[4, 31]])
    np.testing.assert_array_equal(distances, [[0.0, 0.0]])


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.uint8, np.int16, np.int64, bool, ">f4"]
)
def test_dtypes_count_with_the_numbers_they_hold(dtype):
    generator = np.random.default_rng(5)
    queries = (generator.standard_normal((40, 30)) * 40 + 100).astype(dtype)
    references = (generator.standard_normal((300, 30)) * 40 + 100).astype(dtype)
    distances, indices = brute_force(queries, references, 3)
    for method in ("direct", "screen"):
        found = Reference(references, method=method).search(queries, 3)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.distances, distances, rtol=1e-13)


def test_mixed_dtypes_and_layouts():
    wide, tall = gaussian(80, 60, 0, np.float32), np.asfortranarray(gaussian(500, 30, 1))
    queries = wide[::2, ::2]
    tall.flags.writeable = False
    expected = brute_force(queries, tall, 2)
    for given_queries in (queries, torch.from_numpy(wide)[::2, ::2], queries.tolist()):
        distances, indices = nearest_neighbours(given_queries, tall)
        np.testing.assert_array_equal(indices, expected[1])
        np.testing.assert_allclose(distances, expected[0], rtol=1e-13)


def test_sizes_down_to_nothing():
    assert nearest_neighbours(np.empty((0, 5)), np.ones((3, 5)))[0].shape == (0, 2)
    assert Reference(gaussian(900, 30, 0), method="filter").search(np.empty((0, 30))).indices.shape == (0, 2)
    distances, indices = nearest_neighbours([[3.0]], [[1.0]], k=1)
    assert (distances.item(), indices.item()) == (2.0, 0)
    distances, indices = nearest_neighbours([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]], k=2)
    assert distances.tolist() == [[1.0, 5.0]] and indices.tolist() == [[1, 0]]
    everything = nearest_neighbours(gaussian(10, 20, 0), gaussian(700, 20, 1), k=700)[1]
    np.testing.assert_array_equal(np.sort(everything, axis=1), np.tile(np.arange(700), (10, 1)))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6), count=st.integers(1, 400), dimension=st.integers(1, 40), k=st.integers(1, 5)
)
def test_permutations_and_translations_change_nothing(seed, count, dimension, k):
    """Whole numbers: all arithmetic is exact, ties are frequent, equality is asked for."""
    generator = np.random.default_rng(seed)
    queries = generator.integers(-4, 5, (30, dimension)).astype(np.float32)
    references = generator.integers(-4, 5, (count, dimension)).astype(np.float32)
    k = min(k, count)
    method = METHODS[seed % 4]
    distances, indices = brute_force(queries, references, k)
    found = Reference(references, method=method).search(queries, k)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.distances, distances)
    shift = generator.integers(-(10**6), 10**6, dimension).astype(np.float32)
    moved = Reference(references + shift, method=method).search(queries + shift, k)
    np.testing.assert_array_equal(moved.indices, indices)
    np.testing.assert_array_equal(moved.distances, distances)
    rows, order = generator.permutation(30), generator.permutation(count)
    mixed = Reference(references[order], method=method).search(queries[rows], k)
    np.testing.assert_array_equal(mixed.distances, distances[rows])
    np.testing.assert_array_equal(  # what is returned are references at that distance, equal ones by index
        np.linalg.norm(queries[rows][:, None] - references[order][mixed.indices], axis=2).astype(np.float32),
        distances[rows].astype(np.float32),
    )
    tied = mixed.distances[:, 1:] == mixed.distances[:, :-1]
    assert (mixed.indices[:, 1:] > mixed.indices[:, :-1])[tied].all()


def test_blocks_and_threads_and_arithmetic_change_nothing(monkeypatch):
    references, queries = power_law(5000, 130, 31), power_law(300, 130, 32)
    expected = Reference(references, method="direct").search(queries, 3)
    layouts = ((128, 2048, 1, True), (17, 100, 2, False), (300, 4999, 3, False), (1, 2048, 2, True))
    for method in ("screen", "filter"):
        for block, tile, threads, int8 in layouts:
            monkeypatch.setattr(neighbours, "QUERY_BLOCK", block)
            monkeypatch.setattr(neighbours, "_THREAD_WORTH", 1.0)
            monkeypatch.setattr(neighbour_search, "TILE", tile)
            if not int8:  # products of codes in float32, as where there are no int8 instructions
                monkeypatch.setattr("companion.analysis.neighbour_screening.int8_products", lambda: False)
            before = torch.get_num_threads()
            found = Reference(references, method=method).search(queries, 3, threads=threads)
            np.testing.assert_array_equal(found.indices, expected.indices)
            np.testing.assert_array_equal(found.distances, expected.distances)
            assert torch.get_num_threads() == before
            monkeypatch.undo()


def test_reduced_precision_of_products_elsewhere_does_no_harm():
    references, queries = power_law(3000, 130, 31), power_law(100, 130, 32)
    expected = Reference(references, method="direct").search(queries)
    torch.set_float32_matmul_precision("medium")
    try:
        for method in ("screen", "filter"):
            found = Reference(references, method=method).search(queries)
            np.testing.assert_array_equal(found.indices, expected.indices)
    finally:
        torch.set_float32_matmul_precision("highest")


def test_the_method_follows_size_and_spectrum():
    assert Reference(gaussian(40, 20, 0)).search(gaussian(10, 20, 1)).method == "direct"
    flat = Reference(gaussian(4000, 130, 0, np.float32)).search(gaussian(300, 130, 1, np.float32))
    assert flat.method == "screen" and flat.uncertified == 0
    steep = Reference(power_law(4000, 130, 0)).search(power_law(300, 130, 1))
    assert steep.method == "filter" and steep.uncertified == 0
    # Queries that are nothing like the references: the filter is tried and dropped.
    assert Reference(power_law(4000, 130, 0)).search(gaussian(300, 130, 1, np.float32)).method == "screen"


def test_rows_without_certificate_are_counted_and_still_exact():
    alike = np.ones((600, 30))
    found = Reference(alike, method="screen").search(alike[:9])
    assert found.uncertified == 9
    np.testing.assert_array_equal(found.indices, np.tile([0, 1], (9, 1)))
    np.testing.assert_array_equal(found.survivors, 600)


def test_a_prepared_reference_can_be_sent_away():
    references, queries = power_law(3000, 130, 1), power_law(90, 130, 2)
    reference = Reference(references, method="filter", components=20).prepare()
    expected = reference.search(queries)
    arrived = pickle.loads(pickle.dumps(reference))
    assert "prepared filter" in arrived.preparation._made
    np.testing.assert_array_equal(arrived.search(queries).distances, expected.distances)


def test_bad_input_names_what_is_wrong():
    fine = np.ones((5, 3))
    with pytest.raises(ValueError, match=r"k: given 6.*1 to 5"):
        nearest_neighbours(fine, fine, k=6)
    for k in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="k: given"):
            nearest_neighbours(fine, fine, k=k)
    for value in (np.nan, np.inf, -np.inf, 1e200):
        for dtype in (np.float32, np.float64):
            if dtype is np.float32 and value == 1e200:
                continue
            bad = fine.astype(dtype)
            bad[3, 1] = value
            with pytest.raises(ValueError, match=r"queries: row 3 "):
                nearest_neighbours(bad, fine)
            with pytest.raises(ValueError, match=r"references: row 3 "):
                Reference(bad)
    large = np.full((4, 3), 3e38, dtype=np.float32)  # finite, though their sum is not
    assert nearest_neighbours(large, large)[0].max() == 0
    with pytest.raises(ValueError, match="queries: given 2 coordinates; the references have 3"):
        nearest_neighbours(fine[:, :2], fine)
    for array in (np.ones(3), np.ones((2, 2, 2)), np.ones((0, 3)), np.ones((3, 0))):
        with pytest.raises(ValueError, match="references: given"):
            Reference(array)
    with pytest.raises(ValueError, match="dtype complex128"):
        Reference(fine * 1j)
    with pytest.raises(ValueError, match="beyond 2"):
        Reference(np.full((2, 2), 2**60))
    with pytest.raises(ValueError, match="method: given 'tree'"):
        Reference(fine, method="tree")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="components: given 3"):
        Reference(fine, components=3)
    with pytest.raises(ValueError, match="device: given 'tpu'"):
        nearest_neighbours(fine, fine, device="tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_cuda_that_is_missing_is_an_error():
    with pytest.raises(RuntimeError, match="no CUDA device"):
        nearest_neighbours(np.ones((5, 3)), np.ones((5, 3)), device="cuda")
