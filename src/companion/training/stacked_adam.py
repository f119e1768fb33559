"""AdamW for a stack of networks whose weights are one tensor (S, weights), with rates and decays of their own.

Every operation acts on each network alone: a network whose loss is not finite stops where it is, and no other notices.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AdamSettings:
    """Optimiser of a run: AdamW with linear warm-up, a constant rate, and linear decay to 0 over the last share.

    ``weight_decay`` is decoupled and acts on all weights; ``clip`` bounds the norm of each network's gradient (0: no
    bound). Raises ValueError, naming the field.
    """

    learning_rate: float = 5e-3
    weight_decay: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    warm_up: int = 10
    decay_share: float = 0.3
    clip: float = 0.0
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name, passes, allowed in (
            ("learning_rate", 0 < self.learning_rate < math.inf, "a positive number"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "a number >= 0"),
            ("betas", all(0 <= beta < 1 for beta in self.betas), "two numbers from 0 to below 1"),
            ("warm_up", self.warm_up >= 0, "a whole number >= 0"),
            ("decay_share", 0 <= self.decay_share <= 1, "a share from 0 to 1"),
            ("clip", 0 <= self.clip < math.inf, "a number >= 0"),
            ("epsilon", 0 < self.epsilon < math.inf, "a positive number"),
        ):
            if not passes:
                raise ValueError(f"{name}: {getattr(self, name)} given; allowed: {allowed}")

    def rate_factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied with in step 0 ... ``steps`` - 1."""
        rise = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        left = (steps - step) / (self.decay_share * steps) if self.decay_share else 1.0
        return rise * min(1.0, left)


class StackedAdam:
    """Moments of a stack, and its step; ``learning_rate`` and ``weight_decay`` are (S,), one for each network."""

    def __init__(self, weights: Tensor, settings: AdamSettings, learning_rate: Tensor, weight_decay: Tensor):
        self.settings = settings
        self.rate = learning_rate.to(weights)[:, None]
        self.decay = weight_decay.to(weights)[:, None]
        self.first, self.second = torch.zeros_like(weights), torch.zeros_like(weights)
        self.taken = torch.zeros(len(weights), 1, dtype=weights.dtype, device=weights.device)

    @torch.no_grad()
    def step(self, weights: Tensor, gradient: Tensor, factor: float | Tensor, alive: Tensor) -> None:
        """Move the ``alive`` (S,) networks of ``weights`` (S, weights), in place, at ``factor`` times their rates."""
        b1, b2 = self.settings.betas
        if self.settings.clip:
            norm = gradient.norm(dim=1, keepdim=True)
            gradient = gradient * (self.settings.clip / norm.clamp(min=self.settings.clip))
        moves = alive[:, None]
        # Where a network has stopped, its gradient may be anything.
        gradient = torch.where(moves, gradient, torch.zeros_like(gradient))
        self.taken += moves
        self.first.lerp_(gradient, 1 - b1)
        self.second.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        counted = self.taken.clamp(min=1)
        scale = (1 - b2**counted).sqrt()
        size = self.rate * factor * moves
        weights.mul_(1 - size * self.decay)
        weights.sub_(
            size
            * (scale / (1 - b1**counted))
            * self.first
            / (self.second.sqrt() + self.settings.epsilon * scale)
        )

    def reset(self, which: Tensor) -> None:
        """Forget the moments of the networks ``which`` (S,), as a fresh optimiser would."""
        keep = (~which)[:, None].to(self.first.dtype)
        for tensor in (self.first, self.second, self.taken):
            tensor.mul_(keep)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint holds."""
        return {"first": self.first, "second": self.second, "taken": self.taken}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
