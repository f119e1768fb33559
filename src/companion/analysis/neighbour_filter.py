"""Fewer numbers per vector: principal coordinates and the length of what they leave out.

With V the leading principal axes (orthonormal rows) and ρ(x) = |x - c - VᵀV (x - c)|, the map
Φ(x) = (V (x - c), ρ(x)) never enlarges a distance, because |q - x|² = |V (q - x)|² + |rest of q - rest
of x|² and two lengths differ by no more than the vectors do. A rotation R follows, which
spreads the variance evenly over the coordinates, so that one step suits the integer codes of all.

The axes need be neither principal nor exactly orthonormal: a matrix U lies within |U Uᵀ - 1| of the
orthonormal matrix nearest to it (its polar factor), and this enters the error bound.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import dct

from companion.analysis.neighbour_screening import TINY, UNIT, Centring, gamma, norms
from companion.analysis.neighbour_threads import serially
from companion.compute.seeds import generator

#: Rows that the axes are taken from, directions beyond those asked for, and powers of the covariance.
_SAMPLE, _OVERSAMPLING, _POWERS = 2048, 8, 1
#: Products are summed in stretches of this many coordinates: γ_n grows with the longest sum.
_STRETCH = 112


@dataclass(frozen=True)
class Projection:
    """Φ(x) = R (V (x - c), ρ(x) - ρ₀) and the proven bound of its error; see the module."""

    centring: Centring
    mixed: torch.Tensor
    """R without its last column, times U: (m + 1, D) float32."""
    last: torch.Tensor
    """The last column of R, which belongs to ρ: (m + 1,) float32."""
    usual_rest: float
    """ρ₀: subtracted, so that the last coordinate is small."""
    defect: float
    """How far R and U, as stored, are from exactly orthonormal ones, in operator norm."""

    @property
    def width(self) -> int:
        return self.mixed.shape[0]

    @property
    def scale(self) -> float:
        return self.centring.scale

    def apply(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        centred, errors = self.centring.apply(rows)
        dimension, width = centred.shape[1], self.width
        images = _stretched_product(centred, self.mixed)
        length, kept = norms(centred), norms(images)  # R leaves |U z| as it is
        stretches = -(-dimension // _STRETCH)
        rounding = gamma(min(dimension, _STRETCH) + stretches) * math.sqrt(width) * 1.001
        error = (rounding + self.defect) * length + dimension * math.sqrt(width) * TINY
        # ρ² = |z|² - |U z|²: lengths are known to relative errors of γ, and |U z| as well as the images are.
        square = (length**2 - kept**2).clamp_(min=0)
        doubt = 5 * gamma(dimension + 6) * length**2 + 5 * gamma(width + 6) * kept**2
        doubt += 2 * kept * error + error**2
        rest = square.sqrt()
        rest_error = torch.minimum(doubt.sqrt(), doubt / rest.clamp(min=1e-300))
        shift = (rest - self.usual_rest).float()
        rest_error += 2 * UNIT * rest
        images = torch.addcmul(images, shift[:, None], self.last)
        error = error + 4 * UNIT * (kept + rest + self.usual_rest)
        return images, errors + error + rest_error + self.defect * rest


def projection(
    centring: Centring, references: torch.Tensor, components: int, axes: torch.Tensor
) -> Projection:
    """The projection on the first ``components`` rows of ``axes`` (p, D) float64."""
    with serially():
        return _projection(centring, references, axes[:components].double())


def _projection(centring: Centring, references: torch.Tensor, basis: torch.Tensor) -> Projection:
    components = basis.shape[0]
    mixing = torch.from_numpy(_rotation(components + 1)).to(basis.device)
    exact = mixing[:, :components] @ basis
    mixed, last = exact.float(), mixing[:, components].float()
    defect = (
        float(torch.linalg.matrix_norm(mixed.double() - exact))
        + float(torch.linalg.vector_norm(last.double() - mixing[:, components]))
        + 2 * _departure(basis)
        + 2 * _departure(mixing)
        + 1e-12
    )
    few = references[:: max(1, references.shape[0] // _SAMPLE)]
    centred, _ = centring.apply(few)
    rest = (norms(centred) ** 2 - norms(_stretched_product(centred, mixed)) ** 2).clamp_(min=0).sqrt()
    return Projection(centring, mixed, last, float(rest.median()), defect)


def principal_axes(
    centring: Centring, references: torch.Tensor, components: int
) -> tuple[torch.Tensor, np.ndarray]:
    """Orthonormal axes (p, D) float64, p >= components, and the share of the variance left out after each.

    Randomised subspace iteration (0909.4061) on an even sample of the references, with drawn numbers
    that depend on the shape alone: the axes are the same every time.
    """
    count, dimension = references.shape
    sample, _ = centring.apply(references[:: max(1, count // _SAMPLE)][:_SAMPLE])
    width = min(components + _OVERSAMPLING, dimension, sample.shape[0])
    drawn = generator(0, "neighbour_filter", dimension, width).standard_normal(
        (dimension, width), dtype=np.float32
    )
    basis = torch.from_numpy(drawn).to(sample.device)
    for _ in range(_POWERS):
        powered = sample.T @ (sample @ basis)
        with serially():
            basis = torch.linalg.qr(powered).Q
    images = sample @ basis
    with serially():
        values, vectors = torch.linalg.eigh((images.T @ images).double())
        axes = torch.linalg.qr(basis.double() @ vectors.flip(1)).Q.T
    total = float(sample.double().square().sum())
    kept = np.cumsum(values.flip(0).clamp(min=0).cpu().numpy())
    return axes, np.clip(1 - kept / total if total > 0 else np.zeros_like(kept), 0.0, 1.0)


def _rotation(width: int) -> np.ndarray:
    """An orthonormal matrix (width, width) with no large entry: a cosine transform after drawn signs."""
    signs = generator(0, "neighbour_filter", "signs", width).choice([-1.0, 1.0], width)
    return np.asarray(dct(np.eye(width), axis=0, norm="ortho")) * signs


def _departure(rows: torch.Tensor) -> float:
    """|U Uᵀ - 1| for U with orthonormal rows up to rounding."""
    one = torch.eye(rows.shape[0], dtype=torch.float64, device=rows.device)
    return float(torch.linalg.matrix_norm(rows @ rows.T - one))


def _stretched_product(rows: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """``rows @ matrix.T`` in float32, summed in stretches, so that the error bound is that of short sums."""
    if not _full_precision(rows.device):
        return (rows.double() @ matrix.double().T).float()
    out = rows[:, :_STRETCH] @ matrix[:, :_STRETCH].T
    for start in range(_STRETCH, rows.shape[1], _STRETCH):
        part = slice(start, start + _STRETCH)
        out.addmm_(rows[:, part], matrix[:, part].T)
    return out


def _full_precision(device: torch.device) -> bool:
    """Whether float32 products are not replaced by shorter ones on this device, by somebody's setting."""
    if torch.get_float32_matmul_precision() != "highest":
        return False
    return device.type != "cuda" or not torch.backends.cuda.matmul.allow_tf32
