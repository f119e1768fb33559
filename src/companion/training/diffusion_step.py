"""One optimiser step of a stack of score models, recorded once and replayed on a GPU."""

from typing import Any

import torch
from torch import Tensor

from companion.models.score_model import ScoreModel

# A recorded step needs a warm allocator and chosen kernels: torch asks for a few steps beforehand.
_WARM_STEPS = 3


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
        self._inputs: list[Tensor | None] | None = None
        self._graph: Any = None
        self._seen = 0

    def __call__(self, clean: Tensor, noise: Tensor, index: Tensor, keep: Tensor | None) -> Tensor:
        """Take one step on the images ``clean`` (S, batch, d) with ``noise``; the losses before it, (S,)."""
        if not self.on_gpu:
            return self._move(clean, noise, index, keep)
        given = [clean, noise, index, keep]
        if self._graph is None:
            self._seen += 1
            if self._seen <= _WARM_STEPS:
                return self._aside(given)
            self._graph = self._recorded(given)
        for place, value in zip(self._inputs or [], given, strict=True):
            if place is not None and value is not None:
                place.copy_(value)
        self._graph.replay()
        return self._found.clone()

    def _aside(self, given: list[Tensor | None]) -> Tensor:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            losses = self._move(*given)  # type: ignore[arg-type]  # only the last may be None
        torch.cuda.current_stream().wait_stream(stream)
        return losses

    def _recorded(self, given: list[Tensor | None]) -> Any:
        self._inputs = [None if value is None else value.clone() for value in given]
        graph = torch.cuda.CUDAGraph()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            self._found = self._move(*self._inputs)  # type: ignore[arg-type]  # only the last may be None
        return graph

    def _move(self, clean: Tensor, noise: Tensor, index: Tensor, keep: Tensor | None) -> Tensor:
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
        self._graph, self._seen = None, 0
