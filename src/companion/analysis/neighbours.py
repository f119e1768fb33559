"""The nearest reference vectors of every query: exact, and faster than one matrix product.

    distances, indices = nearest_neighbours(samples, training_set)          # (n, 2), (n, 2)

    reference = Reference(training_set)                                     # prepared once …
    found = reference.search(samples, k=2)                                  # … used at every checkpoint

Distances are Euclidean, computed in float64 from differences of the original numbers in one fixed order
of operations, ascending, equal ones by index. Bounds from small integer codes leave out most references
without measuring them; the bounds are proven, so that nothing nearer can be among those left out
(`neighbour_screening`, `neighbour_filter`). Queries for which they leave out too little are compared with
every reference. The result is the same, bit for bit, for any method, block size, number of threads or
workers, and on a GPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from companion.analysis.neighbour_preparation import Preparation
from companion.analysis.neighbour_refinement import search_directly
from companion.analysis.neighbour_rows import exact_rows, tensor_of
from companion.analysis.neighbour_screening import LARGEST_DIMENSION
from companion.analysis.neighbour_search import QUERY_BLOCK, lists_of
from companion.analysis.neighbour_threads import spread
from companion.session.current import device_kind
from companion.session.device import resolve_device
from companion.session.progress import progress

Method = Literal["auto", "screen", "filter", "direct"]
_METHODS = ("auto", "screen", "filter", "direct")
_DEVICES = ("auto", "cpu", "cuda")

#: Multiply-adds below which measuring every pair costs less than preparing codes; from which on a GPU is worth
#: its transfers; from which on a search takes seconds; and for each thread to be worth its start.
_FEW, _DEVICE_WORTH, _LONG, _THREAD_WORTH = 1.5e7, 1e9, 5e11, 1e7
#: Queries tried first, and the shares of the references beyond which a filter leaves too much to the rest.
_TRIAL, _POOR_PASS, _POOR_SHARE = 64, 0.05, 0.02
#: In counts of measured references: this row was compared with all of them.
_ALL = -2


@dataclass(frozen=True)
class Neighbours:
    """What a search found, and what it took."""

    distances: np.ndarray
    """float64 (n, k), ascending."""
    indices: np.ndarray
    """int64 (n, k)."""
    uncertified: int
    """Queries for which the bounds left out too little: they were compared with every reference instead."""
    method: str
    """``direct``, ``screen`` or ``filter``: the method that was tried first."""
    survivors: np.ndarray
    """int64 (n,): references that were measured exactly for each query."""


class Reference:
    """Reference vectors (N, D), prepared once and searched many times.

    ``method``: ``filter`` compares principal coordinates first, ``screen`` all coordinates, ``direct``
    measures every pair, ``auto`` decides by size, spectrum and a trial on some queries. ``components``
    fixes the number of principal coordinates of the filter. Neither ever changes the result.

    Raises ValueError for arrays without two axes, rows or columns, of a dtype that float64 does not hold
    exactly, with NaN or infinities (the row is named), for an unknown method and for components outside
    1 … D - 1. The array must not be changed afterwards.

    >>> reference = Reference(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    >>> reference.search([[0.0, 0.0]], k=3).distances
    array([[0., 1., 5.]])
    """

    def __init__(self, array: Any, *, method: Method = "auto", components: int | None = None) -> None:
        if method not in _METHODS:
            raise ValueError(f"method: given {method!r}; allowed: {', '.join(map(repr, _METHODS))}")
        rows = exact_rows(array, "references")
        if 0 in rows.shape:
            raise ValueError(
                f"references: given shape {rows.shape}; allowed: at least one row and one column"
            )
        if components is not None and not 1 <= components < rows.shape[1]:
            raise ValueError(f"components: given {components}; allowed: 1 to {rows.shape[1] - 1}, below D")
        self.method = method
        self.preparation = Preparation(rows, components)
        self._only: float = float("inf")

    @property
    def rows(self) -> np.ndarray:
        """The vectors (N, D): float32 or float64."""
        return self.preparation.rows

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)"""
        return self.rows.shape[0], self.rows.shape[1]

    def prepare(self) -> "Reference":
        """Do now what the first large search would do first; returns the reference itself."""
        for method in self._ladder(1 << 40, 1)[:1]:
            if method != "direct":
                self.preparation.searcher(method)
        return self

    def search(
        self, queries: Any, k: int = 2, *, device: str = "auto", threads: int | None = None
    ) -> Neighbours:
        """The ``k`` nearest references of each query (n, D), and the record of the search.

        ``threads``: as many as torch uses, unless given. Raises what `nearest_neighbours` raises.
        """
        count, dimension = self.shape
        checked_k(k, count)
        rows = exact_rows(queries, "queries")
        if rows.shape[1] != dimension:
            raise ValueError(f"queries: given {rows.shape[1]} coordinates; the references have {dimension}")
        work = float(rows.shape[0]) * count * dimension
        threads = max(1, int(min(threads or torch.get_num_threads(), work / _THREAD_WORTH)))
        if _device(device, work) == "cuda":
            there = isinstance(queries, torch.Tensor) and queries.is_cuda and queries.dtype == torch.float32
            return self._search_on("cuda", queries if there else tensor_of(rows), k, threads)
        if work < _LONG:
            return self._search(rows, k, threads, lambda _: None)
        with progress("nearest neighbours", rows.shape[0], "queries") as advance:
            return self._search(rows, k, threads, advance)

    def _search(self, rows: np.ndarray, k: int, threads: int, advance: Callable[[int], None]) -> Neighbours:
        queries = tensor_of(rows)
        ladder = self._tried(queries, k, self._ladder(rows.shape[0], k))
        distances, indices, counts = self._run(ladder[0], queries, k, threads, advance)
        for method in ladder[1:]:
            left = np.flatnonzero(counts[:, 1] == -1)
            if left.size == 0:
                break
            found = self._run(method, queries[torch.from_numpy(left)], k, threads, lambda _: None)
            distances[left], indices[left], counts[left] = found
        uncertified = int((counts[:, 0] == _ALL).sum()) if ladder[0] != "direct" else 0
        return Neighbours(distances, indices, uncertified, ladder[0], counts[:, 1].copy())

    def _search_on(self, device: str, queries: torch.Tensor, k: int, threads: int) -> Neighbours:
        """The search on a torch device; what it gives up is done on the processor."""
        if self._ladder(1 << 40, k)[0] == "direct":
            return self._search(queries.cpu().numpy(), k, threads, lambda _: None)
        found = self.preparation.device_searcher(device).search(queries, k)
        distances, indices, survivors = (part.cpu().numpy() for part in found)
        left = np.flatnonzero(survivors < 0)
        if left.size == 0:
            return Neighbours(distances, indices, 0, "screen", survivors)
        rest = queries[torch.from_numpy(left)].cpu().numpy()
        other = self._search(rest, k, threads, lambda _: None)
        distances[left], indices[left], survivors[left] = other.distances, other.indices, other.survivors
        return Neighbours(distances, indices, other.uncertified, "screen", survivors)

    def _run(
        self, method: str, queries: torch.Tensor, k: int, threads: int, advance: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distances, indices (n, k) and counts (n, 2); the second count is -1 where the method gave up."""
        distances, indices, counts = lists_of(queries.shape[0], k)
        searcher = None if method == "direct" else self.preparation.searcher(method)

        def task(part: slice) -> None:
            lists = distances[part], indices[part], counts[part]
            if searcher is not None:
                searcher.block(queries[part], *lists)
                return
            exact = queries[part].double().numpy()
            search_directly(exact, self.rows, np.arange(exact.shape[0]), *lists[:2])
            lists[2][:] = _ALL, self.shape[0]

        block = min(QUERY_BLOCK, -(-queries.shape[0] // threads) or 1)
        for done in spread(task, queries.shape[0], block, threads):
            advance(done)
        return distances, indices, counts

    def _ladder(self, queries: int, k: int) -> list[str]:
        """The methods in turn: each takes the rows that the one before gave up."""
        count, dimension = self.shape
        small = self.method == "auto" and queries * count * dimension < _FEW
        if self.method == "direct" or small or 8 * k > count or dimension > LARGEST_DIMENSION:
            return ["direct"]
        auto = self.method == "auto" and self.preparation.filter_pays(self._only)
        if auto or (self.method == "filter" and dimension > 1):
            return ["filter", "screen", "double", "direct"]
        return ["screen", "double", "direct"]

    def _tried(self, queries: torch.Tensor, k: int, ladder: list[str]) -> list[str]:
        """The ladder without the filter if that leaves too much of some of the queries."""
        if self.method != "auto" or ladder[0] != "filter" or queries.shape[0] < 4 * _TRIAL:
            return ladder
        some = queries[:: queries.shape[0] // _TRIAL][:_TRIAL]
        counts = self._run("filter", some, k, 1, lambda _: None)[2]
        passed, measured = np.where(counts[:, 1:] < 0, self.shape[0], counts).mean(axis=0)
        poor = passed > _POOR_PASS * self.shape[0] or measured > _POOR_SHARE * self.shape[0]
        return ladder[1:] if poor else ladder


def nearest_neighbours(
    queries: Any, references: Any, k: int = 2, *, device: str = "auto"
) -> tuple[np.ndarray, np.ndarray]:
    """Distances (n, k) float64 and indices (n, k) int64 of the ``k`` nearest references of each query.

    Exact Euclidean distances, ascending, equal ones by index. ``queries`` (n, D) and ``references`` (N, D)
    are arrays of floats, integers or booleans, ``references`` may be a prepared `Reference`. n = 0 is allowed.
    ``device``: ``auto`` takes the session's GPU where there is one and enough to do; the bits are the same.

    Raises ValueError for k < 1 or above N, for NaN, infinities and numbers beyond 2⁵⁰⁰ (the row is named), for
    shapes that do not fit; RuntimeError where ``cuda`` is asked for and missing. Coordinates that differ
    by less than 1e-150 count as equal: their squares leave float64.

    >>> distances, indices = nearest_neighbours([[0, 1]], [[3, 5], [0, 1], [0, 1]])
    >>> distances, indices
    (array([[0., 0.]]), array([[1, 2]]))
    """
    if not isinstance(references, Reference):
        references = Reference(references)
        references._only = float(len(queries))
    found = references.search(queries, k, device=device)
    return found.distances, found.indices


def checked_k(k: int, count: int) -> int:
    """``k`` if it is between 1 and ``count``; raises ValueError otherwise."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= count:
        raise ValueError(
            f"k: given {k!r}; allowed: a whole number from 1 to {count}, the number of references"
        )
    return int(k)


def _device(request: str, work: float) -> str:
    if request not in _DEVICES:
        raise ValueError(f"device: given {request!r}; allowed: {', '.join(map(repr, _DEVICES))}")
    if request == "auto":
        return device_kind() if work >= _DEVICE_WORTH else "cpu"
    return resolve_device(request)
