"""Rows of operations for every network of a stack and step, drawn so that schedules can be compared.

Each network has one stream of rows for each operation: a schedule decides how many of them a step takes, never which.
Two schedules that have shown an operation equally often have shown the very same rows. A stream is read at its
position, so that a training goes on after a kill without any generator's state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from companion.training.diffusion_draws import RunName

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

# Draws that are made at once; their number is part of what a stream is.
_STREAM, _CHOICES = 4096, 64


class Rows(NamedTuple):
    """Rows as a network reads them: ``tokens`` (S, rows, T), ``labels``, ``operation`` and ``weight`` (S, rows)."""

    tokens: Whole
    labels: Whole
    operation: Whole
    weight: NDArray[np.float32]


class Source(Protocol):
    """Where the rows of a training come from."""

    def draw(self, step: int, mixture: Floats, exposure: Whole) -> Rows:
        """Rows of ``step`` at weights (S or 1, operations), given those shown so far, (S, operations)."""
        ...

    def sample(self) -> Rows:
        """Training rows that an adaptive schedule is judged on, each operation with total weight 1."""
        ...


class Batch(NamedTuple):
    """Rows of a step: indices and operations (S, batch), and the weight of each in its network's mean loss."""

    rows: Whole
    operation: Whole
    weight: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What one network trains on: ``rows`` (n,), indices into a table, their ``operation`` (n,) and probabilities.

    ``weights`` (n,) are relative within an operation. Raises ValueError for an operation without rows.
    """

    rows: Whole
    operation: Whole
    weights: Floats

    def law(self, operation: int) -> tuple[Whole, Floats]:
        """Rows of an operation, and their cumulative probabilities."""
        own = self.operation == operation
        if not own.any():
            raise ValueError(
                f"training rows: none of operation {operation} given; allowed: at least one of each"
            )
        weights = np.cumsum(self.weights[own])
        return self.rows[own], weights / weights[-1]


class SampledBatches:
    """Batches of ``size`` rows with replacement, each row's operation drawn from the schedule's weights."""

    def __init__(self, given: Sequence[TrainingRows], names: Sequence[RunName], operations: int, size: int):
        if size < 1:
            raise ValueError(f"batch: {size} given; allowed: a whole number >= 1")
        self.given, self.names, self.operations, self.size = list(given), list(names), operations, size
        self.laws = [[own.law(operation) for operation in range(operations)] for own in given]
        self._streams: dict[tuple[int, int], tuple[int, Whole]] = {}
        self._choices: tuple[int, Floats] | None = None

    def draw(self, step: int, mixture: Floats, exposure: Whole) -> Batch:
        """The batch of ``step`` at weights (S or 1, operations), given the rows shown so far, (S, operations)."""
        networks = len(self.given)
        limits = np.broadcast_to(np.cumsum(mixture, axis=1), (networks, self.operations))
        uniform = self._uniform(step)
        operation = (uniform[..., None] >= limits[:, None, :-1]).sum(axis=2)
        shown = operation[..., None] == np.arange(self.operations)
        rank = np.take_along_axis(np.cumsum(shown, axis=1), operation[..., None], axis=2)[..., 0] - 1
        position = np.take_along_axis(exposure, operation, axis=1) + rank
        rows = np.empty((networks, self.size), dtype=np.int64)
        for network in range(networks):
            for each in np.unique(operation[network]):
                own = operation[network] == each
                rows[network, own] = self._rows(network, int(each), position[network, own])
        weight = np.full(rows.shape, 1.0 / self.size, dtype=np.float32)
        return Batch(rows, operation, weight)

    def _uniform(self, step: int) -> Floats:
        chunk, place = divmod(step, _CHOICES)
        if self._choices is None or self._choices[0] != chunk:
            drawn = [name.numpy("operations", chunk).random((_CHOICES, self.size)) for name in self.names]
            self._choices = chunk, np.stack(drawn, axis=1)
        return self._choices[1][place]

    def _rows(self, network: int, operation: int, position: Whole) -> Whole:
        """Rows at these positions, rising and close together, of a network's stream of an operation."""
        chunks = position // _STREAM
        found = np.empty(len(position), dtype=np.int64)
        for chunk in np.unique(chunks):
            own = chunks == chunk
            found[own] = self._stream(network, operation, int(chunk))[position[own] % _STREAM]
        return found

    def _stream(self, network: int, operation: int, chunk: int) -> Whole:
        known = self._streams.get((network, operation))
        if known is None or known[0] != chunk:
            rows, law = self.laws[network][operation]
            uniform = self.names[network].numpy("rows", operation, chunk).random(_STREAM)
            known = chunk, rows[np.searchsorted(law, uniform, side="right")]
            self._streams[network, operation] = known
        return known[1]


class FullBatches:
    """All training rows in each step; the schedule's weights become weights of the operations' mean losses."""

    def __init__(self, given: Sequence[TrainingRows], operations: int):
        most = max(len(own.rows) for own in given)
        self.rows = np.zeros((len(given), most), dtype=np.int64)
        self.operation = np.zeros((len(given), most), dtype=np.int64)
        self.within = np.zeros((len(given), most), dtype=np.float64)
        for network, own in enumerate(given):
            count = len(own.rows)
            self.rows[network, :count], self.operation[network, :count] = own.rows, own.operation
            totals = np.bincount(own.operation, own.weights, minlength=operations)
            if (totals == 0).any():
                own.law(int(np.argmin(totals)))
            self.within[network, :count] = own.weights / totals[own.operation]

    def draw(self, step: int, mixture: Floats, exposure: Whole) -> Batch:
        """All rows, those of operation i with total weight w_i."""
        weights = np.broadcast_to(mixture, (len(self.rows), mixture.shape[1]))
        share = np.take_along_axis(weights, self.operation, axis=1) * self.within
        return Batch(self.rows, self.operation, share.astype(np.float32))


class TableSource:
    """Rows of one table of ``tokens`` (rows, T) that networks share, each with labels of its own, (S, rows).

    ``batch`` rows a step, or all of a network's training rows where it is 0.
    """

    def __init__(
        self,
        tokens: Whole,
        labels: Whole,
        given: Sequence[TrainingRows],
        names: Sequence[RunName],
        operations: int,
        batch: int,
    ):
        self.tokens, self.labels = tokens, labels
        self.everything = FullBatches(given, operations)
        self.batches = SampledBatches(given, names, operations, batch) if batch else self.everything
        self.operations = operations

    def draw(self, step: int, mixture: Floats, exposure: Whole) -> Rows:
        return self._rows(self.batches.draw(step, mixture, exposure))

    def sample(self) -> Rows:
        return self._rows(self.everything.draw(0, np.ones((1, self.operations)), np.empty((0, 0), np.int64)))

    def _rows(self, batch: Batch) -> Rows:
        labels = np.take_along_axis(self.labels, batch.rows, axis=1)
        return Rows(self.tokens[batch.rows], labels, batch.operation, batch.weight)
