"""Score models: a network, what it predicts, and several of them side by side as one array program.

With v the mean squared pixel and q_t = a_t² v + s_t², the noise is predicted as
ε̂ = (s_t / q_t) x + a_t √(v / q_t) F(x / √q_t, t) (after arXiv:2206.00364): for F = 0 that is the exact score of an
isotropic Gaussian of variance v. The score is S = -ε̂ / s_t.

A stack holds S networks of one shape: all weights are one tensor (S, weights), so that optimisers, averages and
checkpoints are single operations. One network goes through the plain module, several through `torch.func.vmap`.
"""

from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.func import functional_call, vmap

from companion.models.score_mlp import ScoreMLPSpec
from companion.models.unet import UNet, UNetSpec
from companion.theory.noise_schedule import NoiseSchedule

Prediction = Literal["preconditioned", "eps_plain"]


class ScoreModel:
    """S networks of the shape ``spec`` that predict the noise; it holds no weights, they are passed to it.

    ``second_moment`` (S,) are the v of the preconditioner: hold them fixed across a sweep, for they move clocks.
    ``prediction="eps_plain"`` takes ε̂ = F(x, t). Raises ValueError for v <= 0 or an unknown prediction.
    """

    def __init__(
        self,
        spec: UNetSpec | ScoreMLPSpec,
        second_moment: ArrayLike,
        *,
        prediction: Prediction = "preconditioned",
        schedule: NoiseSchedule | None = None,
        device: torch.device | str = "cpu",
    ):
        if prediction not in ("preconditioned", "eps_plain"):
            raise ValueError(f"prediction: {prediction!r} given; allowed: preconditioned, eps_plain")
        schedule = schedule or NoiseSchedule()
        moments = torch.as_tensor(second_moment, dtype=torch.float32, device=device).reshape(-1)
        if not bool((moments > 0).all()):
            raise ValueError(f"second_moment: {moments.tolist()} given; allowed: positive numbers")
        self.spec, self.prediction, self.schedule = spec, prediction, schedule
        self.stack, self.moments = len(moments), moments
        self.network = spec.build().to(device)
        self.network.requires_grad_(False)
        if self.stack == 1 and isinstance(self.network, UNet):
            self.network.channels_last = True
        self.signal = torch.as_tensor(schedule.signal, dtype=torch.float32, device=device)
        self.noise = torch.as_tensor(schedule.noise, dtype=torch.float32, device=device)
        self._shapes = {name: weight.shape for name, weight in self.network.named_parameters()}
        self._sizes = [weight.numel() for weight in self.network.parameters()]

    @property
    def weight_count(self) -> int:
        """Weights of one network."""
        return sum(self._sizes)

    def draw_weights(self, generators: list[torch.Generator]) -> Tensor:
        """Initial weights (S, weights), float32 on the CPU: uniform within 1/√fan-in, norms at 1, last layers at 0.

        One CPU generator for each network, so that a network's start does not depend on its neighbours.
        """
        if len(generators) != self.stack:
            raise ValueError(f"generators: {len(generators)} given for {self.stack} networks")
        template = self.spec.build()
        zero = set(template.start_at_zero())
        rows = []
        for generator in generators:
            with torch.no_grad():
                for module in template.modules():
                    if isinstance(module, nn.Linear | nn.Conv2d):
                        bound = module.weight[0].numel() ** -0.5
                        for weight in module.parameters(recurse=False):
                            weight.uniform_(-bound, bound, generator=generator)
                for name, weight in template.named_parameters():
                    if name in zero:
                        weight.zero_()
            rows.append(nn.utils.parameters_to_vector(template.parameters()).detach().clone())
        return torch.stack(rows)

    def predicted_noise(
        self, weights: Tensor, x: Tensor, index: Tensor, keep: Tensor | None = None
    ) -> Tensor:
        """ε̂ (S, batch, d) at the noisy ``x`` (S, batch, d) of levels ``index`` (S, batch), int64."""
        if self.prediction == "eps_plain":
            return self._network(weights, x, index, keep)
        a, s = self.signal[index][..., None], self.noise[index][..., None]
        v = self.moments[:, None, None]
        q = a * a * v + s * s
        return (s / q) * x + a * (v / q).sqrt() * self._network(weights, x / q.sqrt(), index, keep)

    def features(self, weights: Tensor, x: Tensor, index: Tensor) -> Tensor:
        """Hidden features (S, batch, width) at the noisy ``x`` (S, batch, d) of levels ``index`` (S, batch)."""
        if self.prediction != "eps_plain":
            a, s = self.signal[index][..., None], self.noise[index][..., None]
            x = x / (a * a * self.moments[:, None, None] + s * s).sqrt()
        return self._call(weights, (x, index.to(x.dtype)), method="features")

    def _network(self, weights: Tensor, x: Tensor, index: Tensor, keep: Tensor | None) -> Tensor:
        inputs = (x, index.to(x.dtype)) if keep is None else (x, index.to(x.dtype), keep)
        return self._call(weights, inputs).to(x.dtype)

    def _call(self, weights: Tensor, inputs: tuple[Tensor, ...], method: str = "forward") -> Tensor:
        network = self.network if method == "forward" else _Method(self.network, method)
        prefix = "" if method == "forward" else "network."

        def one(own: Tensor, *given: Tensor) -> Tensor:
            parts = zip(self._shapes.items(), own.split(self._sizes), strict=True)
            named = {f"{prefix}{name}": part.view(shape) for (name, shape), part in parts}
            return functional_call(network, named, given)

        if self.stack == 1:
            return one(weights[0], *(part[0] for part in inputs))[None]
        return vmap(one)(weights, *inputs)


class _Method(nn.Module):
    """A module whose forward is another method of ``network``."""

    def __init__(self, network: nn.Module, method: str):
        super().__init__()
        self.network, self._method = network, method

    def forward(self, *inputs: Tensor) -> Tensor:
        return getattr(self.network, self._method)(*inputs)
