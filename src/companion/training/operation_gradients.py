"""Gradients and residual streams of transformers whose weights were kept, operation by operation."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from companion.compute.devices import arithmetic, torch_device
from companion.models.transformer import TransformerStack
from companion.training.curriculum_spec import CurriculumSpec

#: Rows whose mean loss a gradient is of: those trained on, with the labels taught, and the others, with the true ones.
ROW_KINDS = ("train", "test")

_BLOCK = 2048  # rows that go through the networks at once


class OperationViews(NamedTuple):
    """``gradients`` (networks, `ROW_KINDS`, operations, weights) of mean losses, and ``streams`` by operation.

    ``streams`` are residual streams at the last position after each block, (layers, networks, rows, width), rows in the
    order of the table.
    """

    gradients: NDArray[np.float64]
    streams: list[NDArray[np.float64]]

    @property
    def features(self) -> list[NDArray[np.float64]]:
        """Streams after the last block by operation, (networks, rows, width)."""
        return [stream[-1] for stream in self.streams]


class _Operation(NamedTuple):
    """Rows of one operation: ``tokens`` (rows, T), ``target`` (S, rows), ``shares`` (kinds, S, rows) in mean losses."""

    tokens: Tensor
    target: Tensor
    shares: Tensor


class OperationViewer:
    """Looks at the networks of `train_curriculum` (``spec``, ``seeds``, ``root``) at whatever weights they had.

    Tables and splits are prepared once.
    """

    def __init__(
        self,
        spec: CurriculumSpec,
        seeds: Sequence[int],
        *,
        root: int = 0,
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ):
        tasks = spec.tasks.tasks(root)
        splits = [spec.split(tasks, root, seed) for seed in seeds]
        train = np.stack([split.trained for split in splits])
        test = np.stack([~split.train for split in splits])
        labels = np.where(train, np.stack([split.labels for split in splits]), tasks.answers)
        self.stack, self.where = TransformerStack(spec.network(tasks)), torch_device(device)
        self.shape = (len(seeds), self.stack.spec.weight_count)
        self._operations: list[_Operation] = []
        for name in tasks.operations:
            rows = tasks.rows(name)
            masks = np.stack([train[:, rows], test[:, rows]])
            shares = (masks / masks.sum(axis=2, keepdims=True)).astype(np.float32)
            given = (tasks.tokens[rows], labels[:, rows], shares)
            self._operations.append(_Operation(*(torch.from_numpy(each).to(self.where) for each in given)))

    def __call__(self, weights: NDArray) -> OperationViews:
        """What they do with ``weights`` (networks, weights).

        Weight decay is no part of the gradients. Weights that are no numbers give NaN. Raises ValueError for weights of
        another shape.
        """
        if weights.shape != self.shape:
            raise ValueError(f"weights: shape {weights.shape} given; allowed: {self.shape}")
        given = torch.from_numpy(np.array(weights, dtype=np.float32)).to(self.where)
        with arithmetic(self.where, "float32"):
            gradients = [_gradients(self.stack, given, each) for each in self._operations]
            streams = [_streams(self.stack, given, each.tokens) for each in self._operations]
        return OperationViews(np.stack(gradients, axis=2), streams)


def _gradients(stack: TransformerStack, weights: Tensor, own: _Operation) -> NDArray[np.float64]:
    """Gradients (networks, kinds, weights) of the cross-entropies on rows of each kind, from one pass through them."""
    leaf = weights.clone().requires_grad_(True)
    total = [torch.zeros_like(leaf) for _ in ROW_KINDS]
    for start in range(0, len(own.tokens), _BLOCK):
        rows = slice(start, start + _BLOCK)
        logits = stack.logits(leaf, own.tokens[rows].expand(len(leaf), -1, -1))
        wanted = own.target[:, rows]
        entropy = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
        losses = [(entropy.view(wanted.shape) * shares[:, rows]).sum() for shares in own.shares]
        for kind, loss in enumerate(losses):
            (found,) = torch.autograd.grad(loss, leaf, retain_graph=kind + 1 < len(losses))
            total[kind] += found
    return torch.stack(total, dim=1).double().cpu().numpy()


@torch.no_grad()
def _streams(stack: TransformerStack, weights: Tensor, tokens: Tensor) -> NDArray[np.float64]:
    parts = [
        stack.layer_features(weights, tokens[start : start + _BLOCK].expand(len(weights), -1, -1))
        for start in range(0, len(tokens), _BLOCK)
    ]
    return torch.cat(parts, dim=2).double().cpu().numpy()
