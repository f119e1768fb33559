"""Nearest neighbours of more vectors than fit in memory, block against block, on any number of workers.

Queries and references are anything that has a shape and gives rows when sliced: arrays, memory-mapped files, HDF5
datasets, Dask arrays. One block of references at a time is read, prepared and sent to every worker;
blocks of queries stream against it. The lists of two blocks of references are joined by keeping the k nearest
in the order (distance, index), which is associative: the result is the same for every layout.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from companion.analysis.neighbours import Reference, checked_k
from companion.compute.clusters import Cluster, DaskCluster, InlineCluster, cluster
from companion.session.progress import progress

#: Multiply-adds below which everything is one call in this process.
SMALL = 1e10
_QUERY_BLOCK = 4096
#: Bytes for a block of references and all that is made of it, unless given.
_MEMORY = 4 << 30


class Rows(Protocol):
    """Vectors on disk or in memory."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


def joined(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of two lists (n, ·) of distances and indices, by distance, then by index.

    >>> a = np.array([[1.0, 2.0]]), np.array([[7, 3]])
    >>> b = np.array([[1.0, 4.0]]), np.array([[5, 9]])
    >>> joined(a, b, 2)
    (array([[1., 1.]]), array([[5, 7]]))
    """
    distances = np.concatenate([first[0], second[0]], axis=1)
    indices = np.concatenate([first[1], second[1]], axis=1)
    order = np.lexsort((indices, distances), axis=1)[:, :k]
    return np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)


def sweep_neighbours(
    queries: Rows,
    references: Rows,
    k: int = 2,
    *,
    workers: str = "inline",
    query_block: int = _QUERY_BLOCK,
    reference_block: int | None = None,
    memory: float = _MEMORY,
    small: float = SMALL,
) -> tuple[np.ndarray, np.ndarray]:
    """Distances (n, k) float64 and indices (n, k) int64 of the nearest references, as `nearest_neighbours`.

    ``workers``: ``inline``, ``local`` or the address of a Dask scheduler; work below ``small`` multiply-adds is
    always done here. In memory at a time: one block of references and its codes (as many rows as fit into
    ``memory`` bytes, or ``reference_block`` rows), a few blocks of queries, and the result.

    Raises what `nearest_neighbours` raises; rows in messages count from the start of their block, whose first row
    is named.
    """
    (count, dimension), total = queries.shape, references.shape[0]
    k = checked_k(k, total)
    for name, block in (("query_block", query_block), ("reference_block", reference_block)):
        if block is not None and block < 1:
            raise ValueError(f"{name}: given {block}; allowed: at least 1")
    # Numbers may become float64, and codes in float32 are the largest thing beside them.
    step = reference_block or max(1, int(memory / (16 * dimension)))
    where = InlineCluster() if float(count) * total * dimension < small else cluster(workers)
    found = np.full((count, k), np.inf), np.full((count, k), np.iinfo(np.int64).max)
    blocks = -(-count // query_block) * -(-total // step)
    with progress("nearest neighbours", blocks, "blocks") as advance:
        for start in range(0, total, step):
            reference = _prepared(references, start, min(start + step, total))
            shared: Any = reference
            if isinstance(where, DaskCluster):
                shared = where.client.scatter(reference, broadcast=True)
            for rows, part in _search_all(where, queries, shared, k, query_block):
                distances, indices = part
                better = joined((found[0][rows], found[1][rows]), (distances, indices + start), k)
                found[0][rows], found[1][rows] = better
                advance(1)
    return found


def _prepared(references: Rows, start: int, stop: int) -> Reference:
    try:
        return Reference(np.asarray(references[start:stop])).prepare()
    except ValueError as problem:
        raise ValueError(f"in references {start} to {stop - 1}: {problem}") from problem


def _search_all(
    where: Cluster, queries: Rows, reference: Any, k: int, block: int
) -> Iterator[tuple[slice, tuple[np.ndarray, np.ndarray]]]:
    """Lists of each block of queries, as they are done; a few blocks are on their way at a time."""
    count = queries.shape[0]
    slices = [slice(start, min(start + block, count)) for start in range(0, count, block)]
    window = 1
    if isinstance(where, DaskCluster):
        window = 4 * max(1, len(where.client.scheduler_info(n_workers=-1)["workers"]))
    for first in range(0, len(slices), window):
        some = slices[first : first + window]
        arguments = ((np.asarray(queries[rows]), reference, k, rows.start) for rows in some)
        for index, part in where.run(_search_block, arguments):
            yield some[index], part


def _search_block(
    queries: np.ndarray, reference: Reference, k: int, start: int
) -> tuple[np.ndarray, np.ndarray]:
    try:
        found = reference.search(queries, min(k, reference.shape[0]))
    except ValueError as problem:
        raise ValueError(f"in queries from {start} on: {problem}") from problem
    return found.distances, found.indices
