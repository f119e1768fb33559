"""Endless rows for a training: fresh examples of each operation, drawn anew for every network and step."""

from collections.abc import Callable, Sequence

import numpy as np

from companion.training.diffusion_draws import RunName
from companion.training.operation_batches import Floats, Rows, Whole

#: Draws (generator, number of rows, training step) → tokens (rows, T), labels (rows,).
Sampler = Callable[[np.random.Generator, int, int], tuple[Whole, Whole]]

_SAMPLE = 256


class StreamSource:
    """``batch`` fresh rows a step; ``samplers`` (networks, operations) make those of each network and operation.

    A batch has round(w_i batch) rows of operation i, the fraction left over drawn by the network's generator of the
    step, so that a training goes on after a kill without any generator's state. Raises ValueError for a batch below 1.
    """

    def __init__(self, samplers: Sequence[Sequence[Sampler]], names: Sequence[RunName], batch: int):
        if batch < 1:
            raise ValueError(f"batch: {batch} given; allowed: a whole number >= 1")
        self.samplers, self.names, self.batch = [list(own) for own in samplers], list(names), batch

    def draw(self, step: int, mixture: Floats, exposure: Whole) -> Rows:
        weights = np.broadcast_to(mixture, (len(self.names), mixture.shape[1]))
        parts = [self._network(place, step, own) for place, own in enumerate(weights)]
        return _stacked(parts, self.batch)

    def sample(self) -> Rows:
        """Fresh rows of the first step's law, as many of each operation."""
        parts = []
        for place, own in enumerate(self.samplers):
            generator = self.names[place].numpy("stream", "looks")
            drawn = [sampler(generator, _SAMPLE, 0) for sampler in own]
            parts.append((drawn, np.repeat(np.arange(len(own)), _SAMPLE)))
        return _stacked(parts, _SAMPLE)

    def _network(self, place: int, step: int, weights: Floats) -> tuple[list[tuple[Whole, Whole]], Whole]:
        generator = self.names[place].numpy("stream", step)
        counts = np.floor(weights * self.batch + 1e-9).astype(np.int64)
        left = self.batch - counts.sum()
        if left:
            rest = np.maximum(weights * self.batch - counts, 0.0)
            counts += np.bincount(
                generator.choice(len(weights), left, p=rest / rest.sum()), minlength=len(weights)
            )
        drawn = [
            sampler(generator, int(count), step)
            for sampler, count in zip(self.samplers[place], counts, strict=True)
            if count
        ]
        return drawn, np.repeat(np.arange(len(counts)), counts)


def _stacked(parts: list[tuple[list[tuple[Whole, Whole]], Whole]], total: int) -> Rows:
    """Rows of all networks, each with weight 1 / ``total``."""
    tokens = np.stack([np.concatenate([rows for rows, _ in drawn]) for drawn, _ in parts])
    labels = np.stack([np.concatenate([own for _, own in drawn]) for drawn, _ in parts])
    operation = np.stack([own for _, own in parts])
    return Rows(tokens, labels, operation, np.full(labels.shape, 1.0 / total, dtype=np.float32))
