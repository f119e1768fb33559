"""All coordinates, evenly mixed: one step then suits codes of coordinates of very different size.

A fixed rotation of signs, Hadamard products of 64 neighbouring coordinates, a transposition and Hadamard
products again: every coordinate becomes a sum of up to 4096 of the given ones, at the price of 128
multiply-adds each. Rotations keep all distances, so Φ(x) = R (x - c) may stand for x - c.
"""

from dataclasses import dataclass

import torch
from scipy.linalg import hadamard

from companion.analysis.neighbour_screening import Centring, gamma, norms
from companion.compute.seeds import generator

_BLOCK = 64


@dataclass(frozen=True)
class Rotation:
    """Φ(x) = R (x - c), padded with zeros to a multiple of 64 coordinates."""

    centring: Centring
    signs: torch.Tensor
    """±1 (D,)."""
    matrix: torch.Tensor
    """Hadamard's, over 8: (64, 64), exact in float32."""

    @property
    def width(self) -> int:
        return -(-self.signs.shape[0] // _BLOCK) * _BLOCK

    @property
    def scale(self) -> float:
        return self.centring.scale

    def apply(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        centred, errors = self.centring.apply(rows)
        lengths = norms(centred)
        padded = torch.nn.functional.pad(centred.mul_(self.signs), (0, self.width - centred.shape[1]))
        images = self._blocks(padded).view(-1, self.width // _BLOCK, _BLOCK)
        images = self._blocks(images.transpose(1, 2).reshape(-1, self.width))
        # A row of the matrix has length one: 64 sums each wrong by γ times the length of their block.
        rounding = 2.01 * gamma(_BLOCK) * _BLOCK**0.5
        return images, errors + rounding * lengths

    def _blocks(self, rows: torch.Tensor) -> torch.Tensor:
        blocks = rows.reshape(-1, _BLOCK)
        if torch.get_float32_matmul_precision() != "highest" or blocks.is_cuda:
            return (blocks.double() @ self.matrix.double()).float().view(rows.shape)
        return (blocks @ self.matrix).view(rows.shape)


def rotation(centring: Centring) -> Rotation:
    """The rotation of as many coordinates as ``centring`` has, the same every time."""
    dimension, device = centring.width, centring.centre.device
    drawn = generator(0, "neighbour_rotation", dimension).choice([-1.0, 1.0], dimension)
    matrix = torch.from_numpy(hadamard(_BLOCK)).float() / 8
    return Rotation(centring, torch.from_numpy(drawn).float().to(device), matrix.to(device))
