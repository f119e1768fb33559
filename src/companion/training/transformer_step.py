"""One optimiser step of a stack of transformers: rows in, weights moved in place.

All that the step keeps lies in tensors that change in place, so that it can be recorded once and replayed on a GPU.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from companion.models.transformer import TransformerStack
from companion.training.curriculum_recipe import CurriculumRecipe, NetworkRun
from companion.training.operation_batches import Rows
from companion.training.recorded_step import RecordedStep
from companion.training.stacked_adam import StackedAdam

_KEPT = ("anchor", "anchored", "alive", "stopped")


class TransformerStep:
    """The networks of a stack, their optimiser, and how both move; ``stopped`` (S,) is -1 or the step that broke."""

    def __init__(
        self,
        recipe: CurriculumRecipe,
        runs: Sequence[NetworkRun],
        device: torch.device,
        *,
        graph: bool,
        compile: bool,
    ):
        self.recipe, self.device = recipe, device
        self.stack = TransformerStack(recipe.network)
        weights = self.stack.draw_weights([run.name.torch("weights") for run in runs])
        self.weights = weights.to(device).requires_grad_(True)
        adam = recipe.adam
        rates = [adam.learning_rate if run.learning_rate is None else run.learning_rate for run in runs]
        decays = [adam.weight_decay if run.weight_decay is None else run.weight_decay for run in runs]
        self.adam = StackedAdam(self.weights.detach(), adam, torch.tensor(rates), torch.tensor(decays))
        self.anchor = self.weights.detach().clone()
        self.anchored = torch.zeros(len(runs), device=device)
        self.alive = torch.ones(len(runs), dtype=torch.bool, device=device)
        self.stopped = torch.full((len(runs),), -1, device=device)
        # Numbers of every step lie on the device from the start: none is copied there step by step.
        self._numbers = torch.arange(recipe.steps, device=device)
        self._factors = torch.tensor(
            [adam.rate_factor(step, recipe.steps) for step in range(recipe.steps)], device=device
        )
        self._placed: dict[str, tuple[NDArray, Tensor]] = {}
        self._losses = torch.compile(self._own_losses) if compile else self._own_losses
        self._moved = RecordedStep(self._move) if graph else self._move

    def __call__(self, rows: Rows, step: int) -> None:
        """Train on ``rows`` as the step number ``step``."""
        tokens, labels, weight = (
            self._on_device(name, getattr(rows, name)) for name in ("tokens", "labels", "weight")
        )
        self._moved(tokens, labels, weight, self._factors[step], self._numbers[step])

    def _on_device(self, name: str, array: NDArray) -> Tensor:
        """``array`` as a tensor; the same array as in the step before is not copied again."""
        known = self._placed.get(name)
        if known is None or known[0] is not array:
            known = self._placed[name] = array, torch.from_numpy(array).to(self.device)
        return known[1]

    def _move(self, tokens: Tensor, labels: Tensor, weight: Tensor, factor: Tensor, step: Tensor) -> None:
        """One step on these rows, at ``factor`` times the rates; all that lasts changes in place (`RecordedStep`)."""
        losses = self._losses(self.weights, tokens, labels, weight)
        if self.recipe.consolidation:
            moved = (self.weights - self.anchor).square().sum(dim=1)
            losses = losses + 0.5 * self.recipe.consolidation * self.anchored * moved
        (gradient,) = torch.autograd.grad(losses.sum(), self.weights)
        broken = ~torch.isfinite(losses.detach()) & self.alive
        self.stopped.copy_(torch.where(broken, step, self.stopped))
        self.alive &= ~broken
        self.adam.step(self.weights.detach(), gradient, factor, self.alive)

    def _own_losses(self, weights: Tensor, tokens: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
        return (self._entropy(weights, tokens, labels)[0] * weight).sum(dim=1)

    def _entropy(self, weights: Tensor, tokens: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy of each row (S, rows), and the logits it comes from."""
        logits = self.stack.logits(weights, tokens)
        entropy = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        return entropy.view(labels.shape), logits

    @torch.no_grad()
    def judged(self, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Cross-entropy of each of ``rows``, and whether its class is the likeliest, both (S, rows)."""
        tokens, labels = (torch.from_numpy(array).to(self.device) for array in (rows.tokens, rows.labels))
        entropy, logits = self._entropy(self.weights.detach(), tokens, labels)
        return entropy.cpu().numpy(), (logits.argmax(dim=2) == labels).cpu().numpy()

    @torch.no_grad()
    def go_on(self, which: NDArray[np.bool_]) -> None:
        """The networks ``which`` (S,) enter another stage: weights are anchored, moments forgotten, as asked for."""
        chosen = torch.from_numpy(which).to(self.device)
        self.anchor.copy_(torch.where(chosen[:, None], self.weights, self.anchor))
        self.anchored[chosen] = 1.0
        if self.recipe.reset_moments:
            self.adam.reset(chosen)

    @torch.no_grad()
    def stop_broken(self, step: int) -> NDArray[np.bool_]:
        """Stop networks whose weights are no numbers; which have stopped by now, (S,)."""
        broken = ~torch.isfinite(self.weights).all(dim=1) & self.alive
        self.stopped.copy_(torch.where(broken, step, self.stopped))
        self.alive &= self.stopped < 0
        return (~self.alive).cpu().numpy()

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        kept = {name: getattr(self, name) for name in _KEPT}
        return {"weights": self.weights.detach(), "adam": self.adam.state(), **kept}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`, in place: what has been recorded stays true."""
        for name in ("weights", *_KEPT):
            getattr(self, name).copy_(state[name])
        self.adam.restore(state["adam"])
