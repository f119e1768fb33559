"""Blocks of rows on a pool of threads, in each of which torch computes with one thread.

Small tensor operations gain nothing from torch's own threads and, on a machine that has other things to do,
wait for one another; blocks do not. Compiled functions and torch both let other threads run.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def serially() -> Iterator[None]:
    """Within, torch computes with one thread: for decompositions, whose many small parts wait for one another."""
    with _single_threads(1):
        yield


@contextmanager
def _single_threads(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """A pool of threads, or None for one, with torch's own threads switched off within."""
    before = torch.get_num_threads()
    if threads == before == 1:
        yield None
        return
    try:
        if threads == 1:
            torch.set_num_threads(1)
            yield None
            return
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def spread(task: Callable[[slice], None], count: int, block: int, threads: int) -> Iterator[int]:
    """Call ``task`` on consecutive slices of ``count`` rows; yields the size of each as it ends, in order."""
    slices = [slice(start, min(start + block, count)) for start in range(0, count, block)]
    with _single_threads(max(1, min(threads, len(slices)))) as pool:
        done = map(task, slices) if pool is None else pool.map(task, slices)
        for part, _ in zip(slices, done, strict=True):
            yield part.stop - part.start


def for_portions(task: Callable[[slice], None], rows: torch.Tensor) -> None:
    """Call ``task`` on slices of rows (n, D) that stay in a core's cache, or that keep a GPU busy."""
    if rows.device.type != "cpu":
        for start in range(0, rows.shape[0], 1 << 14):
            task(slice(start, start + (1 << 14)))
        return
    threads = torch.get_num_threads() if rows.numel() > 1 << 21 else 1
    for _ in spread(task, rows.shape[0], 512, threads):
        pass
