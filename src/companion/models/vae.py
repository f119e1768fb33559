"""Fully connected variational autoencoders, S of one shape as one array program (arXiv:1312.6114).

All weights of a stack are one tensor (S, weights), so that optimisers and checkpoints are single operations and every
layer is one batched matrix product. One network is a stack of one.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

Activation = Literal["relu", "linear"]

#: The log-variance of a latent is kept in this range; outside it has no gradient.
LOG_VARIANCE_RANGE = (-12.0, 8.0)


class VAESpec(BaseModel):
    """Shape: ``dimension`` inputs, hidden ``widths``, ``latents`` means and log-variances; then the same backwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(default=256, ge=1)
    latents: int = Field(default=5, ge=1)
    widths: tuple[int, ...] = (128, 64)
    activation: Activation = "relu"

    @property
    def encoder(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the encoder's layers; the last gives means and log-variances."""
        return tuple(zip((self.dimension, *self.widths), (*self.widths, 2 * self.latents), strict=True))

    @property
    def decoder(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the decoder's layers."""
        mirrored = self.widths[::-1]
        return tuple(zip((self.latents, *mirrored), (*mirrored, self.dimension), strict=True))

    @property
    def weight_count(self) -> int:
        """Weights and biases of one network."""
        return sum((inputs + 1) * outputs for inputs, outputs in (*self.encoder, *self.decoder))


def draw_weights(spec: VAESpec, generators: Sequence[torch.Generator], imbalance: ArrayLike) -> Tensor:
    """Start of a stack, (S, weights), float32 on the CPU: Xavier-normal matrices, zero biases.

    ``imbalance`` L (S,) multiplies every encoder matrix by 10^(-L/2) and every decoder matrix by 10^(L/2). There is one
    CPU generator for each network, so that starts of the same generator differ in these factors alone. Raises
    ValueError where the numbers of generators and imbalances differ or an imbalance is not finite.
    """
    given = torch.as_tensor(imbalance, dtype=torch.float64).reshape(-1)
    if len(given) != len(generators) or not bool(torch.isfinite(given).all()):
        raise ValueError(
            f"imbalance: {given.tolist()} given; allowed: one finite number for each of {len(generators)} networks"
        )
    rows = []
    for generator, value in zip(generators, given.tolist(), strict=True):
        parts = []
        for shapes, sign in ((spec.encoder, -1), (spec.decoder, 1)):
            for inputs, outputs in shapes:
                deviation = math.sqrt(2 / (inputs + outputs)) * 10 ** (sign * value / 2)
                parts += [
                    deviation * torch.randn(inputs * outputs, generator=generator),
                    torch.zeros(outputs),
                ]
        rows.append(torch.cat(parts))
    return torch.stack(rows)


def layers(spec: VAESpec, weights: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Matrices (S, inputs, outputs) and biases (S, 1, outputs) of ``weights`` (S, weights), encoder first."""
    shapes = (*spec.encoder, *spec.decoder)
    sizes = [size for inputs, outputs in shapes for size in (inputs * outputs, outputs)]
    parts = weights.split(sizes, dim=1)
    return [
        (matrix.unflatten(1, shape), bias[:, None])
        for matrix, bias, shape in zip(parts[::2], parts[1::2], shapes, strict=True)
    ]


def encode(spec: VAESpec, weights: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Means and log-variances (S, n, latents) of ``images`` (S, n, dimension)."""
    codes = _through(layers(spec, weights)[: len(spec.encoder)], images, spec.activation)
    means, log_variances = codes.chunk(2, dim=-1)
    return means, log_variances.clamp(*LOG_VARIANCE_RANGE)


def decode(spec: VAESpec, weights: Tensor, codes: Tensor) -> Tensor:
    """Images (S, n, dimension) of ``codes`` (S, n, latents)."""
    return _through(layers(spec, weights)[len(spec.encoder) :], codes, spec.activation)


def divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each latent from N(0, 1), in nats: (m² + v - log v - 1)/2, shape as given."""
    return 0.5 * (means.square() + log_variances.exp() - log_variances - 1)


def _through(parts: list[tuple[Tensor, Tensor]], inputs: Tensor, activation: Activation) -> Tensor:
    hidden = inputs
    for place, (matrix, bias) in enumerate(parts):
        hidden = torch.baddbmm(bias, hidden, matrix)
        if activation == "relu" and place < len(parts) - 1:
            hidden = torch.relu(hidden)
    return hidden
