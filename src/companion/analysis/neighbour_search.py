"""Blocked search on the processor: integer products, a scan for survivors, exact distances.

For every query the nearest codes of a sample of the references are measured exactly: their distances
are the first reach. Then all references pass by, tile after tile: those that are proven to be beyond the
reach are left out, the others are measured exactly at once, and the reach shrinks. What is left out is
farther than what is returned, whatever the order, the blocks and the number of threads.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from companion.analysis.neighbour_refinement import blank, limit_of, offer, refine, squared_distance
from companion.analysis.neighbour_screening import Codes, Products, Quantiser
from companion.compute.compiled import compiled
from companion.compute.seeds import generator

#: Queries and references per product: 2 MB of int32, near enough to a core.
QUERY_BLOCK, TILE = 512, 1024
#: One reference of so many is in the sample that gives the first reach, up to a number whose products can be kept.
_SAMPLED, _LARGEST_SAMPLE = 8, 8 * TILE
#: A row is closed, and left to another method, when larger shares of the references pass or are measured.
_LARGEST_PASSED, _LARGEST_MEASURED = 0.5, 0.2
#: ⌊|X|²/2⌋ of a reference whose code is not trusted: it survives every bound.
_ALWAYS = -(1 << 30)
_CHUNK = 32


@compiled()
def _least_product(square, radius, step, reach):
    """Least Q·X - ⌊|X|²/2⌋ of a reference that may lie within ``reach``; every one where nothing is known."""
    allowed = (reach + radius) / step
    least = math.ceil(0.5 * (square - allowed * allowed * (1.0 + 1e-9)) - 1e-6)
    if least > -2147483000.0:  # false for NaN too
        return np.int32(min(least, 2147483000.0))
    return np.int32(-2147483648)


@compiled()
def _largest_in(products, halves):
    """Largest Q·X - ⌊|X|²/2⌋ of a chunk; on whole arrays from 0, because only that becomes vector code."""
    largest = np.int32(-2147483648)
    for j in range(products.size):
        value = np.int32(products[j] - halves[j])
        if value > largest:
            largest = value
    return largest


@compiled()
def _choose(products, halves, start, values, columns):
    """Keep the largest Q·X - ⌊|X|²/2⌋ of each row (b, K) and where they were, in the sample."""
    last = values.shape[1] - 1
    for i in range(products.shape[0]):
        row = products[i]
        for begin in range(0, row.size, _CHUNK):
            stop = min(begin + _CHUNK, row.size)
            if _largest_in(row[begin:stop], halves[begin:stop]) <= values[i, last]:
                continue
            for j in range(begin, stop):
                value = np.int32(row[j] - halves[j])
                if value > values[i, last]:
                    place = last
                    while place > 0 and value > values[i, place - 1]:
                        values[i, place] = values[i, place - 1]
                        columns[i, place] = columns[i, place - 1]
                        place -= 1
                    values[i, place] = value
                    columns[i, place] = start + j


@compiled()
def _product(a, b):
    """Q·X of two codes; 16-bit products, because those become vector code."""
    total = np.int32(0)
    for j in range(a.size):
        total = np.int32(total + np.int32(np.int16(a[j]) * np.int16(b[j])))
    return total


@compiled()
def _scan(products, tile, fine_tile, queries, fine_queries, exact, references, limits, lists):
    """Measure every reference of a tile that may be among the nearest; see the module.

    ``lists`` are distances (b, k), indices (b, k) and counts (b, 2) of what survived the products and of
    what was measured; the latter is -1 for rows that are closed, as they are beyond the ``limits``.
    """
    halves, order, radius, step = tile
    fine_values, fine_halves, fine_radius, fine_step = fine_tile
    squares, radii = queries
    fine_codes, fine_squares, fine_radii = fine_queries
    distances, indices, counts = lists
    scale, most_passed, most_measured = limits
    for i in range(products.shape[0]):
        if counts[i, 1] < 0:
            continue
        row, nearest = products[i], distances[i]
        margin, fine_margin = radii[i] + radius, fine_radii[i] + fine_radius
        reach = nearest[-1] * scale
        least = _least_product(squares[i], margin, step, reach)
        fine_least = _least_product(fine_squares[i], fine_margin, fine_step, reach)
        for begin in range(0, row.size, _CHUNK):
            stop = min(begin + _CHUNK, row.size)
            if _largest_in(row[begin:stop], halves[begin:stop]) < least:
                continue
            for j in range(begin, stop):
                if np.int32(row[j] - halves[j]) < least:
                    continue
                counts[i, 0] += 1
                if fine_values.size > 0:
                    product = _product(fine_codes[i], fine_values[j])
                    if np.int32(product - fine_halves[j]) < fine_least:
                        continue
                counts[i, 1] += 1
                limit = limit_of(nearest)
                squared = squared_distance(exact, i, references, order[j], limit)
                if squared <= limit:
                    offer(nearest, indices[i], math.sqrt(squared), order[j])
                    reach = nearest[-1] * scale
                    least = _least_product(squares[i], margin, step, reach)
                    fine_least = _least_product(fine_squares[i], fine_margin, fine_step, reach)
        if counts[i, 0] > most_passed or counts[i, 1] > most_measured:
            counts[i, 1] = -1


@dataclass(frozen=True)
class Layer:
    """Codes of the references in the order in which they pass by."""

    quantiser: Quantiser
    values: torch.Tensor
    """int8 (N, width)."""
    halves: torch.Tensor
    """int32 (N,): ⌊|X|²/2⌋, or a number that survives every bound where the code is not trusted."""
    radii: np.ndarray
    """Largest radius of each tile of references."""


@dataclass(frozen=True)
class Prepared:
    """References (N, D) ready to be searched: ``coarse`` codes for products, ``fine`` ones for their survivors."""

    coarse: Layer
    fine: Layer | None
    order: torch.Tensor
    """int64 (N,): place of each code's vector among the references."""
    sampled: int
    """References in the sample, which come first."""

    @property
    def scale(self) -> float:
        return self.coarse.quantiser.embedding.scale

    @property
    def size(self) -> int:
        return self.order.shape[0]


def prepare(coarse: Quantiser, references: torch.Tensor, fine: Quantiser | None = None) -> Prepared:
    """Encode the references (N, D): a drawn sample first, then by the radius of the coarse codes."""
    count = references.shape[0]
    codes = coarse.encode(references)
    radii = codes.radii.cpu().numpy()
    shuffled = generator(0, "neighbour_search", count).permutation(count)
    sampled = min(count, -(-count // (_SAMPLED * TILE)) * TILE, max(TILE, _LARGEST_SAMPLE // TILE * TILE))
    rest = shuffled[sampled:]
    order = np.concatenate([shuffled[:sampled], rest[np.argsort(radii[rest], kind="stable")]])
    second = None if fine is None else _layer(fine, fine.encode(references), order)
    places = torch.from_numpy(order).to(references.device)
    return Prepared(_layer(coarse, codes, order), second, places, sampled)


def _layer(quantiser: Quantiser, codes: Codes, order: np.ndarray) -> Layer:
    radii = codes.radii.cpu().numpy()[order]
    loose = ~(radii <= 2 * np.median(radii))
    tiles = np.maximum.reduceat(np.where(loose, 0.0, radii), np.arange(0, order.size, TILE))
    halves = np.where(loose, _ALWAYS, codes.squares.cpu().numpy()[order] >> 1).astype(np.int32)
    device = codes.values.device
    values = codes.values[torch.from_numpy(order).to(device)]
    return Layer(quantiser, values, torch.from_numpy(halves).to(device), tiles)


class Searcher:
    """Searches prepared references on the processor."""

    def __init__(self, prepared: Prepared, references: np.ndarray, *, int8: bool | None = None) -> None:
        self.prepared = prepared
        self.references = references
        self.products = Products(prepared.coarse.values, int8=int8)
        self._order = prepared.order.numpy()

    def block(
        self,
        queries: torch.Tensor,
        distances: np.ndarray,
        indices: np.ndarray,
        counts: np.ndarray,
    ) -> None:
        """Fill the lists of a block of queries (b, D); see `_scan` for the ``counts`` (b, 2)."""
        prepared, rows = self.prepared, queries.shape[0]
        coarse, fine = prepared.coarse, prepared.fine
        exact = queries.double().numpy()
        codes = coarse.quantiser.encode(queries)
        finer = codes if fine is None else fine.quantiser.encode(queries)
        radii = codes.radii.numpy()
        counts[:] = np.where(np.isfinite(radii), 0, -1)[:, None]
        values, halves = self.products.prepared(codes.values), coarse.halves.numpy()
        best = np.full((rows, min(distances.shape[1] + 2, prepared.sampled)), -(1 << 31), dtype=np.int32)
        columns = np.full(best.shape, -1, dtype=np.int64)
        # Kept for the scan: what was multiplied once need not be again.
        kept = list(self._tiles(values, 0, prepared.sampled))
        for start, stop, product in kept:
            _choose(product, halves[start:stop], start, best, columns)
        chosen = np.where(columns < 0, -1, self._order[columns])
        refine(exact, self.references, np.arange(rows), chosen, distances, indices)
        limits = (
            prepared.scale,
            _LARGEST_PASSED * prepared.size,
            max(_LARGEST_MEASURED * prepared.size, 256.0),
        )
        lists = (distances, indices, counts)
        queries_of = (codes.squares.numpy(), radii)
        fine_queries = (finer.values.numpy(), finer.squares.numpy(), finer.radii.numpy())
        empty = (np.empty((0, 0), np.int8), halves[:0], 0.0, 1.0)
        others = self._tiles(values, prepared.sampled, prepared.size)
        for tile, (start, stop, product) in enumerate(chain(kept, others)):
            part = slice(start, stop)
            this = (halves[part], self._order[part], float(coarse.radii[tile]), coarse.quantiser.step)
            finer_tile = empty
            if fine is not None:
                finer_tile = (
                    fine.values[part].numpy(), fine.halves[part].numpy(), float(fine.radii[tile]), fine.quantiser.step
                )  # fmt: skip
            _scan(
                product, this, finer_tile, queries_of, fine_queries, exact, self.references, limits, lists
            )  # fmt: skip

    def _tiles(self, values: torch.Tensor, begin: int, end: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """Products (b, ≤ TILE) with the references from ``begin``, a multiple of TILE, to ``end``."""
        for start in range(begin, end, TILE):
            stop = min(start + TILE, end)
            yield start, stop, self.products(values, start, stop).numpy()


def lists_of(count: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Blank lists of distances and indices (count, k), and counts (count, 2)."""
    return *blank(count, k), np.zeros((count, 2), dtype=np.int64)
