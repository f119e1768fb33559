"""The same search on a GPU: int8 products on its matrix units, survivors measured there, to the same bits.

Every step is a tensor operation, so the module runs on any torch device (the tests run it on the
processor). ⌊|X|²/2⌋ is written into further columns of the codes, in digits of base 127, so that one
product yields Q·X - ⌊|X|²/2⌋ and one comparison the survivors. Differences, squares and sums are separate
float64 operations, each rounded once, in the order that `neighbour_refinement` defines: the bits of the
distances are those of the processor.
"""

import math

import numpy as np
import torch

from companion.analysis.neighbour_refinement import LANES, SLACK
from companion.analysis.neighbour_search import Prepared

#: Bytes of the matrix of products, and of the differences of pairs that are measured at once.
_PRODUCT_BYTES, _PAIR_BYTES = 1 << 30, 1 << 30
_QUERY_BLOCK = 8192
_CHUNK = 64
_BASE = 127
#: Sizes that int8 products on GPUs ask for.
_ALIGNED, _LEAST_ROWS = 16, 32
#: A row is left to another method when more than this share of the references survives.
_LARGEST_SHARE = 0.05


def exact_distances(
    queries: torch.Tensor, references: torch.Tensor, rows: torch.Tensor, places: torch.Tensor
) -> torch.Tensor:
    """Distances (p,) float64 of the pairs ``queries[rows]``, ``references[places]``, bits as on the processor."""
    dimension = references.shape[1]
    full = dimension // LANES * LANES
    block = max(1, _PAIR_BYTES // (8 * dimension))
    results = [torch.zeros(0, dtype=torch.float64, device=references.device)]
    for start in range(0, rows.shape[0], block):
        part = slice(start, start + block)
        squares = queries[rows[part]].double() - references[places[part]].double()
        squares *= squares
        lanes = torch.zeros(squares.shape[0], LANES, dtype=torch.float64, device=squares.device)
        for at in range(0, full, LANES):
            lanes += squares[:, at : at + LANES]
        width = LANES
        while width > 1:
            width //= 2
            lanes = lanes[:, :width] + lanes[:, width:]
        total = lanes[:, 0]
        for at in range(full, dimension):
            total = total + squares[:, at]
        results.append(_root(total))
    return torch.cat(results)


def _root(squares: torch.Tensor) -> torch.Tensor:
    """Square roots, correctly rounded: CUDA's are, those of torch's library on processors are not always."""
    return squares.sqrt() if squares.is_cuda else torch.from_numpy(np.sqrt(squares.numpy()))


def _digits(halves: torch.Tensor, usual: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns (N, c) int8 and weights (c,) int8 whose product is ``usual - halves``; absurd ones cut off."""
    value = (usual - halves.long()).clamp(-(1 << 23), 1 << 23)
    high = torch.div(value, _BASE, rounding_mode="floor")
    columns = [value - high * _BASE]
    spread = int(torch.maximum(high.abs().max(), torch.ones((), dtype=torch.long, device=high.device)))
    for _ in range(-(-spread // _BASE)):
        digit = high.clamp(-_BASE, _BASE)
        columns.append(digit)
        high = high - digit
    weights = torch.full((len(columns),), _BASE, dtype=torch.int8, device=halves.device)
    weights[0] = 1
    return torch.stack(columns, 1).to(torch.int8), weights


class DeviceSearcher:
    """Searches prepared references on the torch device that holds them."""

    def __init__(self, prepared: Prepared, references: torch.Tensor) -> None:
        self.device = references.device
        self.references = references
        self.quantiser = prepared.coarse.quantiser
        self.order = prepared.order
        self.size = prepared.size
        self.sampled = prepared.sampled
        self.radius = float(prepared.coarse.radii.max())
        halves = prepared.coarse.halves
        # Codes that are not trusted survive every bound: measured always, instead of being in the product.
        trusted = halves >= 0
        self.always = (~trusted).nonzero()[:, 0]
        self.usual = int(halves[trusted].double().median()) if trusted.any() else 0
        columns, self.weights = _digits(torch.where(trusted, halves, self.usual), self.usual)
        codes = torch.cat([prepared.coarse.values, columns], 1)
        rows = -(-self.size // _CHUNK) * _CHUNK - self.size
        width = -codes.shape[1] % _ALIGNED
        self.codes = torch.nn.functional.pad(codes, (0, width, 0, rows))

    def search(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Distances, indices (n, k) and counts (n,) of measured references, -1 where too many survive."""
        found = [self._block(block.to(self.device), k) for block in queries.split(_QUERY_BLOCK)]
        return tuple(torch.cat(parts) for parts in zip(*found, strict=True))  # pyright: ignore[reportReturnType]

    def _block(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        count = queries.shape[0]
        codes = self.quantiser.encode(queries)
        extended = torch.cat([codes.values, self.weights.expand(count, -1)], 1)
        padding = (0, self.codes.shape[1] - extended.shape[1], 0, max(0, _LEAST_ROWS - count))
        extended = torch.nn.functional.pad(extended, padding)
        reach = self._first_reach(queries, extended, k)
        least = self._least(codes.squares, codes.radii, reach)
        closed = ~torch.isfinite(codes.radii)
        rows, columns, counts = self._survivors(extended, least, closed)
        closed |= counts < 0
        return self._nearest(queries, rows, self.order[columns], closed, counts, k)

    def _products(self, extended: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """Q·X - ⌊|X|²/2⌋ + usual (b, stop - start); on a GPU int32, on the processor whatever is exact there."""
        other = self.codes[start:stop].T
        if self.device.type == "cuda":
            return torch._int_mm(extended, other)  # pyright: ignore[reportPrivateImportUsage]
        return (extended.double() @ other.double()).int()

    def _first_reach(self, queries: torch.Tensor, extended: torch.Tensor, k: int) -> torch.Tensor:
        """Distance (b,) that at least k references do not exceed: of the best codes of a sample, measured."""
        count = queries.shape[0]
        wanted = min(k + 2, self.size)
        sampled = min(-(-max(self.sampled, wanted) // _CHUNK) * _CHUNK, self.size)
        values = self._products(extended, 0, -(-sampled // _CHUNK) * _CHUNK)[:count]
        values[:, sampled:] = torch.iinfo(torch.int32).min
        if sampled >= 4 * _CHUNK * wanted:
            # The best of each chunk first: a fast way to good ones, and all that is needed here.
            best, inside = values.view(count, -1, _CHUNK).max(2)
            chunks = best.topk(wanted, dim=1).indices
            columns = chunks * _CHUNK + inside.gather(1, chunks)
        else:
            columns = values.topk(wanted, dim=1).indices
        rows = torch.arange(count, device=self.device).repeat_interleave(wanted)
        distances = exact_distances(queries, self.references, rows, self.order[columns.reshape(-1)])
        return distances.view(count, wanted).sort(dim=1).values[:, k - 1]

    def _least(self, squares: torch.Tensor, radii: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
        """Least product (b,) int32 of what may lie within the reach."""
        scale = self.quantiser.embedding.scale
        allowed = (reach * scale * (1 + SLACK) + radii + self.radius) / self.quantiser.step
        least = torch.ceil(0.5 * (squares.double() - allowed * allowed * (1 + SLACK)) - 1e-6) + self.usual
        return least.nan_to_num(nan=-math.inf).clamp(-(2.0**31), 2.0**31 - 1).int()

    def _survivors(
        self, extended: torch.Tensor, least: torch.Tensor, closed: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Rows and columns (p,) of the pairs to measure, and how many per row, -1 for rows with too many."""
        count = least.shape[0]
        most = max(int(_LARGEST_SHARE * self.size), 256)
        counts = torch.zeros(count, dtype=torch.int64, device=self.device)
        kept_rows, kept_columns = [], []
        tile = max(_CHUNK, _PRODUCT_BYTES // (4 * extended.shape[0]) // _CHUNK * _CHUNK)
        for start in range(0, self.size, tile):
            stop = min(start + tile, self.codes.shape[0])
            mask = self._products(extended, start, stop)[:count, : self.size - start] >= least[:, None]
            counts += mask.sum(1)
            closed = closed | (counts > most)
            mask &= ~closed[:, None]
            rows, columns = mask.nonzero(as_tuple=True)
            kept_rows.append(rows)
            kept_columns.append(columns + start)
        everyone = torch.arange(count, device=self.device)
        kept_rows.append(everyone.repeat_interleave(self.always.shape[0]))
        kept_columns.append(self.always.repeat(count))
        return torch.cat(kept_rows), torch.cat(kept_columns), counts.masked_fill(closed, -1)

    def _nearest(
        self,
        queries: torch.Tensor,
        rows: torch.Tensor,
        places: torch.Tensor,
        closed: torch.Tensor,
        counts: torch.Tensor,
        k: int,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        open_pairs = ~closed[rows]
        rows, places = rows[open_pairs], places[open_pairs]
        distances = exact_distances(queries, self.references, rows, places)
        # Stable sorts, the least important key first: by index, distance, row.
        by = torch.argsort(places, stable=True)
        by = by[torch.argsort(distances[by], stable=True)]
        by = by[torch.argsort(rows[by], stable=True)]
        rows, places, distances = rows[by], places[by], distances[by]
        # An untrusted code may survive the product as well: the same pair twice in a row.
        fresh = torch.ones_like(rows, dtype=torch.bool)
        fresh[1:] = (rows[1:] != rows[:-1]) | (places[1:] != places[:-1])
        rows, places, distances = rows[fresh], places[fresh], distances[fresh]
        everyone = torch.arange(queries.shape[0], device=self.device)
        starts = torch.searchsorted(rows, everyone)
        at = (starts[:, None] + torch.arange(k, device=self.device)).clamp(max=max(rows.shape[0] - 1, 0))
        if rows.shape[0] == 0:
            blank = torch.zeros(queries.shape[0], k, device=self.device)
            return blank.double(), blank.long(), counts
        return distances[at], places[at], counts
