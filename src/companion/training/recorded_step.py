"""A training step that is recorded once as a CUDA graph and replayed: it then costs its arithmetic, not its launches.

The step must be a function of tensors alone: all that differs from one call to the next comes in as a tensor, and all
that lasts is changed in place. On a CPU it is called as it is, and where it cannot be recorded too, which is said.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor

from companion.session import events

# A recorded step needs a warm allocator and chosen kernels: torch asks for a few steps beforehand.
_WARM_STEPS = 3

#: What a step returns: one tensor, or nothing.
Found = TypeVar("Found", Tensor, None)


class RecordedStep(Generic[Found]):
    """``move`` (tensors in, a tensor or nothing out), recorded after a few calls with CUDA tensors, then replayed."""

    def __init__(self, move: Callable[..., Found]):
        self.move = move
        self._refused = False
        self.forget()

    def __call__(self, *given: Tensor) -> Found:
        """Take the step on ``given``; other tensors in number or shape than before are recorded anew."""
        if self._refused or not given[0].is_cuda:
            return self.move(*given)
        shapes = [value.shape for value in given]
        if shapes != self._shapes:
            self.forget()
            self._shapes = shapes
        if self._graph is None and self._seen < _WARM_STEPS:
            self._seen += 1
            return self._aside(given)
        if self._graph is None:
            try:
                self._graph = self._recorded(given)
            except RuntimeError as problem:
                self.forget()
                self._refused = True
                events.tell(
                    f"a training step could not be recorded, it is taken launch by launch ({problem})"
                )
                return self.move(*given)
        for place, value in zip(self._inputs, given, strict=True):
            place.copy_(value)
        self._graph.replay()
        # The next replay writes over what this one returns.
        return cast(Found, None if self._found is None else self._found.clone())

    def forget(self) -> None:
        """Record anew: ``move`` does something else from now on, or with other tensors."""
        self._graph: Any = None
        self._found: Tensor | None = None
        self._inputs: list[Tensor] = []
        self._shapes: list[torch.Size] = []
        self._seen = 0

    def _aside(self, given: tuple[Tensor, ...]) -> Found:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            found = self.move(*given)
        torch.cuda.current_stream().wait_stream(stream)
        return found

    def _recorded(self, given: tuple[Tensor, ...]) -> Any:
        self._inputs = [value.clone() for value in given]
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._found = self.move(*self._inputs)
        return graph
