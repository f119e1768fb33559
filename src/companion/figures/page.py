"""Figures for a page of another width than the one they were made for: fewer panels beside each other, same fonts."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecBase
from matplotlib.legend import Legend

from companion.session import current as session_current

#: Inches of a page that a figure may take in height; panels that are stacked grow lower rather than beyond it.
TALLEST = 9.0

Order = Literal["rows", "columns", "fixed"]
Share = bool | Literal["none", "all", "row", "col"]

_NARROWEST = 1.5  # inches of a panel with its labels, where its design gives it as much
_LOWEST = 1.05  # inches of a line of panels that are made lower to stay on the page
_WIDE_RATIO = 0.65  # height to width of a panel that has become wide

_asked: ContextVar[tuple[float | None, int | None] | None] = ContextVar("companion_page_width", default=None)


@contextlib.contextmanager
def at_width(inches: float | None, *, beside: int | None = None) -> Iterator[None]:
    """Figures that are drawn inside the block are ``inches`` wide; with None as wide as they were made.

    At most ``beside`` panels stand beside each other; without it, as many as have room.
    """
    token = _asked.set((inches, beside))
    try:
        yield
    finally:
        _asked.reset(token)


def asked_width() -> float | None:
    """Width in inches that figures shall have: that of `at_width`, else the session's; None for their own."""
    asked = _asked.get()
    return session_current.figure_width() if asked is None else asked[0]


@dataclass(frozen=True)
class Arrangement:
    """Where the panels of a grid stand on a page of ``lines``, each with room for ``beside`` panels.

    ``places`` holds for each panel its line, its position there, and how many panels share the line.
    """

    lines: int
    beside: int
    height: float
    places: np.ndarray


def arrange(
    shape: tuple[int, int],
    design: tuple[float, float],
    width: float,
    *,
    order: Order = "rows",
    beside: int | None = None,
) -> Arrangement:
    """Where panels of a grid of ``shape`` stand that was made for a page of ``design`` (width, height) inches.

    As many stand beside each other as have room, ``beside`` at most. "rows" goes on in the next line like text;
    "columns" keeps panels together that stand below each other; "fixed" leaves the grid as it is.
    """
    rows, columns = shape
    panel = design[0] / columns
    room = int(width / min(panel, _NARROWEST) + 1e-6)
    number = columns if order == "fixed" else min(columns, max(room, 1), beside or columns)
    places = np.empty((rows, columns, 3), dtype=int)
    for row, column in np.ndindex(rows, columns):
        if order == "columns":
            block, position = divmod(column, number)
            places[row, column] = block * rows + row, position, number
        else:
            line, position = divmod(row * columns + column, number)
            places[row, column] = line, position, min(number, rows * columns - line * number)
    lines = int(places[..., 0].max()) + 1
    height = lines * _line_height(width / number, panel, design[1] / rows)
    if lines > rows and height > TALLEST:
        height = max(TALLEST, _LOWEST * lines)
    return Arrangement(lines, number, height, places)


def _line_height(panel: float, designed: float, height: float) -> float:
    """Height of a line of panels ``panel`` inches wide that were made ``designed`` wide and ``height`` high."""
    if panel < designed:
        return height * (panel / designed) ** (1 / 3)  # words keep their height
    return min(height, max(_WIDE_RATIO * panel, 0.85 * height))


class Page(Figure):
    """A figure whose panels stand otherwise than its design says; `fitting.fit` makes its words fit."""

    panels: dict[tuple[int, int], Axes]
    arrangement: Arrangement
    _outside: dict[str, float]

    def close_empty_lines(self, grid: GridSpecBase) -> None:
        """Take lines of ``grid`` without panels off the page."""
        specs = [axes.get_subplotspec() for axes in self.axes]
        filled = {line for spec in specs if spec and spec.get_gridspec() is grid for line in spec.rowspan}
        if len(filled) < grid.nrows:
            grid.set_height_ratios([1.0 if line in filled else 1e-6 for line in range(grid.nrows)])
            self.set_figheight(self.get_figheight() * len(filled) / grid.nrows)

    def legend(self, *arguments: Any, **named: Any) -> Legend:
        """A legend of as many columns as the page holds; at the other end where one stands already."""
        made = super().legend(*arguments, **named)
        while made.get_window_extent().width > self.bbox.width and named.get("ncols", 1) > 1:
            made.remove()
            named["ncols"] -= 1
            made = super().legend(*arguments, **named)
        place = str(named.get("loc", ""))
        end = "lower" if "lower" in place else "upper"
        width = made.get_window_extent().width
        if end in self._outside and self._outside[end] + width > self.bbox.width:
            made.remove()
            other = {"lower": "upper", "upper": "lower"}[end]
            made = super().legend(*arguments, **named | {"loc": place.replace(end, other)})
            end = other
        if place.startswith("outside"):
            self._outside[end] = self._outside.get(end, 0.0) + width
        return made


def page(
    width: float,
    design: tuple[float, float],
    *,
    order: Order = "rows",
    nrows: int = 1,
    ncols: int = 1,
    sharex: Share = False,
    sharey: Share = False,
    squeeze: bool = True,
    layout: Any = None,
    **subplots: Any,
) -> tuple[Page, Any]:
    """A page ``width`` inches wide with the panels of a grid that was made for ``design``; like `style.figure`.

    Raises ValueError for further words to ``Figure.subplots`` where panels move.
    """
    asked = _asked.get()
    found = arrange((nrows, ncols), design, width, order=order, beside=asked[1] if asked else None)
    drawing = Page(figsize=(width, found.height), layout=layout)
    if found.beside == ncols:
        grid = _by_place(
            drawing.subplots(nrows, ncols, sharex=sharex, sharey=sharey, squeeze=False, **subplots)
        )
    else:
        subplots.pop("width_ratios", None)  # panels of several columns now stand below each other
        ratios = subplots.pop("height_ratios", None)
        if subplots:
            raise ValueError(f"figure(): {', '.join(subplots)} given, which no other width can keep")
        repeated = None if ratios is None else [ratios[line % len(ratios)] for line in range(found.lines)]
        grid = _filled(drawing, found, {"x": _sharing(sharex), "y": _sharing(sharey)}, repeated)
    drawing.panels, drawing.arrangement, drawing._outside = grid, found, {}
    return drawing, _as_subplots(grid, (nrows, ncols), squeeze=squeeze)


def _by_place(panels: Any) -> dict[tuple[int, int], Axes]:
    return {(row, column): panels[row, column] for row, column in np.ndindex(panels.shape)}


def _as_subplots(panels: Mapping[tuple[int, int], Axes], shape: tuple[int, int], *, squeeze: bool) -> Any:
    """Panels as ``Figure.subplots`` returns them."""
    found = np.empty(shape, dtype=object)
    for place, axes in panels.items():
        found[place] = axes
    if not squeeze:
        return found
    return found.item() if found.size == 1 else found.squeeze()


def joined(panels: Sequence[Axes]) -> Axes:
    """One panel in the place of several neighbours; of those in the first one's line where they stand in several."""
    specs = [spec for axes in panels if (spec := axes.get_subplotspec()) is not None]
    drawing, grid = panels[0].get_figure(), specs[0].get_gridspec()
    beside = [spec for spec in specs if spec.rowspan == specs[0].rowspan]
    for axes in panels:
        axes.remove()
    assert drawing is not None
    made = drawing.add_subplot(
        grid[specs[0].rowspan.start, beside[0].colspan.start : beside[-1].colspan.stop]
    )
    if isinstance(drawing, Page):
        drawing.close_empty_lines(grid)
    return made


def _sharing(share: Share) -> str:
    return share if isinstance(share, str) else "all" if share else "none"


def _filled(
    drawing: Page, found: Arrangement, shares: dict[str, str], height_ratios: list[float] | None
) -> dict[tuple[int, int], Axes]:
    """A panel at each place, sharing axes as in the grid of the design; those of a line fill it."""
    cells = math.lcm(*map(int, found.places[..., 2].flat))
    grid = drawing.add_gridspec(found.lines, cells, height_ratios=height_ratios)
    panels: dict[tuple[int, int], Axes] = {}
    shown: dict[tuple[int, int], Axes] = {}
    for row, column in np.ndindex(found.places.shape[:2]):
        first = {"all": (0, 0), "row": (row, 0), "col": (0, column)}
        shared = {
            f"share{name}": panels.get(first.get(share, (row, column))) for name, share in shares.items()
        }
        line, position, number = map(int, found.places[row, column])
        wide = cells // number
        axes = drawing.add_subplot(grid[line, position * wide : (position + 1) * wide], **shared)
        panels[row, column] = shown[line, position] = axes
    for (line, position), axes in shown.items():
        _without_repeated_numbers(axes, shown.get((line + 1, position)), shown.get((line, position - 1)))
    return panels


def _without_repeated_numbers(axes: Axes, below: Axes | None, left: Axes | None) -> None:
    """No numbers where a panel beside or below has the same; as matplotlib's own shared panels do."""
    if below is not None and axes.get_shared_x_axes().joined(axes, below):
        axes.tick_params(axis="x", which="both", labelbottom=False)
        axes.xaxis.get_offset_text().set_visible(False)
    if left is not None and axes.get_shared_y_axes().joined(axes, left):
        axes.tick_params(axis="y", which="both", labelleft=False)
        axes.yaxis.get_offset_text().set_visible(False)
