"""One look for all figures: sizes of a conference paper, colours that everyone can tell apart.

Drawing functions are decorated with ``@styled()`` and start from `figure`; nothing here reads or changes the
user's matplotlib settings, and no figure is known to pyplot.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Literal

import matplotlib
import matplotlib.style
import xarray as xr
from cycler import cycler
from matplotlib.colors import Colormap, to_hex
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from companion.figures.page import Order, asked_width, page

#: Widths of a column and of the text, in inches.
COLUMN_WIDTH = 3.25
TEXT_WIDTH = 6.75

#: Colours by name, in the order of use. Every pair stays apart for protanopes, deuteranopes and tritanopes
#: (at least 18 units of CIELAB, as tests/figures simulates) and each stands out from white paper.
PALETTE = {
    "blue": "#1F5FA8",
    "vermilion": "#C8420A",
    "green": "#1E8F6B",
    "orange": "#E59D0C",
    "plum": "#7B2A6B",
    "sky": "#72B8EC",
    "ink": "#1A1A1A",
}

#: Guides, asymptotes and oracles that should stay behind the data.
GREY = "#808080"

#: Perceptually even, readable in grey: amounts, and departures from a middle.
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"

_STYLE = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 8,
    "text.color": PALETTE["ink"],
    "axes.labelcolor": PALETTE["ink"],
    "axes.edgecolor": PALETTE["ink"],
    "xtick.color": PALETTE["ink"],
    "ytick.color": PALETTE["ink"],
    "axes.prop_cycle": cycler(color=list(PALETTE.values())),
    "image.cmap": SEQUENTIAL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.5,
    "axes.titlepad": 3,
    "axes.labelpad": 2,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "axes.formatter.useoffset": False,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "lines.linewidth": 1.0,
    "lines.markersize": 3,
    "lines.solid_capstyle": "round",
    "patch.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "grid.linewidth": 0.4,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
    "legend.columnspacing": 1.2,
    "legend.borderaxespad": 0.2,
    "figure.dpi": 100,
    "savefig.bbox": None,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,  # whole TrueType fonts, which the proceedings ask for
    "pdf.compression": 6,
}

_active: ContextVar[bool] = ContextVar("companion_figure_style", default=False)


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """The project's style inside the block, the user's own again after it; ``@styled()`` decorates too.

    It begins from matplotlib's defaults, so that no matplotlibrc changes a figure.
    """
    token = _active.set(True)
    try:
        with matplotlib.style.context(["default", _STYLE]):
            yield
    finally:
        _active.reset(token)


def figure(
    width: Literal["column", "text"] = "column",
    height: float | None = None,
    order: Order = "rows",
    **subplots: Any,
) -> tuple[Figure, Any]:
    """A figure of a paper's width and its axes, as ``Figure.subplots(**subplots)`` returns them.

    ``height`` in inches, .68 of the width by default. Where another width is asked for (`page.at_width`), fewer
    panels stand beside each other, in an ``order`` that `page.arrange` explains. Raises RuntimeError outside
    `styled`, where axes and lines would take the user's settings, and ValueError for another width.

    >>> with styled():
    ...     drawing, axes = figure("text", height=2.0, ncols=3, sharey=True)
    >>> drawing.get_size_inches().tolist(), axes.shape
    ([6.75, 2.0], (3,))
    """
    if not _active.get():
        raise RuntimeError("figure(): outside the style; put @styled() above the function that draws")
    widths = {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
    if width not in widths:
        raise ValueError(f"width: {width!r} given, allowed are 'column' and 'text'")
    inches = widths[width]
    size = (inches, 0.68 * inches if height is None else height)
    engine = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    asked = asked_width()
    if asked is not None and asked != inches:
        return page(asked, size, order=order, layout=engine, **subplots)
    drawing = Figure(figsize=size, layout=engine)
    return drawing, drawing.subplots(**subplots)


def axis_label(variable: xr.DataArray) -> str:
    """Label of an axis that shows ``variable``: its long_name and units, its name where there is none.

    >>> axis_label(xr.DataArray(0.0, attrs={"long_name": "time", "units": "steps"}))
    'time (steps)'
    """
    text = str(variable.attrs.get("long_name") or variable.name or "")
    units = str(variable.attrs.get("units") or "")
    return text if units in ("", "1") else f"{text} ({units})"


def shades(count: int, colormap: str = SEQUENTIAL) -> list[str]:
    """``count`` colours for an ordered series, dark to light, none too pale for white paper.

    >>> shades(2)
    ['#440154', '#7ad151']
    """
    colours: Colormap = matplotlib.colormaps[colormap]
    return [to_hex(colours(0.8 * index / max(count - 1, 1))) for index in range(count)]
