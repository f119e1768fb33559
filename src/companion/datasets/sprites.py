"""Generated images of single sprites with known factors, after dSprites: no file, no download.

``sprites-3``: one square; its scale and place. ``sprites-5``: square, ellipse or triangle; its scale, orientation and
place. Pixels are averages over 2 x 2 finer ones, in [0, 1]. Images are rendered when they are asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Kind = Literal["sprites-3", "sprites-5"]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHAPES = ("square", "ellipse", "triangle")
#: Factors of each kind, the slowest first in the order of images.
FACTORS: dict[str, tuple[str, ...]] = {
    "sprites-3": ("scale", "x", "y"),
    "sprites-5": ("shape", "scale", "orientation", "x", "y"),
}
_LEVELS: dict[str, tuple[int, ...]] = {"sprites-3": (5, 12, 12), "sprites-5": (3, 3, 4, 8, 8)}
#: Smallest and largest half-width of the square of sprites-3 and radius r of sprites-5, in widths of the image.
_SCALES = {"sprites-3": (0.08, 0.22), "sprites-5": (0.12, 0.22)}
_PLACES = (0.25, 0.75)
#: Angle after which orientations begin again; a triangle's are those of a full turn.
_TURN, _TRIANGLE_TURN = math.pi / 2, 2 * math.pi
_FINER = 2
# Fine pixels that are rendered at once.
_BLOCK_PIXELS = 1 << 21


@dataclass(frozen=True, eq=False)
class Sprites:
    """A set of images with their factors; ``chosen`` (n,) are the rows of the full factorial design that it holds."""

    kind: Kind
    side: int
    levels: tuple[int, ...]
    """Number of values of each factor."""
    chosen: Integers

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def dimension(self) -> int:
        """Pixels of an image."""
        return self.side**2

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Names of the factors, in the order of the columns of `factors`."""
        return FACTORS[self.kind]

    @property
    def chance(self) -> Floats:
        """Share of right guesses of each factor without looking: that of its most frequent value, (factors,)."""
        return np.array([np.bincount(column).max() / len(self) for column in self.factors().T])

    @property
    def description(self) -> str:
        """What these images are, in a sentence."""
        counts = ", ".join(
            f"{name} {count}" for name, count in zip(self.factor_names, self.levels, strict=True)
        )
        what = "a square" if self.kind == "sprites-3" else "a square, an ellipse or a triangle"
        return f"{len(self)} images of {what}, {self.side} x {self.side} pixels in [0, 1]; values: {counts}"

    def factors(self, rows: ArrayLike | None = None) -> Integers:
        """Values of the factors, from 0, of the images ``rows`` (all unless given), (n, factors)."""
        return np.stack(np.unravel_index(self._design(rows), self.levels), axis=1).astype(np.int64)

    def images(self, rows: ArrayLike | None = None) -> NDArray[np.float32]:
        """The images ``rows`` (all unless given), (n, side²); only these are rendered."""
        levels = np.stack(np.unravel_index(self._design(rows), self.levels), axis=1)
        found = np.empty((len(levels), self.dimension), np.float32)
        step = max(_BLOCK_PIXELS // (_FINER * self.side) ** 2, 1)
        for start in range(0, len(levels), step):
            found[start : start + step] = _rendered(self, levels[start : start + step])
        return found

    def where(self, **values: int) -> "Sprites":
        """The images whose factors have these values, as ``shape=0``. Raises ValueError for one that there is not."""
        kept = np.ones(len(self), dtype=bool)
        for name, value in values.items():
            if name not in self.factor_names:
                raise ValueError(f"factor: {name!r} given; allowed: {', '.join(self.factor_names)}")
            place = self.factor_names.index(name)
            if not 0 <= value < self.levels[place]:
                raise ValueError(f"{name}: {value} given; allowed: 0 to {self.levels[place] - 1}")
            kept &= self.factors()[:, place] == value
        return replace(self, chosen=self.chosen[kept])

    def _design(self, rows: ArrayLike | None) -> Integers:
        return self.chosen if rows is None else self.chosen[np.asarray(rows)]


def sprites(kind: Kind, side: int = 16, levels: Sequence[int] | None = None) -> Sprites:
    """All images of ``kind``, ``levels`` values of each factor (5, 12, 12 or 3, 3, 4, 8, 8 unless given).

    At published size sprites-5 is ``sprites("sprites-5", 64, (3, 6, 40, 32, 32))``. Scales and places are evenly
    spaced between fixed ends. Raises ValueError for an unknown kind, no pixels, or other than one count per factor.

    >>> few = sprites("sprites-3")
    >>> len(few), few.images([0]).shape, few.factors([719]).tolist()
    (720, (1, 256), [[4, 11, 11]])
    """
    if kind not in FACTORS:
        raise ValueError(f"kind: {kind!r} given; allowed: {', '.join(FACTORS)}")
    if side < 1:
        raise ValueError(f"side: {side} given; allowed: 1 or more pixels")
    counts = tuple(int(count) for count in levels or _LEVELS[kind])
    names = FACTORS[kind]
    shapes = counts[0] if kind == "sprites-5" else 1
    if len(counts) != len(names) or min(counts) < 1 or shapes > len(SHAPES):
        raise ValueError(
            f"levels: {counts} given; allowed: a count of 1 or more for {', '.join(names)}, shapes up to {len(SHAPES)}"
        )
    return Sprites(kind, side, counts, np.arange(math.prod(counts)))


def _rendered(design: Sprites, levels: Integers) -> Floats:
    """Images (n, side²) of factor values (n, factors)."""
    count = dict(zip(design.factor_names, design.levels, strict=True))
    value = dict(zip(design.factor_names, levels.T, strict=True))
    sizes = np.linspace(*_SCALES[design.kind], count["scale"])[value["scale"]][:, None, None]
    fine = (np.arange(_FINER * design.side) + 0.5) / (_FINER * design.side)
    across, down = (
        fine[None, :] - np.linspace(*_PLACES, count[name])[value[name]][:, None] for name in ("x", "y")
    )
    if design.kind == "sprites-3":
        half = sizes[..., 0]
        inside = (np.abs(down) < half)[:, :, None] & (np.abs(across) < half)[:, None, :]
    else:
        inside = _inside(value["shape"], sizes, _turned(value, count["orientation"], across, down))
    shape = (len(levels), design.side, _FINER, design.side, _FINER)
    return inside.reshape(shape).mean(axis=(2, 4)).reshape(len(levels), -1)


def _turned(
    value: dict[str, Integers], orientations: int, across: Floats, down: Floats
) -> tuple[Floats, Floats]:
    """Coordinates (u, v) in the sprite's own frame, each (n, fine, fine)."""
    turn = np.where(value["shape"] == SHAPES.index("triangle"), _TRIANGLE_TURN, _TURN)
    angle = (value["orientation"] * turn / orientations)[:, None, None]
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = across[:, None, :], down[:, :, None]
    return cosine * x + sine * y, cosine * y - sine * x


def _inside(shape: Integers, sizes: Floats, frame: tuple[Floats, Floats]) -> Flags:
    """Fine pixels (n, fine, fine) within the shape of each row."""
    found = np.empty(frame[0].shape, dtype=bool)
    for kind, within in enumerate((_square, _ellipse, _triangle)):
        rows = np.flatnonzero(shape == kind)
        found[rows] = within(sizes[rows], frame[0][rows], frame[1][rows])
    return found


def _square(r: Floats, u: Floats, v: Floats) -> Flags:
    return (np.abs(u) < 0.9 * r) & (np.abs(v) < 0.9 * r)


def _ellipse(r: Floats, u: Floats, v: Floats) -> Flags:
    return (u / (1.3 * r)) ** 2 + (v / (0.7 * r)) ** 2 < 1


def _triangle(r: Floats, u: Floats, v: Floats) -> Flags:
    return (v > -0.7 * r) & (v < 1.1 * r - 1.8 * np.abs(u))
