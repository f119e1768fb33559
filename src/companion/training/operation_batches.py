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
        """Rows that an adaptive schedule is judged on, each operation with total weight 1."""
        ...


class Batch(NamedTuple):
    """Rows of a step: indices and operations (S, batch), and the weight of each in its network's mean loss."""

    rows: Whole
    operation: Whole
    weight: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What one network trains on: ``rows`` (n,), indices into a table, their ``operation`` (n,) and probabilities.

    ``weights`` (n,) are relative within an operation. An operation may have no rows as long as none are asked for.
    """

    rows: Whole
    operation: Whole
    weights: Floats

    def law(self, operation: int) -> tuple[Whole, Floats]:
        """Rows of an operation, and their cumulative probabilities; raises ValueError where there are none."""
        own = self.operation == operation
        if not own.any():
            raise _no_rows(operation)
        weights = np.cumsum(self.weights[own])
        return self.rows[own], weights / weights[-1]


def _no_rows(operation: int) -> ValueError:
    return ValueError(
        f"training rows: none of operation {operation} given, whose weight is above 0; allowed: at least one, "
        "or weight 0"
    )


class SampledBatches:
    """Batches of ``size`` rows with replacement, each row's operation drawn from the schedule's weights."""

    def __init__(self, given: Sequence[TrainingRows], names: Sequence[RunName], operations: int, size: int):
        if size < 1:
            raise ValueError(f"batch: {size} given; allowed: a whole number >= 1")
        self.given, self.names, self.operations, self.size = list(given), list(names), operations, size
        self._laws: dict[tuple[int, int], tuple[Whole, Floats]] = {}
        self._streams: dict[tuple[int, int], tuple[int, Whole]] = {}
        self._choices: tuple[int, Floats] | None = None
        self._weight = np.full((len(self.given), size), 1.0 / size, dtype=np.float32)

    def draw(self, step: int, mixture: Floats, exposure: Whole) -> Batch:
        """The batch of ``step`` at weights (S or 1, operations), given the rows shown so far, (S, operations).

        Raises ValueError where a row is of an operation without any.
        """
        networks = len(self.given)
        limits = np.broadcast_to(np.cumsum(mixture, axis=1), (networks, self.operations))
        operation = (self._uniform(step)[..., None] >= limits[:, None, :-1]).sum(axis=2)
        # Weights may sum to a little less than 1: what is left over belongs to the last operation that has any.
        last = self.operations - 1 - (mixture[:, ::-1] > 0).argmax(axis=1)
        operation = np.minimum(operation, last[:, None])
        rows = np.empty((networks, self.size), dtype=np.int64)
        for each in range(self.operations):
            own = operation == each
            for network, count in enumerate(np.count_nonzero(own, axis=1).tolist()):
                if count:
                    first = int(exposure[network, each])
                    rows[network, own[network]] = self._rows(network, each, first, count)
        return Batch(rows, operation, self._weight)

    def _uniform(self, step: int) -> Floats:
        chunk, place = divmod(step, _CHOICES)
        if self._choices is None or self._choices[0] != chunk:
            drawn = [name.numpy("operations", chunk).random((_CHOICES, self.size)) for name in self.names]
            self._choices = chunk, np.stack(drawn, axis=1)
        return self._choices[1][place]

    def _rows(self, network: int, operation: int, first: int, count: int) -> Whole:
        """Rows ``first`` to ``first + count`` of a network's stream of an operation."""
        chunks = range(first // _STREAM, (first + count - 1) // _STREAM + 1)
        parts = [self._stream(network, operation, chunk) for chunk in chunks]
        stream = parts[0] if len(parts) == 1 else np.concatenate(parts)
        place = first - chunks[0] * _STREAM
        return stream[place : place + count]

    def _stream(self, network: int, operation: int, chunk: int) -> Whole:
        known = self._streams.get((network, operation))
        if known is None or known[0] != chunk:
            if (network, operation) not in self._laws:
                self._laws[network, operation] = self.given[network].law(operation)
            rows, law = self._laws[network, operation]
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
        self.empty = np.zeros((len(given), operations), dtype=bool)
        for network, own in enumerate(given):
            count = len(own.rows)
            self.rows[network, :count], self.operation[network, :count] = own.rows, own.operation
            totals = np.bincount(own.operation, own.weights, minlength=operations)
            self.empty[network] = totals == 0
            self.within[network, :count] = own.weights / totals[own.operation]

    def draw(self, step: int, mixture: Floats, exposure: Whole) -> Batch:
        """All rows, those of operation i with total weight w_i; raises ValueError where it is above 0 without rows."""
        lacking = (self.empty & (mixture > 0)).any(axis=0)
        if lacking.any():
            raise _no_rows(int(np.argmax(lacking)))
        weights = np.broadcast_to(mixture, (len(self.rows), mixture.shape[1]))
        share = np.take_along_axis(weights, self.operation, axis=1) * self.within
        return Batch(self.rows, self.operation, share.astype(np.float32))


class TableSource:
    """Rows of one table of ``tokens`` (rows, T) that networks share, each with labels of its own, (S, rows).

    ``batch`` rows a step, or all of a network's training rows where it is 0. Adaptive schedules are judged on the rows
    ``judged``, on all training rows where they are not given.
    """

    def __init__(
        self,
        tokens: Whole,
        labels: Whole,
        given: Sequence[TrainingRows],
        names: Sequence[RunName],
        operations: int,
        batch: int,
        judged: Sequence[TrainingRows] | None = None,
    ):
        self.tokens, self.labels, self.operations = tokens, labels, operations
        self.batches = (
            SampledBatches(given, names, operations, batch) if batch else FullBatches(given, operations)
        )
        self._judged = FullBatches(given if judged is None else judged, operations)
        self._same: tuple[Floats, Rows] | None = None

    def draw(self, step: int, mixture: Floats, exposure: Whole) -> Rows:
        if isinstance(self.batches, SampledBatches):
            return self._rows(self.batches.draw(step, mixture, exposure))
        # All rows again: the same arrays, unless their weights have changed.
        if self._same is None or not np.array_equal(self._same[0], mixture):
            rows = self._rows(self.batches.draw(step, mixture, exposure))
            if self._same is not None:
                rows = self._same[1]._replace(weight=rows.weight)
            self._same = mixture, rows
        return self._same[1]

    def sample(self) -> Rows:
        """The rows ``judged``, each operation that has any with total weight 1."""
        even = (~self._judged.empty).astype(np.float64)
        return self._rows(self._judged.draw(0, even, np.empty((0, 0), np.int64)))

    def _rows(self, batch: Batch) -> Rows:
        labels = np.take_along_axis(self.labels, batch.rows, axis=1)
        return Rows(self.tokens[batch.rows], labels, batch.operation, batch.weight)
