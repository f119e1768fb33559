"""One new word for a trained network: the embedding of a token is learned, and every other weight stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from companion.models.transformer import TransformerSpec, TransformerStack
from companion.training.operation_batches import Whole

# Place of the operation's word in a sequence [a, operation, b, =].
_WORD_PLACE = 1


@dataclass(frozen=True)
class FittedWord:
    """Accuracies by network (S,): ``before`` on all rows, ``after`` on test rows, ``fitted`` on those learned from."""

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    fitted: NDArray[np.float64]


def fit_word(
    network: TransformerSpec,
    weights: NDArray[np.float32],
    tokens: Whole,
    answers: Whole,
    train: NDArray[np.bool_],
    *,
    known: Sequence[int],
    steps: int,
    learning_rate: float,
) -> FittedWord:
    """Learn the word of the rows ``tokens`` (rows, 4) for networks ``weights`` (S, weights), by Adam on all their rows.

    ``answers`` (rows,) are classes; ``train`` (S, rows) says which of them each network learns from. The word begins as
    the mean of the ``known`` ones. Raises ValueError for rows of several words, and for no known one.
    """
    used = np.unique(tokens[:, _WORD_PLACE])
    if used.size != 1 or not known:
        raise ValueError(
            f"tokens, known: {used.size} words and {len(known)} known ones given; allowed: one, and at least one"
        )
    stack, fixed = TransformerStack(network), torch.from_numpy(weights)
    given, truth = torch.from_numpy(tokens).expand(len(fixed), -1, -1), torch.from_numpy(answers)
    taught = torch.from_numpy(train)
    embedding = stack.named(fixed)["embedding"]
    word = embedding[:, list(known)].mean(dim=1).clone().requires_grad_(True)
    start = int(used[0]) * network.width
    adam = torch.optim.Adam([word], lr=learning_rate)
    before = _right(stack, fixed, given, truth).double().mean(dim=1)
    share = taught.float() / taught.sum(dim=1, keepdim=True)
    for _ in range(steps):
        logits = stack.logits(_with_word(fixed, word, start), given)
        entropy = functional.cross_entropy(
            logits.flatten(0, 1), truth.repeat(len(fixed)), reduction="none"
        ).view(share.shape)
        adam.zero_grad()
        (entropy * share).sum().backward()
        adam.step()
    right = _right(stack, _with_word(fixed, word.detach(), start), given, truth)
    return FittedWord(before.numpy(), _mean(right, ~taught), _mean(right, taught))


def _with_word(fixed: Tensor, word: Tensor, start: int) -> Tensor:
    """Weights (S, weights) with ``word`` (S, width) in its place; embeddings come first among the weights."""
    return torch.cat([fixed[:, :start], word, fixed[:, start + word.shape[1] :]], dim=1)


@torch.no_grad()
def _right(stack: TransformerStack, weights: Tensor, tokens: Tensor, answers: Tensor) -> Tensor:
    return stack.logits(weights, tokens).argmax(dim=2) == answers


def _mean(right: Tensor, mask: Tensor) -> NDArray[np.float64]:
    return ((right & mask).sum(dim=1).double() / mask.sum(dim=1)).numpy()
