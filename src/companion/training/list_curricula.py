"""Nested lists learned from fresh expressions of some operations, at one length of sequence and one share of each.

What each operation and each depth is answered to is watched apart, on training and on test expressions
(after arXiv:2505.18369).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, model_validator

from companion.datasets.nested_lists import NestedLists, Part, nested_lists
from companion.training.curriculum_recipe import NetworkRun, Snapshot
from companion.training.diffusion_draws import RunName
from companion.training.operation_batches import Whole
from companion.training.operation_streams import Sampler, StreamSource
from companion.training.schedules import Static
from companion.training.stream_spec import StreamSpec
from companion.training.transformer_training import train_stack

# Steps whose rows are drawn at once: expressions cost little by the thousand and much one batch at a time.
_STEPS = 64


class ListSpec(StreamSpec):
    """A training on lists of ``operations`` modulo ``numbers``; ``batch`` rows of each of them in every step.

    Lists have depth up to ``depth`` and ``arities`` items; a share ``test_share`` of all expressions is never trained
    on. ``order`` is that of the numbers for operations that know order. Raises ValueError (pydantic's), naming the
    field.
    """

    operations: tuple[str, ...] = ("ADD",)
    numbers: int = 10
    depth: int = 1
    arities: tuple[int, int] = (2, 3)
    test_share: float = Field(default=0.2, gt=0, lt=1)
    order: Literal["natural", "shuffled"] = "natural"
    batch: int = Field(default=64, ge=1)
    weight_decay: float = 0.1
    test_rows: int = Field(default=256, ge=1)

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        self.network(self.lists(0))
        return self

    def lists(self, root: int) -> NestedLists:
        """The expressions; the order of numbers is drawn under ``root`` where it is shuffled."""
        return nested_lists(
            self.operations,
            self.numbers,
            depth=self.depth,
            arities=self.arities,
            test_share=self.test_share,
            order=self.order,
            seed=root,
        )

    def network(self, lists: NestedLists):
        """The network that reads these expressions."""
        return self.transformer(lists.vocabulary, lists.classes, lists.positions, lists.pad_token)


class ExpressionMonitor:
    """Accuracies by operation and depth of the outermost list: ``accuracy`` (run, step, part, operation, depth).

    Parts are training and test expressions, fixed ones; each network has expressions of its own.
    """

    dim = "step"

    def __init__(self, lists: NestedLists, names: Sequence[RunName], rows: int, steps: Sequence[int]):
        self.steps, self.rows = tuple(steps), rows
        depths = range(1, lists.depth + 1)
        parts: tuple[Part, ...] = ("train", "test")
        self.shape = (len(parts), len(lists.operations), lists.depth, rows)
        drawn = [
            [
                lists.sample(
                    name.numpy("looks", part, operation, depth),
                    rows,
                    part=part,
                    depths=[depth],
                    operations=[operation],
                )
                for part in parts
                for operation in lists.operations
                for depth in depths
            ]
            for name in names
        ]
        self.tokens = torch.from_numpy(np.stack([np.concatenate([t for t, _ in own]) for own in drawn]))
        self.answers = torch.from_numpy(np.stack([np.concatenate([a for _, a in own]) for own in drawn]))

    def __call__(self, snapshot: Snapshot) -> Mapping[str, tuple[tuple[str, ...], NDArray]]:
        answer = snapshot.logits(self.tokens.to(snapshot.weights.device)).argmax(dim=2).cpu()
        right = (answer == self.answers).double().numpy().reshape(len(answer), *self.shape)
        return {"accuracy": (("part", "operation", "depth"), right.mean(axis=-1))}


def train_lists(
    spec: ListSpec,
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

    ``variations`` holds for each network the fields that it has of its own (``ListSpec.own_fields``). Networks of one
    seed see the same expressions of an operation in the same steps, whatever else they learn. ``accuracy`` (run, step,
    part, operation, depth), and the attribute ``weight_count``. ``graph`` and ``compile`` as for `train_stack`. Raises
    ValueError for variations that do not fit.
    """
    if variations and len(variations) != len(seeds):
        raise ValueError(f"variations: {len(variations)} given; allowed: one for each of {len(seeds)} seeds")
    own = [spec.varied(each) for each in variations] if variations else [spec] * len(seeds)
    lists = spec.lists(root)
    network = spec.network(lists)
    names = [RunName(root, ("lists", seed)) for seed in seeds]
    kinds = len(spec.operations)
    source = StreamSource(
        [[_sampler(lists, name, operation, spec.batch) for operation in spec.operations] for name in names],
        names,
        spec.batch * kinds,
    )
    runs = [
        NetworkRun(name, each.learning_rate, each.weight_decay) for name, each in zip(names, own, strict=True)
    ]
    found = train_stack(
        spec.recipe(network, Static((1.0 / kinds,) * kinds)),
        source,
        runs,
        [ExpressionMonitor(lists, names, spec.test_rows, spec.grid)],
        device=device,
        folder=folder,
        label=f"transformers, {' + '.join(spec.operations)}",
        graph=graph,
        compile=compile,
    )
    return (
        found[["accuracy", "stopped_at"]]
        .assign_coords(
            replicate=("run", list(seeds)),
            part=["train", "test"],
            operation=list(spec.operations),
            depth=list(range(1, spec.depth + 1)),
        )
        .assign_attrs(weight_count=network.weight_count)
    )


def _sampler(lists: NestedLists, name: RunName, operation: str, rows: int) -> Sampler:
    """Training expressions of one operation, those of many steps drawn together and cut by the step."""
    kept: dict[int, tuple[Whole, Whole]] = {}

    def sample(generator: np.random.Generator, count: int, step: int) -> tuple[Whole, Whole]:
        chunk, place = divmod(step, _STEPS)
        if chunk not in kept:
            kept.clear()
            drawn = lists.sample(
                name.numpy("rows", operation, chunk), _STEPS * rows, part="train", operations=[operation]
            )
            kept[chunk] = drawn
        tokens, answers = kept[chunk]
        chosen = slice(place * rows, place * rows + count)
        return tokens[chosen], answers[chosen]

    return sample
