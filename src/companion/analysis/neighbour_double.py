"""The expansion |q|² + |x|² - 2 q·x in float64, for references whose scales are too far apart for codes.

Twice the price of a float32 product, but it tells apart what is 10⁷ times smaller than the vectors are
long. With c subtracted and u = 2⁻⁵³, the expansion is wrong by at most γ_{D+4} (|q| + |x|)² in any order of
summation; the rounding of q - c and x - c adds no more than 8 u (|q| + |x|)². Twice their sum is allowed.
What may lie within the reach is measured exactly.
"""

import math

import numpy as np
import torch

from companion.analysis.neighbour_refinement import SLACK, limit_of, offer, refine, squared_distance
from companion.analysis.neighbour_rows import tensor_of
from companion.compute.compiled import compiled

_TILE = 1024
_UNIT = 2.0**-53
#: A row is closed when more than this share of the references is measured: then all may as well be.
_LARGEST_SHARE = 0.5


@compiled()
def _choose(products, halves, start, values, columns):
    """Keep the largest q·x - |x|²/2 of each row (b, K) and where they were."""
    last = values.shape[1] - 1
    for i in range(products.shape[0]):
        for j in range(halves.size):
            value = products[i, j] - halves[j]
            if value > values[i, last]:
                place = last
                while place > 0 and value > values[i, place - 1]:
                    values[i, place] = values[i, place - 1]
                    columns[i, place] = columns[i, place - 1]
                    place -= 1
                values[i, place] = value
                columns[i, place] = start + j


@compiled()
def _scan(products, halves, start, lengths, largest, scale, queries, references, most, lists):
    """Measure the references of a tile that may be among the nearest; closed rows have a count of -1."""
    distances, indices, counts = lists
    error = 2.0 * (queries.shape[1] + 16) * _UNIT
    for i in range(products.shape[0]):
        if counts[i, 1] < 0:
            continue
        doubt = error * (lengths[i] + largest) ** 2
        square = lengths[i] * lengths[i]
        reach = distances[i, -1] * scale
        least = 0.5 * (square - reach * reach * (1.0 + SLACK) - doubt)
        for j in range(halves.size):
            if products[i, j] - halves[j] < least:  # false for NaN
                continue
            counts[i] += 1
            limit = limit_of(distances[i])
            squared = squared_distance(queries, i, references, start + j, limit)
            if squared <= limit:
                offer(distances[i], indices[i], math.sqrt(squared), start + j)
                reach = distances[i, -1] * scale
                least = 0.5 * (square - reach * reach * (1.0 + SLACK) - doubt)
        if counts[i, 1] > most:
            counts[i, 1] = -1


class DoubleSearcher:
    """Searches references (N, D) by products in float64; ``centre`` and ``scale`` as in `Centring`."""

    def __init__(self, references: np.ndarray, centre: torch.Tensor, scale: float) -> None:
        self.references = references
        self.centre, self.scale = centre, scale
        self.centred = (tensor_of(references).double() - centre) * scale
        lengths = torch.linalg.vector_norm(self.centred, dim=1)
        self.halves = (0.5 * lengths * lengths).numpy()
        self.largest = float(lengths.max())

    def block(
        self, queries: torch.Tensor, distances: np.ndarray, indices: np.ndarray, counts: np.ndarray
    ) -> None:
        """Fill the lists of a block of queries (b, D); counts (b, 2) become -1 where too much is left."""
        exact = queries.double().numpy()
        centred = (queries.double() - self.centre) * self.scale
        lengths = torch.linalg.vector_norm(centred, dim=1).numpy()
        rows, count = exact.shape[0], self.halves.size
        counts[:] = np.where(np.isfinite(lengths), 0, -1)[:, None]
        best = np.full((rows, min(distances.shape[1] + 2, count)), -np.inf)
        columns = np.full(best.shape, -1, dtype=np.int64)
        buffer = torch.empty(rows * _TILE, dtype=torch.float64)
        most = max(_LARGEST_SHARE * count, 256.0)
        for sweep in range(2):
            # The first sweep sees a part, and gives the reach.
            for start in range(0, count if sweep else -(-count // 4), _TILE):
                stop = min(start + _TILE, count)
                out = buffer[: rows * (stop - start)].view(rows, -1)
                products = torch.mm(centred, self.centred[start:stop].T, out=out).numpy()
                halves = self.halves[start:stop]
                if sweep == 0:
                    _choose(products, halves, start, best, columns)
                    continue
                lists = (distances, indices, counts)
                _scan(
                    products, halves, start, lengths, self.largest, self.scale, exact, self.references, most, lists
                )  # fmt: skip
            if sweep == 0:
                refine(exact, self.references, np.arange(rows), columns, distances, indices)
