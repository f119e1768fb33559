"""What can be read off the residual stream of an operation by a linear map, block by block."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from companion.analysis.representations import class_probe
from companion.compute.seeds import generator
from companion.datasets.operations import TaskSet

#: What is read off: the operands and the answer.
READ: Final = ("a", "b", "answer")


def operation_probes(
    tasks: TaskSet, streams: NDArray[np.float64], seed: int, operation: int = 0
) -> NDArray[np.float64]:
    """Cross-validated accuracies (networks, layers, `READ`) of linear probes of an operation's streams.

    ``streams`` (layers, networks, rows, width) are at "=" over the operation's whole table in ``tasks``. Folds are of
    rows, trained on or not, the same at every call under ``seed``: a probe asks what is there, not whether the rule is
    known. Ridge regression of class indicators (`analysis.representations.class_probe`), classes counted alike, so that
    chance is one over their number. NaN for a network whose streams are no numbers.
    """
    rows = tasks.rows(tasks.operations[operation])
    operands = tasks.operands[rows]
    labels = (operands[:, 0], operands[:, 1], tasks.answers[rows])
    found = np.full((streams.shape[1], len(streams), len(READ)), np.nan)
    known = np.isfinite(streams).all(axis=(0, 2, 3))
    if not known.any():
        return found
    for place, (name, own) in enumerate(zip(READ, labels, strict=True)):
        values, classes = np.unique(own, return_inverse=True)
        noise = generator(seed, "operation probes", name)
        probe = class_probe(streams[:, known], classes, len(values), generator=noise)
        found[known, :, place] = probe.accuracy.T
    return found
