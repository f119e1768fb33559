"""Parity of a few hidden bits, learned from fresh rows: a curriculum of the input's measure against none.

Bits are 1 with probability q(t) = q0 up to step τ and 1/2 after it. Away from 1/2 each hidden bit alone tells something
of the parity, so that a network can find them one by one (arXiv:2301.13833, arXiv:2306.16921).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import xarray as xr
from pydantic import Field, model_validator

from companion.datasets.sparse_parity import HammingMixture, SparseParity, hamming_mixture, sparse_parity
from companion.training.curriculum_monitors import StreamMonitor
from companion.training.curriculum_recipe import NetworkRun
from companion.training.diffusion_draws import RunName
from companion.training.operation_batches import Whole
from companion.training.operation_streams import Sampler, StreamSource
from companion.training.schedules import Static
from companion.training.stream_spec import OWN_RATES, StreamSpec
from companion.training.transformer_training import train_stack


class ParitySpec(StreamSpec):
    """A training on ``relevant`` hidden bits of ``bits``: biased to ``bias`` for ``biased_steps`` steps, then uniform.

    A ``bias`` of 1/2 is no curriculum. ``task``: parity, or the Hamming mixture, where which parity counts depends on
    the number of ones among all bits, below or above ``threshold`` and one half of them. ``stream`` numbers the orders
    of rows that a network of the same start may see. Raises ValueError (pydantic's), naming the field.
    """

    own_fields: ClassVar[tuple[str, ...]] = (
        *OWN_RATES,
        "relevant",
        "bias",
        "biased_steps",
        "task",
        "threshold",
        "stream",
    )

    task: Literal["parity", "hamming"] = "parity"
    bits: int = 12
    relevant: int = 4
    threshold: float = 0.25
    bias: float = Field(default=0.85, gt=0, lt=1)
    biased_steps: int = Field(default=150, ge=0)
    stream: int = Field(default=0, ge=0)
    clip: float = 1.0

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        drawn = self.drawn(0, 0)
        self.transformer(drawn.vocabulary, drawn.classes, drawn.positions, drawn.pad_token)
        return self

    def drawn(self, root: int, replicate: int) -> SparseParity | HammingMixture:
        """The task of one replicate: its hidden positions are drawn."""
        if self.task == "parity":
            return sparse_parity(self.bits, self.relevant, seed=root, replicate=replicate)
        return hamming_mixture(
            self.bits, self.relevant, threshold=self.threshold, seed=root, replicate=replicate
        )

    def bias_at(self, step: int) -> float:
        """q(t), the probability of a one in training step 0, 1, …"""
        return self.bias if step < self.biased_steps else 0.5


def train_parity(
    spec: ParitySpec,
    seeds: Sequence[int],
    *,
    root: int = 0,
    variations: Sequence[Mapping[str, Any]] = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    folder: Path | None = None,
    graph: bool | None = None,
    compile: bool = False,
) -> xr.Dataset:
    """Train one network for each of ``seeds`` (replicates under ``root``), all of them as one stack.

    ``variations`` holds for each network the fields that it has of its own (``ParitySpec.own_fields``). Networks of one
    seed share start, hidden positions and the numbers that rows are made of, whatever their bias. By ``run`` and
    ``step``: ``test_accuracy`` and ``test_loss`` on fixed rows of uniform bits. ``graph`` and ``compile`` as for
    `train_stack`. Raises ValueError for variations that do not fit.
    """
    if variations and len(variations) != len(seeds):
        raise ValueError(f"variations: {len(variations)} given; allowed: one for each of {len(seeds)} seeds")
    own = [spec.varied(each) for each in variations] if variations else [spec] * len(seeds)
    tasks = [each.drawn(root, seed) for each, seed in zip(own, seeds, strict=True)]
    names = [RunName(root, ("parity", seed)) for seed in seeds]
    streams = [
        RunName(root, ("parity", seed, "order", each.stream)) for each, seed in zip(own, seeds, strict=True)
    ]
    first = tasks[0]
    network = spec.transformer(first.vocabulary, first.classes, first.positions, first.pad_token)
    source = StreamSource(
        [[_sampler(each, task)] for each, task in zip(own, tasks, strict=True)], streams, spec.batch
    )
    runs = [
        NetworkRun(name, each.learning_rate, each.weight_decay) for name, each in zip(names, own, strict=True)
    ]
    tests = [
        task.sample(name.numpy("tests"), spec.test_rows) for task, name in zip(tasks, names, strict=True)
    ]
    tokens, answers = (np.stack(arrays) for arrays in zip(*tests, strict=True))
    found = train_stack(
        spec.recipe(network, Static((1.0,))),
        source,
        runs,
        [StreamMonitor(tokens, answers, spec.grid)],
        device=device,
        folder=folder,
        label=f"transformers, {spec.task}",
        graph=graph,
        compile=compile,
    )
    kept = found[["test_accuracy", "test_loss", "stopped_at"]]
    return kept.assign_coords(replicate=("run", list(seeds)))


def _sampler(spec: ParitySpec, task: SparseParity | HammingMixture) -> Sampler:
    """Rows of a step with that step's bias."""

    def sample(generator: np.random.Generator, rows: int, step: int) -> tuple[Whole, Whole]:
        return task.sample(generator, rows, bias=spec.bias_at(step))

    return sample
