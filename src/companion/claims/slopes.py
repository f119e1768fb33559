"""Slopes of clocks against a logarithm, over seeds, with censored times bounded and never guessed."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from companion.analysis.statistics import Interval, bootstrap_interval


@dataclass(frozen=True)
class Slope:
    """Mean over seeds of least-squares slopes, and the interval in which it lies."""

    centre: float
    """With censored times at the last moment watched: then a bound, if ``interval`` is open."""
    interval: Interval
    """Bootstrap over seeds; an end is infinite where censored times leave it open."""
    replicates: int
    ties: float = 0.0
    """Share of the values that are ties: both members of a pair censored."""

    @property
    def text(self) -> str:
        """Centre and interval, "at least" or "at most" where it is open to one side."""
        low, high = self.interval
        if math.isnan(self.centre):
            return "missing"
        if self.ties == 1:
            return "never reached"
        text = f"{self.centre:.2f}"
        if self.replicates > 1 and math.isfinite(low) and math.isfinite(high):
            text += f" ({low:.2f} to {high:.2f})"
        elif self.replicates > 1:
            ends = [f"at least {low:.2f}"] * math.isfinite(low) + [f"at most {high:.2f}"] * math.isfinite(
                high
            )
            text = ends[0] if ends else "open to both sides"
        return text + (f", {100 * self.ties:.0f} % ties" if self.ties else "")


def slope_over_seeds(
    positions: ArrayLike,
    values: ArrayLike,
    *,
    rising: ArrayLike | None = None,
    falling: ArrayLike | None = None,
    tied: ArrayLike | None = None,
    generator: np.random.Generator,
    confidence: float = 0.95,
) -> Slope:
    """Slope of ``values`` (points, seeds) against ``positions`` (points,).

    Values are bounds where ``rising`` (points, seeds): the true one is at least that, or ``falling``: at most. A slope
    is linear in its values, so that bounds of each seed's slope follow. ``tied`` values only count in the share of
    ties. Fewer than two positions, or a number that is missing or infinite, give NaN. Raises ValueError for shapes
    that do not fit.

    >>> one = slope_over_seeds([0.0, 1.0], [[0.0, 0.0], [1.0, 1.0]], generator=np.random.default_rng(0))
    >>> one.centre, one.interval
    (1.0, (1.0, 1.0))
    """
    at, heights = np.asarray(positions, dtype=float), np.asarray(values, dtype=float)
    if heights.ndim != 2 or at.shape != heights.shape[:1]:
        raise ValueError(f"values: shape {heights.shape} given, allowed is ({at.size}, seeds)")
    if np.unique(at).size < 2 or not np.isfinite(heights).all():
        return Slope(math.nan, (math.nan, math.nan), heights.shape[1])
    centred = at - at.mean()
    weights = (centred / (centred @ centred))[:, None]
    up, down, ties = (
        np.zeros(heights.shape, bool) if flags is None else np.asarray(flags, bool)
        for flags in (rising, falling, tied)
    )
    slopes = (weights * heights).sum(axis=0)
    below = ((weights > 0) & down | (weights < 0) & up).any(axis=0)
    above = ((weights > 0) & up | (weights < 0) & down).any(axis=0)
    low, high = np.where(below, -np.inf, slopes), np.where(above, np.inf, slopes)
    state = generator.bit_generator.state
    lower, upper = bootstrap_interval(low, generator=generator, confidence=confidence)
    if below.any() or above.any():
        generator.bit_generator.state = state  # the same seeds are redrawn for both ends
        _, upper = bootstrap_interval(high, generator=generator, confidence=confidence)
    return Slope(float(slopes.mean()), (lower, upper), slopes.size, float(ties.mean()))
