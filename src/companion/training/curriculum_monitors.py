"""What is seen of a stack of transformers while it learns: accuracies of every kind, spectra, predictions, weights.

A monitor looks after the steps that it was given, and records along a dim of its own.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from companion.analysis.fourier_structure import additive_power, multiplicative_power
from companion.datasets.modular_operations import is_prime
from companion.datasets.operation_splits import Split, mirror_seen
from companion.datasets.operations import TaskSet
from companion.training.curriculum_recipe import Snapshot
from companion.training.curriculum_records import Record

# Rows of the table that go through the networks at once.
_BLOCK = 4096


def metric_steps(
    steps: int, *, every: int = 25, logarithmic: int = 60, switches: Sequence[int] = ()
) -> tuple[int, ...]:
    """0, a logarithmic grid, every ``every`` steps, and each switch with 1, 3, 10, 30 and 100 steps after it.

    >>> metric_steps(100, every=50, logarithmic=4)
    (0, 1, 5, 22, 50, 100)
    """
    grid = set(np.rint(np.geomspace(1, steps, logarithmic)).astype(int).tolist()) | {0, steps}
    grid |= set(range(0, steps + 1, every))
    grid |= {switch + after for switch in switches for after in (0, 1, 3, 10, 30, 100)}
    return tuple(sorted(step for step in grid if 0 <= step <= steps))


class AccuracyMonitor:
    """Accuracies and losses of each operation on the rows that are trained on and on test rows.

    ``train_accuracy`` and ``train_loss`` are on the labels that were taught, ``test_accuracy`` and ``test_loss`` on the
    true ones; ``seen_accuracy`` and ``unseen_accuracy`` split the test rows by whether (b, a) was trained on. Where
    labels are corrupted, ``clean_accuracy`` is on the other training rows, ``wrong_accuracy`` the share of corrupted
    rows answered as taught, ``corrected_accuracy`` that answered truly. NaN where an operation has no such rows. Rows
    that are held for the schedule (``Split.held``) are in none of them.
    """

    dim = "step"

    def __init__(self, tasks: TaskSet, splits: Sequence[Split], steps: Sequence[int]):
        self.steps, self.tokens = tuple(steps), torch.from_numpy(tasks.tokens)
        labels = np.stack([split.labels for split in splits])
        train = np.stack([split.trained for split in splits])
        test = np.stack([~split.train for split in splits])
        wrong = np.stack([split.corrupted & ~split.held for split in splits])
        seen = np.stack([mirror_seen(tasks, split) for split in splits])
        self.taught, self.true = torch.from_numpy(labels), torch.from_numpy(tasks.answers)
        self._starts = [tasks.rows(name).start for name in tasks.operations]
        self._as_taught = bool((labels == tasks.answers).all())
        self.shares = {
            "train_accuracy": ("taught", train),
            "train_loss": ("taught_loss", train),
            "test_accuracy": ("true", test),
            "test_loss": ("true_loss", test),
            "seen_accuracy": ("true", test & seen),
            "unseen_accuracy": ("true", test & ~seen),
        }
        if wrong.any():
            self.shares |= {
                "clean_accuracy": ("true", train & ~wrong),
                "wrong_accuracy": ("taught", wrong),
                "corrected_accuracy": ("true", wrong),
            }
        self._counts = {name: self._sums(mask) for name, (_, mask) in self.shares.items()}

    def __call__(self, snapshot: Snapshot) -> Record:
        values = self._values(snapshot)
        return {
            name: (("operation",), self._means(values[kind] * mask, self._counts[name]))
            for name, (kind, mask) in self.shares.items()
        }

    def _values(self, snapshot: Snapshot) -> dict[str, NDArray[np.float64]]:
        """Whether each row is answered as taught and truly, and its cross-entropies, all (S, rows)."""
        parts: dict[str, list[Tensor]] = {}
        for logits, rows in row_blocks(snapshot, self.tokens):
            answer, scores = logits.argmax(dim=2), torch.log_softmax(logits, dim=2)
            targets = {"true": self.true[rows].to(logits.device).expand(len(logits), -1)}
            if not self._as_taught:
                targets["taught"] = self.taught[:, rows].to(logits.device)
            for name, target in targets.items():
                entropy = -scores.gather(2, target[..., None])[..., 0]
                parts.setdefault(name, []).append((answer == target).double())
                parts.setdefault(f"{name}_loss", []).append(entropy.double())
        found = {name: torch.cat(each, dim=1).cpu().numpy() for name, each in parts.items()}
        # Where no label is wrong, what is taught is true.
        return {"taught": found["true"], "taught_loss": found["true_loss"], **found}

    def _sums(self, values: NDArray) -> NDArray[np.float64]:
        """Sums of ``values`` (S, rows) over the rows of each operation, (S, operations)."""
        return np.add.reduceat(values, self._starts, axis=1, dtype=np.float64)

    def _means(self, values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(self._sums(values), counts, out=np.full(counts.shape, np.nan), where=counts > 0)


class PredictionMonitor:
    """Which rows of the table are answered truly: ``correct`` (run, moment, row), 0 or 1."""

    dim = "moment"

    def __init__(self, tasks: TaskSet, steps: Sequence[int]):
        self.steps = tuple(steps)
        self.tokens, self.true = torch.from_numpy(tasks.tokens), torch.from_numpy(tasks.answers)

    def __call__(self, snapshot: Snapshot) -> Record:
        parts = [
            logits.argmax(dim=2).cpu() == self.true[rows]
            for logits, rows in row_blocks(snapshot, self.tokens)
        ]
        return {"correct": (("row",), torch.cat(parts, dim=1).numpy().astype(np.uint8))}


class SpectrumMonitor:
    """Fourier power of the numbers' embedding of one operation, and the norm of all weights.

    Only numbers modulo an odd prime have spectra; of others, as of permutations, the norm alone is recorded.
    """

    dim = "step"

    def __init__(self, tasks: TaskSet, steps: Sequence[int], operation: int = 0):
        self.steps = tuple(steps)
        self.numbers = torch.from_numpy(tasks.number_tokens[operation])
        self.characters = len(self.numbers) > 2 and is_prime(len(self.numbers))

    def __call__(self, snapshot: Snapshot) -> Record:
        norm = snapshot.weights.norm(dim=1).double().cpu().numpy()
        if not self.characters:
            return {"weight_norm": ((), norm)}
        embedding = snapshot.stack.named(snapshot.weights)["embedding"]
        numbers = embedding[:, self.numbers.to(embedding.device)].double().cpu().numpy()
        return {
            "additive_power": (("frequency",), additive_power(numbers)),
            "multiplicative_power": (("frequency",), multiplicative_power(numbers)),
            "weight_norm": ((), norm),
        }


class WeightMonitor:
    """All weights of every network: ``weights`` (run, checkpoint, weight), float32."""

    dim = "checkpoint"

    def __init__(self, steps: Sequence[int]):
        self.steps = tuple(steps)

    def __call__(self, snapshot: Snapshot) -> Record:
        return {"weights": (("weight",), snapshot.weights.cpu().numpy().copy())}


class StreamMonitor:
    """Accuracy and loss on fixed rows of its own for each network: ``tokens`` (S, rows, T), ``labels`` (S, rows)."""

    dim = "step"

    def __init__(self, tokens: NDArray[np.int64], labels: NDArray[np.int64], steps: Sequence[int]):
        self.steps, self.tokens, self.labels = (
            tuple(steps),
            torch.from_numpy(tokens),
            torch.from_numpy(labels),
        )

    def __call__(self, snapshot: Snapshot) -> Record:
        logits = snapshot.logits(self.tokens.to(snapshot.weights.device)).cpu()
        entropy = functional.cross_entropy(logits.flatten(0, 1), self.labels.flatten(), reduction="none")
        right = (logits.argmax(dim=2) == self.labels).double().mean(dim=1)
        loss = entropy.view(self.labels.shape).double().mean(dim=1)
        return {"test_accuracy": ((), right.numpy()), "test_loss": ((), loss.numpy())}


def row_blocks(snapshot: Snapshot, tokens: Tensor):
    """Logits (S, block, classes) of a table's rows (rows, T), block after block, with the slice of each."""
    for start in range(0, len(tokens), _BLOCK):
        rows = slice(start, start + _BLOCK)
        own = tokens[rows].to(snapshot.weights.device).expand(len(snapshot.weights), -1, -1)
        yield snapshot.logits(own), rows
