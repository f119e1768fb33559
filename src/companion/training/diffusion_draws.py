"""What a training step of a score model draws: images, noise levels, noise. Each draw belongs to a run and a step.

Steps are drawn in chunks, each from generators seeded by the run's name and the chunk's number alone: a run that is
resumed, or that has other runs beside it, sees the same draws.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from companion.compute.seeds import generator, seed_sequence

IndexLaw = Literal["uniform", "quadratic"]

# Numbers of noise drawn at once for one run: large enough to be quick, small enough for any memory.
_CHUNK_NUMBERS = 1 << 20


@dataclass(frozen=True)
class RunName:
    """Where a run's draws come from: a root seed, and the name of the run under it."""

    root: int
    name: tuple[str | int, ...]

    def numpy(self, *task: str | int) -> np.random.Generator:
        """NumPy generator of one task of this run."""
        return generator(self.root, *self.name, *task)

    def torch(self, *task: str | int, device: torch.device | str = "cpu") -> torch.Generator:
        """Torch generator of one task of this run, on ``device``."""
        seed = int(
            seed_sequence(self.root, *self.name, *task).generate_state(1, np.uint64)[0] >> np.uint64(1)
        )
        return torch.Generator(device).manual_seed(seed)


@dataclass(frozen=True)
class Chunk:
    """Draws of several steps of S runs: ``rows`` and ``index`` (S, steps, batch), ``noise`` (S, steps, batch, d)."""

    rows: Tensor
    index: Tensor
    noise: Tensor
    flips: Tensor | None
    keep: Tensor | None


def chunk_length(batch_size: int, dimension: int) -> int:
    """Steps that are drawn at once.

    >>> chunk_length(64, 256)
    64
    """
    return max(_CHUNK_NUMBERS // (batch_size * dimension), 1)


def draw_chunk(
    runs: list[RunName],
    number: int,
    *,
    probabilities: list[NDArray[np.float64]],
    batch_size: int,
    dimension: int,
    levels: int,
    index_law: IndexLaw,
    flips: bool,
    dropout: tuple[float, int],
    device: torch.device,
) -> Chunk:
    """Chunk ``number`` of all runs. ``probabilities`` give each run's law over its images.

    Levels: ⌊levels u⌋ or, ``quadratic``, ⌊levels u²⌋ with u uniform (more low noise). ``dropout`` is
    (rate, channels); channels are kept with probability 1 - rate and scaled so that their mean is unchanged.
    """
    length = chunk_length(batch_size, dimension)
    shape = (length, batch_size)
    rows, index, mirrored = [], [], []
    for run, law in zip(runs, probabilities, strict=True):
        numbers = run.numpy("steps", number)
        rows.append(numbers.choice(law.size, size=shape, p=law))
        uniform = numbers.random(shape)
        index.append((levels * (uniform if index_law == "uniform" else uniform**2)).astype(np.int64))
        mirrored.append(numbers.random(shape) < 0.5)

    def on_device(parts: list[NDArray]) -> Tensor:
        return torch.from_numpy(np.stack(parts)).to(device)

    rate, channels = dropout
    noise, keep = [], []
    for run in runs:
        gaussian = run.torch("noise", number, device=device)
        noise.append(torch.randn(*shape, dimension, generator=gaussian, device=device))
        if rate:
            kept = torch.rand(*shape, channels, generator=gaussian, device=device) >= rate
            keep.append(kept / (1 - rate))
    return Chunk(
        rows=on_device(rows),
        index=on_device(index),
        noise=torch.stack(noise),
        flips=on_device(mirrored) if flips else None,
        keep=torch.stack(keep) if keep else None,
    )
