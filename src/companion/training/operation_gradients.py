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
    """``gradients`` (networks, `ROW_KINDS`, operations, weights) of mean losses, and ``features`` by operation.

    ``features`` are residual streams at the last position, (networks, rows, width), rows in the order of the table.
    """

    gradients: NDArray[np.float64]
    features: list[NDArray[np.float64]]


def operation_views(
    spec: CurriculumSpec,
    weights: NDArray,
    seeds: Sequence[int],
    *,
    root: int = 0,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> OperationViews:
    """What the networks of `train_curriculum` (``spec``, ``seeds``, ``root``) with ``weights`` (networks, weights) do.

    Weight decay is no part of the gradients. Weights that are no numbers give NaN. Raises ValueError for weights of
    another shape.
    """
    tasks = spec.tasks.tasks(root)
    stack = TransformerStack(spec.network(tasks))
    if weights.shape != (len(seeds), stack.spec.weight_count):
        raise ValueError(
            f"weights: shape {weights.shape} given; allowed: {(len(seeds), stack.spec.weight_count)}"
        )
    splits = [spec.split(tasks, root, seed) for seed in seeds]
    train = np.stack([split.trained for split in splits])
    test = np.stack([~split.train for split in splits])
    labels = np.where(train, np.stack([split.labels for split in splits]), tasks.answers)
    where = torch_device(device)
    given = torch.from_numpy(np.array(weights, dtype=np.float32)).to(where)
    gradients = np.empty((len(seeds), len(ROW_KINDS), len(tasks.operations), weights.shape[1]))
    features = []
    with arithmetic(where, "float32"):
        for place, name in enumerate(tasks.operations):
            rows = tasks.rows(name)
            tokens, target = torch.from_numpy(tasks.tokens[rows]), torch.from_numpy(labels[:, rows])
            for kind, mask in enumerate((train[:, rows], test[:, rows])):
                shares = mask / mask.sum(axis=1, keepdims=True)
                gradients[:, kind, place] = _gradient(stack, given, tokens, target, shares)
            features.append(_features(stack, given, tokens))
    return OperationViews(gradients, features)


def _gradient(
    stack: TransformerStack, weights: Tensor, tokens: Tensor, target: Tensor, shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gradients (networks, weights) of cross-entropies on ``tokens`` summed with ``shares`` (networks, rows)."""
    leaf = weights.clone().requires_grad_(True)
    share = torch.from_numpy(shares.astype(np.float32))
    for start in range(0, len(tokens), _BLOCK):
        rows = slice(start, start + _BLOCK)
        logits = stack.logits(leaf, tokens[rows].to(leaf.device).expand(len(leaf), -1, -1))
        wanted = target[:, rows].to(leaf.device)
        entropy = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
        (entropy.view(wanted.shape) * share[:, rows].to(leaf.device)).sum().backward()
    assert leaf.grad is not None
    return leaf.grad.double().cpu().numpy()


@torch.no_grad()
def _features(stack: TransformerStack, weights: Tensor, tokens: Tensor) -> NDArray[np.float64]:
    parts = [
        stack.features(
            weights, tokens[start : start + _BLOCK].to(weights.device).expand(len(weights), -1, -1)
        )
        for start in range(0, len(tokens), _BLOCK)
    ]
    return torch.cat(parts, dim=1).double().cpu().numpy()
