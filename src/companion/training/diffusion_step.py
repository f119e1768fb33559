"""One optimiser step of a stack of score models, recorded once and replayed on a GPU."""

from typing import Any

import torch
from torch import Tensor

from companion.models.score_model import ScoreModel
from companion.training.recorded_step import RecordedStep


class TrainingStep:
    """Adam on the denoising loss, for all runs of a stack at once; ``weights`` (S, weights) are its state.

    On CUDA the step is recorded as a graph, so that a small network costs its arithmetic and not its launches;
    ``compile`` fuses it before that.
    """

    def __init__(self, model: ScoreModel, weights: Tensor, learning_rate: float, *, compile: bool = False):
        self.model = model
        self.weights = weights.detach().clone().requires_grad_(True)
        self.on_gpu = weights.is_cuda
        self.optimiser = torch.optim.Adam(
            [self.weights], lr=learning_rate, capturable=self.on_gpu, fused=self.on_gpu or None
        )
        self._losses = torch.compile(self._denoising_losses) if compile else self._denoising_losses
        self._step = RecordedStep(self._move)

    def __call__(self, clean: Tensor, noise: Tensor, index: Tensor, keep: Tensor | None) -> Tensor:
        """Take one step on the images ``clean`` (S, batch, d) with ``noise``; the losses before it, (S,)."""
        given = (clean, noise, index) if keep is None else (clean, noise, index, keep)
        return self._step(*given)

    def _move(self, clean: Tensor, noise: Tensor, index: Tensor, keep: Tensor | None = None) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        losses = self._losses(clean, noise, index, keep)
        losses.sum().backward()
        self.optimiser.step()
        return losses.detach()

    def _denoising_losses(self, clean: Tensor, noise: Tensor, index: Tensor, keep: Tensor | None) -> Tensor:
        signal, level = self.model.signal[index][..., None], self.model.noise[index][..., None]
        predicted = self.model.predicted_noise(self.weights, signal * clean + level * noise, index, keep)
        return (predicted - noise).square().mean((1, 2))

    def restore(self, run: int, weights: Tensor) -> None:
        """Give one run of the stack these weights and forget its gradients' history."""
        with torch.no_grad():
            self.weights[run] = weights
            for moment in self.optimiser.state.get(self.weights, {}).values():
                if moment.ndim:
                    moment[run] = 0.0

    def state(self) -> dict[str, Any]:
        """Weights and the optimiser's memory."""
        return {"weights": self.weights.detach(), "optimiser": self.optimiser.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`; a recorded graph is recorded anew, for it holds the old tensors."""
        with torch.no_grad():
            self.weights.copy_(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._step.forget()
