"""A figure redrawn for a page of another width, as readable as its panels can be arranged there."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from companion.figures.fitting import fit
from companion.figures.legibility import flaws
from companion.figures.page import Page, at_width
from companion.figures.style import styled

_STEP = 0.25  # inches between widths that are tried

Draw = Callable[[], Figure]


@dataclass(frozen=True)
class Redrawn:
    """A figure at a width, and what makes it harder to read there than as it was made, if anything does."""

    figure: Figure
    flaws: tuple[str, ...]


def redraw(draw: Draw, inches: float) -> Redrawn:
    """What ``draw`` draws, ``inches`` wide; with fewer panels beside each other where that makes it readable.

    Where nothing does, the arrangement with the fewest flaws.
    """
    best = _best(draw, inches)
    if best.flaws and len(best.flaws) <= len(_redrawn(draw, None).flaws):
        return Redrawn(best.figure, ())
    return best


def narrowest(draw: Draw, inches: float) -> float:
    """The least width above ``inches``, in quarters of an inch, at which the figure reads as well as it was made."""
    own = _redrawn(draw, None)
    width = _STEP * (int(inches / _STEP) + 1)
    while width < own.figure.get_figwidth():
        if len(_best(draw, width).flaws) <= len(own.flaws):
            return width
        width += _STEP
    return own.figure.get_figwidth()


def _best(draw: Draw, inches: float) -> Redrawn:
    found = _redrawn(draw, inches)
    best, beside = found, found.figure.arrangement.beside if isinstance(found.figure, Page) else 1
    while found.flaws and beside > 1:
        beside -= 1
        found = _redrawn(draw, inches, beside)
        if len(found.flaws) < len(best.flaws):
            best = found
    return best


def _redrawn(draw: Draw, inches: float | None, beside: int | None = None) -> Redrawn:
    with at_width(inches, beside=beside), styled(), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        figure = draw()
        if isinstance(figure, Page):
            fit(figure)
        else:
            figure.draw_without_rendering()
        squeezed = ["no room for its panels"] if any("collapsed" in str(one.message) for one in said) else []
        return Redrawn(figure, (*squeezed, *flaws(figure)))
