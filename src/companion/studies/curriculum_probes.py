"""What can be read off the residual stream of an operation by a linear map, block by block."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from companion.analysis.representations import class_probe
from companion.compute.seeds import generator
from companion.models.transformer import TransformerStack
from companion.training.curriculum_spec import CurriculumSpec

#: What is read off: the operands, whether the first is even, and the answer.
READ: Final = ("a", "b", "parity of a", "answer")

_BLOCK = 2048  # rows that go through the networks at once


def operation_probes(
    spec: CurriculumSpec, weights: NDArray, seed: int, operation: int = 0
) -> NDArray[np.float64]:
    """Cross-validated accuracies (networks, layers, `READ`) of linear probes of the stream at "=" over the whole table.

    ``weights`` (networks, weights) are those of networks of ``spec`` under the root ``seed``. Folds are of rows,
    trained on or not: a probe asks what is there, not whether the rule is known. Ridge regression of class indicators
    (`analysis.representations.class_probe`), classes counted alike, so that chance is one over their number. NaN for a
    network whose weights are no numbers.
    """
    tasks = spec.tasks.tasks(seed)
    rows = tasks.rows(tasks.operations[operation])
    operands = tasks.operands[rows]
    labels = (operands[:, 0], operands[:, 1], operands[:, 0] % 2, tasks.answers[rows])
    stack = TransformerStack(spec.network(tasks))
    found = np.full((len(weights), stack.spec.layers, len(READ)), np.nan)
    known = np.isfinite(weights).all(axis=1)
    if not known.any():
        return found
    streams = _streams(stack, weights[known], tasks.tokens[rows])
    for place, (name, own) in enumerate(zip(READ, labels, strict=True)):
        values, classes = np.unique(own, return_inverse=True)
        probe = class_probe(
            streams, classes, len(values), generator=generator(seed, "operation probes", name)
        )
        found[known, :, place] = probe.accuracy.T
    return found


@torch.no_grad()
def _streams(stack: TransformerStack, weights: NDArray, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Residual streams (layers, networks, rows, width)."""
    given, table = torch.from_numpy(np.array(weights, dtype=np.float32)), torch.from_numpy(tokens)
    parts = [
        stack.layer_features(given, table[start : start + _BLOCK].expand(len(given), -1, -1))
        for start in range(0, len(table), _BLOCK)
    ]
    return torch.cat(parts, dim=2).double().numpy()
