"""Integer codes of vectors, from which distances are bounded with certainty.

Let Φ never enlarge a distance: |Φ(q) - Φ(x)| <= |q - x|. A code is an integer vector X with a step s
and a radius δ_x >= |Φ(x) - s X|, so that

    |q - x| >= s |Q - X| - δ_q - δ_x .

|Q - X|² = |Q|² + |X|² - 2 Q·X is an integer and is computed without any error: by int8 instructions
with int32 sums, or in float32, where every partial sum of Q·X is an integer below 2²⁴ because norms of
codes stay below 2¹². What survives a bound is therefore the same for every arithmetic, device, block
size and number of threads. The radius is a proven bound as well: the rounding of Φ is bounded by γ_n =
n u / (1 - n u), which holds for any order of summation (Higham, Accuracy and Stability, chapter 3), and
the quantisation error is measured vector by vector.

Here Φ(x) = x - c (all coordinates). `neighbour_filter` has another.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import torch

from companion.analysis.neighbour_threads import for_portions, serially

LEVELS = 127
#: Codes longer than this could leave the integers that float32 holds exactly.
NORM_LIMIT = 4095
#: Unit roundoff of float32, and the largest error of a result that underflows, flushed to zero or not.
UNIT = 2.0**-24
TINY = 2.0**-126
#: Coordinates up to which γ_n is small and all this makes sense.
LARGEST_DIMENSION = 1 << 20

_SAMPLE = 2048

# (int8, int8) -> int32; not among torch's public names, so that it may be missing one day.
_int8_product: Any = getattr(torch, "_int_mm", None)


def gamma(n: int) -> float:
    """Relative error bound of a float32 sum of n products in any order of summation."""
    return n * UNIT / (1 - n * UNIT)


class Embedding(Protocol):
    """A map that never enlarges a distance, as computed in float32."""

    @property
    def width(self) -> int: ...

    @property
    def scale(self) -> float: ...

    def apply(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Float32 images (n, width) of rows (n, D), and bounds (n,) float64 of their errors."""
        ...


@dataclass(frozen=True)
class Centring:
    """Φ(x) = (x - c) 2^e, rounded to float32; distances are measured in units of 2^-e."""

    centre: torch.Tensor
    scale: float

    @property
    def width(self) -> int:
        return self.centre.shape[0]

    def apply(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if rows.dtype == torch.float64 or self.scale != 1.0:
            images = ((rows.double() - self.centre) * self.scale).float()
        else:
            images = rows.float() - self.centre.float()
        # Three roundings at most: of the centre's difference, of the product, to float32.
        return images, 4 * UNIT * norms(images) + math.sqrt(self.width) * TINY


def norms(rows: torch.Tensor) -> torch.Tensor:
    """Upper bounds (n,) float64 of the lengths of float32 rows; infinite where a square overflows."""
    width = rows.shape[1]
    lengths = torch.linalg.vector_norm(rows, dim=1).double()
    return (lengths * (1 + gamma(width + 4)) + math.sqrt(width * TINY)).nan_to_num_(nan=math.inf)


def centring(references: torch.Tensor) -> Centring:
    """A centring that suits the references (N, D): near the mean of a sample, its few giants left out.

    Any centre is right. The scale keeps what is usual within the range of float32.
    """
    with serially():
        return _centring(references[:: -(-references.shape[0] // _SAMPLE)])


def _centring(references: torch.Tensor) -> Centring:
    few = references.double()
    lengths = torch.linalg.vector_norm(few - _mean(few), dim=1)
    few = few[lengths <= 3 * lengths.median()]
    centre = _mean(few)
    if references.dtype != torch.float64:
        centre = centre.float().double()
    largest = float((few - centre).abs().max())
    ordinary = largest == 0 or 2.0**-30 < largest < 2.0**30
    return Centring(centre, 1.0 if ordinary else 2.0 ** min(-math.frexp(largest)[1], 1000))


def _mean(rows: torch.Tensor) -> torch.Tensor:
    """Divided before the sum: numbers near the largest must not overflow."""
    return (rows / rows.shape[0]).sum(0)


@dataclass(frozen=True)
class Codes:
    """Integer codes of rows: s X with |X_i| <= 127."""

    values: torch.Tensor
    """int8 (n, width), width padded to a multiple of 16 with zeros."""
    squares: torch.Tensor
    """int32 (n,): |X|²."""
    radii: torch.Tensor
    """float64 (n,): bounds of |Φ(x) - s X|; infinite where no code is trusted."""


@dataclass(frozen=True)
class Quantiser:
    """Rounds images to multiples of a step."""

    embedding: Embedding
    step: float

    def encode(self, rows: torch.Tensor) -> Codes:
        """Codes of rows (n, D)."""
        width = self.embedding.width
        padded = -(-width // 16) * 16
        values = torch.zeros(rows.shape[0], padded, dtype=torch.int8, device=rows.device)
        squares = torch.empty(rows.shape[0], dtype=torch.int32, device=rows.device)
        radii = torch.empty(rows.shape[0], dtype=torch.float64, device=rows.device)

        def task(part: slice) -> None:
            images, errors = self.embedding.apply(rows[part])
            levels = (images * (1 / self.step)).round_().clamp_(-LEVELS, LEVELS).nan_to_num_(nan=0.0)
            values[part, :width] = levels.to(torch.int8)
            length = (levels * levels).sum(1)  # exact: an integer below 2²⁴, or above the limit
            squares[part] = length.to(torch.int32)
            # The step has 16 bits, so that step times level is exact and the difference rounded once.
            gaps = norms(images.sub_(levels.mul_(self.step))) * (1 + 2 * UNIT)
            untrusted = length > NORM_LIMIT**2
            radii[part] = (gaps + errors).masked_fill_(untrusted, math.inf)

        for_portions(task, rows)
        return Codes(values, squares, radii)


def quantiser(embedding: Embedding, references: torch.Tensor) -> Quantiser:
    """The quantiser whose range holds a sample of the references (N, D); what is far larger is cut off."""
    few = references[:: -(-references.shape[0] // (2 * _SAMPLE))]
    peaks, lengths = torch.empty(2, few.shape[0], dtype=torch.float64, device=references.device)

    def task(part: slice) -> None:
        images, _ = embedding.apply(few[part])
        peaks[part] = torch.linalg.vector_norm(images, math.inf, dim=1).double()
        lengths[part] = norms(images)

    for_portions(task, few)
    step = max(_range(peaks) / LEVELS, _range(lengths) / (NORM_LIMIT - 64))
    return Quantiser(embedding, _short(step) if step > 0 else 1.0)


def _range(sizes: torch.Tensor) -> float:
    """The largest size, unless it is far beyond what nearly all have."""
    ordered = sizes.sort().values
    usual = float(ordered[int(0.995 * (ordered.shape[0] - 1))])
    largest = float(ordered[-1])
    return largest if largest <= 2.5 * usual or usual == 0 else 1.5 * usual


def _short(value: float) -> float:
    """The next number above with 16 significant bits."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.ceil(mantissa * 65536), exponent - 16)


@lru_cache(maxsize=1)
def int8_products() -> bool:
    """Whether this processor multiplies int8 matrices exactly and fast."""
    supported = getattr(torch.cpu, "_is_vnni_supported", lambda: False)
    if not supported() or _int8_product is None:
        return False
    # Without these instructions libraries saturate 16-bit sums: try the worst case.
    a = torch.full((17, 64), -127, dtype=torch.int8)
    b = torch.full((64, 24), 127, dtype=torch.int8)
    a[::2] = 127
    try:
        return bool((_int8_product(a, b).double() == a.double() @ b.double()).all())
    except RuntimeError:
        return False


class Products:
    """Q·X of codes against a fixed set of reference codes: exact, int32."""

    def __init__(self, values: torch.Tensor, *, int8: bool | None = None) -> None:
        self.int8 = int8_products() if int8 is None else int8
        self.values = values if self.int8 else values.float()

    def prepared(self, queries: torch.Tensor) -> torch.Tensor:
        """Query codes as a call wants them."""
        return queries if self.int8 else queries.float()

    def __call__(self, queries: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """Products (b, stop - start) of prepared queries with the references from ``start`` to ``stop``."""
        other = self.values[start:stop].T
        return _int8_product(queries, other) if self.int8 else (queries @ other).int()
